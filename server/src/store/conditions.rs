//! Conditions that statements about several tables share.

use super::engine::Engine;

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

/// The select for the ids of a project's invoices of an order, given the placeholders of both. SQLite finds them
/// by the two indexes only if each has a select of its own.
pub(super) fn of_order(project: &str, order: &str) -> String {
    let [current, former] = ["order_id", "former_order_id"].map(|column| {
        format!("select id from invoices where project = {project} and {column} = {order}")
    });
    format!("{current} union all {former}")
}

/// A text column or expression in a form for which no index is used, so that another condition leads. The
/// databases would choose by statistics, which SQLite does not have, and which PostgreSQL has late.
pub(super) fn unindexed(text: &str) -> String {
    format!("({text} || '')")
}

/// How far the time of a row may be from that of its id before the row counts as moved, in milliseconds.
/// The indexes have this number.
pub(super) const TOLERANCE: i64 = 10_000;

/// The condition for rows whose times, in the column `time`, are not those of their ids, which begin with
/// `prefix`. Indexes have the same condition.
pub(super) fn moved(engine: Engine, prefix: &str, time: &str, qualifier: &str) -> String {
    let start = prefix.len() + 1;
    let id = format!("substr({qualifier}id, {start}, 12)");
    let time = format!("{qualifier}{time}");
    let first = engine.hex(&format!("{time} - {TOLERANCE}"));
    let last = engine.hex(&format!("{time} + {TOLERANCE}"));
    format!("({id} < {first} or {id} > {last})")
}
