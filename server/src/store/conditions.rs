//! Conditions that statements about several tables share.

/// Whether a payment is a second success for its invoice. A server of before the column marks the
/// payment's refund only. `$payments` is the table's name or alias.
macro_rules! is_duplicate {
    ($payments:literal) => {
        concat!(
            "(",
            $payments,
            ".duplicate = 1 or exists (select 1 from refunds d where d.payment = ",
            $payments,
            ".id and d.duplicate = 1))"
        )
    };
}
pub(super) use is_duplicate;

/// The select for the ids of a project's invoices of an order. SQLite finds them by the two indexes only if
/// each has a select of its own.
macro_rules! of_order {
    ($project:literal, $order:literal) => {
        concat!(
            "select id from invoices where project = ",
            $project,
            " and order_id = ",
            $order,
            " union all select id from invoices where project = ",
            $project,
            " and former_order_id = ",
            $order
        )
    };
}
pub(super) use of_order;

/// A text column or expression in a form for which no index is used, so that another condition leads. The
/// databases would choose by statistics, which SQLite does not have, and which PostgreSQL has late.
pub(super) fn unindexed(text: &str) -> String {
    format!("({text} || '')")
}
