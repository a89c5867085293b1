//! Lists of payments.

use super::PaymentRow;
use crate::store::{Result, Store};
use till_shared::id::{InvoiceId, PaymentId, ProjectId};
use till_shared::payment::{DeclineCode, PaymentStatus};

/// Selects payments of a list.
#[derive(Debug, Default)]
pub struct PaymentFilter {
    /// Only payments of this invoice.
    pub invoice: Option<InvoiceId>,
    /// Only payments of this order.
    pub order_id: Option<String>,
    /// Only payments in this status.
    pub status: Option<PaymentStatus>,
    /// Only payments through this connector.
    pub connector: Option<String>,
    /// Only payments that were declined for this reason.
    pub decline: Option<DeclineCode>,
    /// Only payments by a card that ends in these four digits.
    pub last4: Option<String>,
    /// Only payments of the buyer with this email address, in any case.
    pub email: Option<String>,
    /// Only payments created after this time (milliseconds).
    pub created_after: Option<i64>,
    /// Only payments created before this time (milliseconds).
    pub created_before: Option<i64>,
    /// Only payments older than this one. Lists are ordered from the newest to the oldest.
    pub before: Option<PaymentId>,
    /// The maximum number of payments.
    pub limit: i64,
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

impl Store {
    /// Returns a project's payments, from the newest to the oldest.
    pub async fn list_payments(
        &self,
        project: &ProjectId,
        filter: &PaymentFilter,
    ) -> Result<Vec<PaymentRow>> {
        let email = filter.email.as_ref().map(|email| email.to_lowercase());
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from payments where project = $1
             and ($2 is null or invoice = $2)
             and ($3 is null or exists (select 1 from invoices i where i.id = payments.invoice
                 and (i.order_id = $3 or i.former_order_id = $3)))
             and ($4 is null or status = $4)
             and ($5 is null or connector = $5)
             and ($6 is null or decline_code = $6)
             and ($7 is null or card like $7 escape '\\')
             and ($8 is null or exists (select 1 from invoices i where i.id = payments.invoice
                 and lower(i.buyer) like $8 escape '\\'))
             and ($9 is null or created_at > $9)
             and ($10 is null or created_at < $10)
             and ($11 is null or id < $11)
             order by id desc limit $12"
        ))
        .bind(project.as_str())
        .bind(filter.invoice.as_ref().map(InvoiceId::as_str))
        .bind(&filter.order_id)
        .bind(filter.status.map(PaymentStatus::as_str))
        .bind(&filter.connector)
        .bind(filter.decline.map(DeclineCode::as_str))
        .bind(filter.last4.as_ref().map(|last4| has_field("last4", last4)))
        .bind(email.map(|email| has_field("email", &email)))
        .bind(filter.created_after)
        .bind(filter.created_before)
        .bind(filter.before.as_ref().map(PaymentId::as_str))
        .bind(filter.limit)
        .fetch_all(self.pool())
        .await?)
    }
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
