//! Conditions that statements about several tables share. `$invoice` and `$payment` are expressions for
//! the id of an invoice or a payment, `$value` is the placeholder of a parameter; a null parameter
//! selects everything.

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

/// Whether an invoice is of this order.
macro_rules! of_order {
    ($invoice:literal, $value:literal) => {
        concat!(
            "(",
            $value,
            " is null or exists (select 1 from invoices i where i.id = ",
            $invoice,
            " and (i.order_id = ",
            $value,
            " or i.former_order_id = ",
            $value,
            ")))"
        )
    };
}
pub(super) use of_order;

/// Whether an invoice's buyer matches a pattern of [`has_email`].
macro_rules! of_buyer {
    ($invoice:literal, $value:literal) => {
        concat!(
            "(",
            $value,
            " is null or exists (select 1 from invoices i where i.id = ",
            $invoice,
            " and lower(i.buyer) like ",
            $value,
            " escape '\\'))"
        )
    };
}
pub(super) use of_buyer;

/// Whether a payment's card matches a pattern of [`has_last4`].
macro_rules! of_card {
    ($payment:literal, $value:literal) => {
        concat!(
            "(",
            $value,
            " is null or exists (select 1 from payments c where c.id = ",
            $payment,
            " and c.card like ",
            $value,
            " escape '\\'))"
        )
    };
}
pub(super) use of_card;

/// Whether a payment is of this invoice, this order, a buyer that matches a pattern of [`has_email`],
/// and a card that matches a pattern of [`has_last4`].
macro_rules! of_payment {
    ($payment:literal, $invoice:literal, $order:literal, $email:literal, $last4:literal) => {
        concat!(
            "exists (select 1 from payments p where p.id = ",
            $payment,
            " and (",
            $invoice,
            " is null or p.invoice = ",
            $invoice,
            ") and ",
            $crate::store::conditions::of_order!("p.invoice", $order),
            " and ",
            $crate::store::conditions::of_buyer!("p.invoice", $email),
            " and ",
            $crate::store::conditions::of_card!("p.id", $last4),
            ")"
        )
    };
}
pub(super) use of_payment;

/// The pattern of a buyer with this email address, in any case.
pub(super) fn has_email(email: Option<&String>) -> Option<String> {
    email.map(|email| has_field("email", &email.to_lowercase()))
}

/// The pattern of a card that ends in these digits.
pub(super) fn has_last4(last4: Option<&String>) -> Option<String> {
    last4.map(|last4| has_field("last4", last4))
}

/// The pattern of a JSON object with this field, for `like ... escape '\'`.
fn has_field(name: &str, value: &str) -> String {
    let value = serde_json::Value::from(value).to_string();
    let mut pattern = format!("%\"{name}\":");
    for c in value.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_its_text_only() {
        assert_eq!(has_field("last4", "4242"), "%\"last4\":\"4242\"%");
        assert_eq!(
            has_field("email", "a_b%\"\\@x"),
            "%\"email\":\"a\\_b\\%\\\\\"\\\\\\\\@x\"%"
        );
    }
}
