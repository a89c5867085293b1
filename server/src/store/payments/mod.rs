//! The table `payments`.

use crate::domain::payment::Review;
use crate::domain::reference::{Reference, ReferenceObject};
use crate::store::column::Columns;
use crate::store::invoices::InvoiceRow;
use crate::store::{Result, Store, Tx};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::QueryAs;
use sqlx::{Any, FromRow, Row};
use till_shared::card::CardSummary;
use till_shared::id::{InvoiceId, PaymentId, ProjectId};
use till_shared::money::Money;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;

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
mod save;
mod submission;

pub use save::{Inserted, insert, save};
pub use submission::{Created, Reported};

/// A payment as it is stored.
#[derive(Debug, Clone)]
pub struct PaymentRow {
    /// The payment's id.
    pub id: PaymentId,
    /// The invoice that it pays.
    pub invoice: InvoiceId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The payment method.
    pub method: Method,
    /// The connector's kind.
    pub connector: String,
    /// The account at the payment system.
    pub account: String,
    /// The payment system's id, once known.
    pub reference: Option<Reference>,
    /// The amount.
    pub money: Money,
    /// The status.
    pub status: PaymentStatus,
    /// The reason of a decline.
    pub decline: Option<DeclineCode>,
    /// The part of the card that may be shown.
    pub card: Option<CardSummary>,
    /// What the buyer has to do to verify the payment.
    pub verification: Verification,
    /// How often its status was polled.
    pub checks: i64,
    /// When its status is polled next (milliseconds); `None` once it is final.
    pub next_check_at: Option<i64>,
    /// Whether the invoice was paid before.
    pub duplicate: bool,
    /// Why an operator has to look at it.
    pub review: Option<Review>,
    /// Whether it is to be canceled at the payment system, as another payment paid the invoice.
    pub called_off: bool,
    /// The first payment of the same call, if another account was tried before.
    pub first_attempt: Option<PaymentId>,
    /// Whether the browser is not told why it is declined.
    pub suspicious: bool,
    /// The refunded amount, in minor units. Read only: the table `refunds` has it.
    pub amount_refunded: i64,
    /// The amount that the payment system took back, in minor units. Read only: the table
    /// `reversals` has it.
    pub amount_reversed: i64,
    /// When it was created (milliseconds).
    pub created_at: i64,
    /// When it was last changed (milliseconds).
    pub updated_at: i64,
}

impl PaymentRow {
    /// Whether an account of a payment system carries the payment.
    pub fn is_carried_by(&self, kind: &str, account: &str) -> bool {
        self.connector == kind && self.account == account
    }
}

impl FromRow<'_, AnyRow> for PaymentRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            invoice: row.parse("invoice")?,
            project: row.parse("project")?,
            method: row.parse("method")?,
            connector: row.try_get("connector")?,
            account: row.try_get("account")?,
            reference: reference(row)?,
            money: Money {
                amount: row.try_get("amount")?,
                currency: row.parse("currency")?,
            },
            status: row.parse("status")?,
            decline: row.parse_optional("decline_code")?,
            card: row.json_optional("card")?,
            verification: row.json("verification")?,
            checks: row.try_get("checks")?,
            next_check_at: row.try_get("next_check_at")?,
            duplicate: row.flag("is_duplicate")?,
            review: row.parse_optional("review")?,
            called_off: row.flag("called_off")?,
            first_attempt: row.parse_optional("first_attempt")?,
            suspicious: row.flag("suspicious")?,
            amount_refunded: row.try_get("amount_refunded")?,
            amount_reversed: row.try_get("amount_reversed")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// A payment and what a change of it locks and reads.
pub struct PaymentToChange {
    /// The payment.
    pub payment: PaymentRow,
    /// The order of its invoice.
    pub order_id: String,
    /// The version of its project.
    pub project_version: i64,
    /// The version of its invoice.
    pub invoice_version: i64,
    /// Its invoice, if it was read already.
    pub invoice: Option<InvoiceRow>,
}

impl FromRow<'_, AnyRow> for PaymentToChange {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            payment: PaymentRow::from_row(row)?,
            order_id: row.try_get("order_id")?,
            project_version: row.try_get("project_version")?,
            invoice_version: row.try_get("invoice_version")?,
            invoice: None,
        })
    }
}

fn reference(row: &AnyRow) -> sqlx::Result<Option<Reference>> {
    let id: Option<String> = row.try_get("reference")?;
    let object: ReferenceObject = row.parse("reference_object")?;
    Ok(id.map(|id| Reference { id, object }))
}

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
