//! The table `payments`.

use crate::store::{Result, Store, Tx};
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::QueryAs;
use till_shared::id::{InvoiceId, PaymentId, ProjectId};

/// The columns that are read, by name: a server keeps running while a newer one adds columns. A server
/// of before `reference_object` and `duplicate` leaves them empty.
macro_rules! columns {
    () => {
        concat!(
            "id, invoice, project, method, connector, account, reference, amount, currency, status, \
         decline_code, card, verification, checks, next_check_at, review, called_off, \
         first_attempt, suspicious, created_at, updated_at, \
         coalesce(reference_object, case \
             when status <> 'succeeded' and (connector = 'paypal' \
                 or connector = 'adyen' and reference like 'PL%' \
                 or connector = 'stripe' and reference like 'cs!_%' escape '!') then 'page' \
             else 'payment' end) as reference_object, \
         cast(case when ",
            $crate::store::conditions::is_duplicate!("payments"),
            " then 1 else 0 end as bigint) as is_duplicate, \
         (select cast(coalesce(sum(r.amount), 0) as bigint) from refunds r \
          where r.payment = payments.id and r.status = 'succeeded') as amount_refunded, \
         (select cast(coalesce(sum(v.amount), 0) as bigint) from reversals v \
          where v.payment = payments.id) as amount_reversed"
        )
    };
}

/// The columns of a payment and of what a change of it locks and reads.
macro_rules! columns_to_change {
    () => {
        concat!(
            columns!(),
            ", (select coalesce(former_order_id, order_id) from invoices
                where invoices.id = payments.invoice) as order_id,
             (select version from invoices where invoices.id = payments.invoice) as invoice_version,
             (select version from projects where projects.id = payments.project) as project_version"
        )
    };
}

mod due;
pub mod list;
pub mod references;
mod row;
mod save;
mod submission;

pub use row::{PaymentRow, PaymentToChange};
pub use save::{Inserted, insert, save};
pub use submission::{Created, Reported};

/// The payment with this id.
pub async fn get(tx: &mut Tx, id: &PaymentId) -> Result<Option<PaymentRow>> {
    Ok(sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from payments where id = $1"
    ))
    .bind(id.as_str())
    .fetch_optional(tx.conn())
    .await?)
}

/// Makes an invoice's live payments but `except` due to be canceled at their payment systems.
pub async fn call_off(
    tx: &mut Tx,
    invoice: &InvoiceId,
    except: &PaymentId,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "update payments set called_off = 1, next_check_at = $1
         where invoice = $2 and id <> $3
         and status in ('created', 'requires_verification', 'processing')",
    )
    .bind(now)
    .bind(invoice.as_str())
    .bind(except.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An invoice's payments, oldest first.
pub async fn of_invoice(tx: &mut Tx, id: &InvoiceId) -> Result<Vec<PaymentRow>> {
    Ok(of(id).fetch_all(tx.conn()).await?)
}

type Select<'q> = QueryAs<'q, Any, PaymentRow, AnyArguments>;

fn of(id: &InvoiceId) -> Select<'_> {
    sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from payments where invoice = $1 order by id"
    ))
    .bind(id.as_str())
}

impl Store {
    /// Returns the newest payment that a call created, by the first one's id: a later one if the
    /// first account did not take it.
    pub async fn newest_attempt(&self, first: &PaymentId) -> Result<Option<PaymentRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from payments where id = $1 or first_attempt = $1 order by id desc limit 1"
        ))
        .bind(first.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// Returns the newest live payment of a project's account whose reference is known.
    pub async fn live_payment_of(
        &self,
        project: &ProjectId,
        connector: &str,
        account: &str,
    ) -> Result<Option<PaymentRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from payments where project = $1 and connector = $2 and account = $3
             and reference is not null
             and status in ('requires_verification', 'processing') order by id desc limit 1"
        ))
        .bind(project.as_str())
        .bind(connector)
        .bind(account)
        .fetch_optional(self.pool())
        .await?)
    }

    /// Returns the payment that has this id of a payment system, and what a change of it locks and reads.
    pub async fn payment_to_change_by_reference(
        &self,
        connector: &str,
        reference: &str,
    ) -> Result<Option<PaymentToChange>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns_to_change!(),
            " from payments where connector = $1 and reference = $2"
        ))
        .bind(connector)
        .bind(reference)
        .fetch_optional(self.pool())
        .await?)
    }

    /// Returns the payment with this id, regardless of project: for webhooks and returning buyers.
    pub async fn payment(&self, id: &PaymentId) -> Result<Option<PaymentRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from payments where id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// Returns the payment with this id and what a change of it locks and reads.
    pub async fn payment_to_change(&self, id: &PaymentId) -> Result<Option<PaymentToChange>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns_to_change!(),
            " from payments where id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// Returns a project's payment.
    pub async fn project_payment(
        &self,
        project: &ProjectId,
        id: &PaymentId,
    ) -> Result<Option<PaymentRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from payments where id = $1 and project = $2"
        ))
        .bind(id.as_str())
        .bind(project.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// Returns an invoice's payments, the oldest first.
    pub async fn payments_of(&self, id: &InvoiceId) -> Result<Vec<PaymentRow>> {
        Ok(of(id).fetch_all(self.pool()).await?)
    }
}
