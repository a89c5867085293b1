//! The table `payments`.

use super::column::{Columns, to_json};
use super::error::violates;
use super::{Result, Store, Tx};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::QueryAs;
use sqlx::{Any, AssertSqlSafe, FromRow, Row};
use till_shared::card::CardSummary;
use till_shared::id::{InvoiceId, PaymentId, ProjectId};
use till_shared::money::Money;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;

/// The columns that are read, by name: a server keeps running while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, invoice, project, method, connector, account, reference, amount, currency, \
         status, decline_code, card, verification, checks, next_check_at, created_at, \
         updated_at"
    };
}

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
    pub reference: Option<String>,
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
    /// When it was created (milliseconds).
    pub created_at: i64,
    /// When it was last changed (milliseconds).
    pub updated_at: i64,
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
            reference: row.try_get("reference")?,
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
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// The result of [`insert`].
pub enum Inserted {
    /// The payment was inserted.
    New,
    /// The invoice has another live payment.
    AnotherIsLive,
}

/// Inserts a payment, unless its invoice has a live one.
pub async fn insert(tx: &mut Tx, new: &PaymentRow) -> Result<Inserted> {
    let done = sqlx::query(
        "insert into payments (id, invoice, project, method, connector, account, amount, currency,
         status, card, verification, next_check_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(new.id.as_str())
    .bind(new.invoice.as_str())
    .bind(new.project.as_str())
    .bind(new.method.as_str())
    .bind(&new.connector)
    .bind(&new.account)
    .bind(new.money.amount)
    .bind(new.money.currency.code())
    .bind(new.status.as_str())
    .bind(new.card.as_ref().map(to_json).transpose()?)
    .bind(to_json(&new.verification)?)
    .bind(new.next_check_at)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(tx.conn())
    .await;
    match done {
        Ok(_) => Ok(Inserted::New),
        Err(e) if violates(&e, "payments_one_live", "payments.invoice") => {
            Ok(Inserted::AnotherIsLive)
        }
        Err(e) => Err(e.into()),
    }
}

/// Updates the fields of a payment that change.
pub async fn save(tx: &mut Tx, row: &PaymentRow) -> Result<()> {
    sqlx::query(
        "update payments set reference = $1, status = $2, decline_code = $3, card = $4,
         verification = $5, next_check_at = $6, updated_at = $7 where id = $8",
    )
    .bind(&row.reference)
    .bind(row.status.as_str())
    .bind(row.decline.map(DeclineCode::as_str))
    .bind(row.card.as_ref().map(to_json).transpose()?)
    .bind(to_json(&row.verification)?)
    .bind(row.next_check_at)
    .bind(row.updated_at)
    .bind(row.id.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
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

    /// Returns a project's payments, of one invoice or of all, from the newest to the oldest.
    pub async fn list_payments(
        &self,
        project: &ProjectId,
        invoice: Option<&InvoiceId>,
        before: Option<&PaymentId>,
        limit: i64,
    ) -> Result<Vec<PaymentRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from payments where project = $1
             and ($2 is null or invoice = $2)
             and ($3 is null or id < $3)
             order by id desc limit $4"
        ))
        .bind(project.as_str())
        .bind(invoice.map(InvoiceId::as_str))
        .bind(before.map(PaymentId::as_str))
        .bind(limit)
        .fetch_all(self.pool())
        .await?)
    }

    /// Claims the payments whose status is due to be polled: until `lease_until` (milliseconds) no
    /// other call claims them.
    pub async fn claim_due_payments(
        &self,
        now: i64,
        lease_until: i64,
        limit: i64,
    ) -> Result<Vec<PaymentRow>> {
        Ok(sqlx::query_as(AssertSqlSafe(format!(
            concat!(
                "update payments set next_check_at = $2, checks = checks + 1 where id in
                 (select id from payments where next_check_at <= $1 order by next_check_at
                  limit $3{}) returning ",
                columns!()
            ),
            self.engine.skip_locked()
        )))
        .bind(now)
        .bind(lease_until)
        .bind(limit)
        .fetch_all(self.pool())
        .await?)
    }

    /// Sets when a payment's status is polled next, unless it is final.
    pub async fn schedule_check(&self, id: &PaymentId, at: i64) -> Result<()> {
        sqlx::query(
            "update payments set next_check_at = $1 where id = $2 and next_check_at is not null",
        )
        .bind(at)
        .bind(id.as_str())
        .execute(self.pool())
        .await?;
        Ok(())
    }
}
