//! Lists of payments.

use super::PaymentRow;
use crate::store::conditions::{has_email, has_last4, of_buyer, of_card, of_order};
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
}

impl Store {
    /// Returns a project's payments, from the newest to the oldest.
    pub async fn list_payments(
        &self,
        project: &ProjectId,
        filter: &PaymentFilter,
        limit: i64,
    ) -> Result<Vec<PaymentRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from payments where project = $1
             and ($2 is null or invoice = $2)
             and ",
            of_order!("payments.invoice", "$3"),
            " and ($4 is null or status = $4)
             and ($5 is null or connector = $5)
             and ($6 is null or decline_code = $6)
             and ",
            of_card!("payments.id", "$7"),
            " and ",
            of_buyer!("payments.invoice", "$8"),
            " and ($9 is null or created_at > $9)
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
        .bind(has_last4(filter.last4.as_ref()))
        .bind(has_email(filter.email.as_ref()))
        .bind(filter.created_after)
        .bind(filter.created_before)
        .bind(filter.before.as_ref().map(PaymentId::as_str))
        .bind(limit)
        .fetch_all(self.pool())
        .await?)
    }
}
