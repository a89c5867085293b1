//! Payments.

use super::{Result, Store, StoreError, Tx, json, to_json, violates, word};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::QueryAs;
use sqlx::{Any, AssertSqlSafe, FromRow, Row};
use till_shared::card::CardSummary;
use till_shared::id::{InvoiceId, PaymentId, ProjectId};
use till_shared::money::Money;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;

/// What is read of a row, by name: a server of this version goes on while a newer one adds columns.
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
    /// Its id.
    pub id: PaymentId,
    /// What it pays.
    pub invoice: InvoiceId,
    /// Whose it is.
    pub project: ProjectId,
    /// The way.
    pub method: Method,
    /// The connector's kind.
    pub connector: String,
    /// The account there.
    pub account: String,
    /// The payment system's id, once known.
    pub reference: Option<String>,
    /// How much.
    pub money: Money,
    /// Where it stands.
    pub status: PaymentStatus,
    /// Why it was declined.
    pub decline: Option<DeclineCode>,
    /// What may be shown of the card.
    pub card: Option<CardSummary>,
    /// What the buyer has to do.
    pub verification: Verification,
    /// How often it was asked after.
    pub checks: i64,
    /// When it is asked after next; `None` once nothing more is to come.
    pub next_check_at: Option<i64>,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub updated_at: i64,
}

impl FromRow<'_, AnyRow> for PaymentRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let decode = |e: StoreError| sqlx::Error::Decode(Box::new(e));
        let currency = word(row.try_get("currency")?).map_err(decode)?;
        let decline: Option<&str> = row.try_get("decline_code")?;
        let card: Option<&str> = row.try_get("card")?;
        Ok(Self {
            id: word(row.try_get("id")?).map_err(decode)?,
            invoice: word(row.try_get("invoice")?).map_err(decode)?,
            project: word(row.try_get("project")?).map_err(decode)?,
            method: word(row.try_get("method")?).map_err(decode)?,
            connector: row.try_get("connector")?,
            account: row.try_get("account")?,
            reference: row.try_get("reference")?,
            money: Money {
                amount: row.try_get("amount")?,
                currency,
            },
            status: word(row.try_get("status")?).map_err(decode)?,
            decline: decline.map(word).transpose().map_err(decode)?,
            card: card.map(json).transpose().map_err(decode)?,
            verification: json(row.try_get("verification")?).map_err(decode)?,
            checks: row.try_get("checks")?,
            next_check_at: row.try_get("next_check_at")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// How an insert went.
pub enum Inserted {
    /// It is there now.
    New,
    /// Another payment of the invoice is live.
    AnotherIsLive,
}

/// Inserts a payment, unless another of its invoice is live.
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

/// Writes what changes in a payment's life.
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
    /// The payment with this id, whose ever it is: for the webhooks and returns that name it.
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

    /// A project's payment.
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

    /// An invoice's payments, oldest first.
    pub async fn payments_of(&self, id: &InvoiceId) -> Result<Vec<PaymentRow>> {
        Ok(of(id).fetch_all(self.pool()).await?)
    }

    /// A project's payments, of one invoice or of all, from the newest to the oldest.
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

    /// Takes payments that are due to be asked after and puts their next time at `lease_until`, so
    /// that nobody else takes them meanwhile.
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

    /// Sets when a payment is asked after next, if it still is to be.
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

    /// Records a payment system's message. `false` if it was recorded before.
    pub async fn record_webhook(
        &self,
        kind: &str,
        account: &str,
        event_id: &str,
        now: i64,
    ) -> Result<bool> {
        let done = sqlx::query(
            "insert into connector_webhooks (connector, account, event_id, received_at)
             values ($1, $2, $3, $4) on conflict do nothing",
        )
        .bind(kind)
        .bind(account)
        .bind(event_id)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
