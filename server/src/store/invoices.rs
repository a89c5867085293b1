//! Invoices. Every query of a project's own names the project, so that none can forget it.

use super::{Result, Store, StoreError, Tx, json, live, to_json, violates, word};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use std::collections::BTreeMap;
use till_shared::buyer::Buyer;
use till_shared::id::{InvoiceId, ProjectId};
use till_shared::invoice::{InvoiceStatus, Item};
use till_shared::money::Money;
use till_shared::payment::Method;

/// What is read of a row, by name: a server of this version goes on while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, project, order_id, order_hash, amount, currency, description, items, buyer, \
         locale, success_url, failure_url, metadata, method, status, amount_refunded, \
         checked, event_seq, version, created_at, expires_at, paid_at"
    };
}

/// An invoice as it is stored.
#[derive(Debug, Clone)]
pub struct InvoiceRow {
    /// Its id.
    pub id: InvoiceId,
    /// Whose it is.
    pub project: ProjectId,
    /// The project's number, unique in the project.
    pub order_id: String,
    /// A fingerprint of the order, to know the same order again.
    pub order_hash: String,
    /// What is owed.
    pub money: Money,
    /// What the buyer reads.
    pub description: Option<String>,
    /// The order's lines.
    pub items: Vec<Item>,
    /// What is known of the buyer.
    pub buyer: Buyer,
    /// A BCP 47 language tag.
    pub locale: Option<String>,
    /// Where the buyer goes after success; before the project's own.
    pub success_url: Option<String>,
    /// Where the buyer goes otherwise; before the project's own.
    pub failure_url: Option<String>,
    /// The project's notes.
    pub metadata: BTreeMap<String, String>,
    /// The way to pay that the order names.
    pub method: Option<Method>,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// Minor units given back.
    pub amount_refunded: i64,
    /// Whether the project said yes to the order.
    pub checked: bool,
    /// The sequence number of its newest event.
    pub event_seq: i64,
    /// Counts its changes; the id of live events.
    pub version: i64,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub expires_at: i64,
    /// Milliseconds.
    pub paid_at: Option<i64>,
}

impl FromRow<'_, AnyRow> for InvoiceRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let decode = |e: StoreError| sqlx::Error::Decode(Box::new(e));
        let currency = word(row.try_get("currency")?).map_err(decode)?;
        let method: Option<&str> = row.try_get("method")?;
        Ok(Self {
            id: word(row.try_get("id")?).map_err(decode)?,
            project: word(row.try_get("project")?).map_err(decode)?,
            order_id: row.try_get("order_id")?,
            order_hash: row.try_get("order_hash")?,
            money: Money {
                amount: row.try_get("amount")?,
                currency,
            },
            description: row.try_get("description")?,
            items: json(row.try_get("items")?).map_err(decode)?,
            buyer: json(row.try_get("buyer")?).map_err(decode)?,
            locale: row.try_get("locale")?,
            success_url: row.try_get("success_url")?,
            failure_url: row.try_get("failure_url")?,
            metadata: json(row.try_get("metadata")?).map_err(decode)?,
            method: method.map(word).transpose().map_err(decode)?,
            status: word(row.try_get("status")?).map_err(decode)?,
            amount_refunded: row.try_get("amount_refunded")?,
            checked: row.try_get::<i64, _>("checked")? != 0,
            event_seq: row.try_get("event_seq")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            paid_at: row.try_get("paid_at")?,
        })
    }
}

/// How an insert went.
pub enum Inserted {
    /// It is there now.
    New,
    /// The project has an order under this number already.
    OrderIdTaken,
}

/// What a list of invoices is narrowed to.
#[derive(Debug, Default)]
pub struct InvoiceFilter {
    /// This order only.
    pub order_id: Option<String>,
    /// This status only.
    pub status: Option<InvoiceStatus>,
    /// Made after (milliseconds).
    pub created_after: Option<i64>,
    /// Older than this one: lists go from the newest to the oldest.
    pub before: Option<InvoiceId>,
    /// At most so many.
    pub limit: i64,
}

/// Inserts an invoice, unless its order id is taken.
pub async fn insert(tx: &mut Tx, new: &InvoiceRow) -> Result<Inserted> {
    let done = sqlx::query(
        "insert into invoices (id, project, order_id, order_hash, amount, currency, description,
         items, buyer, locale, success_url, failure_url, metadata, method, status, checked,
         created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
    )
    .bind(new.id.as_str())
    .bind(new.project.as_str())
    .bind(&new.order_id)
    .bind(&new.order_hash)
    .bind(new.money.amount)
    .bind(new.money.currency.code())
    .bind(&new.description)
    .bind(to_json(&new.items)?)
    .bind(to_json(&new.buyer)?)
    .bind(&new.locale)
    .bind(&new.success_url)
    .bind(&new.failure_url)
    .bind(to_json(&new.metadata)?)
    .bind(new.method.map(Method::as_str))
    .bind(new.status.as_str())
    .bind(i64::from(new.checked))
    .bind(new.created_at)
    .bind(new.expires_at)
    .execute(tx.conn())
    .await;
    match done {
        Ok(_) => Ok(Inserted::New),
        Err(e) if violates(&e, "invoices_order_id", "invoices.order_id") => {
            Ok(Inserted::OrderIdTaken)
        }
        Err(e) => Err(e.into()),
    }
}

/// Writes what changes in an invoice's life and counts its version up.
pub async fn save(tx: &mut Tx, row: &mut InvoiceRow) -> Result<()> {
    row.version += 1;
    sqlx::query(
        "update invoices set status = $1, buyer = $2, amount_refunded = $3, checked = $4,
         event_seq = $5, version = $6, paid_at = $7 where id = $8",
    )
    .bind(row.status.as_str())
    .bind(to_json(&row.buyer)?)
    .bind(row.amount_refunded)
    .bind(i64::from(row.checked))
    .bind(row.event_seq)
    .bind(row.version)
    .bind(row.paid_at)
    .bind(row.id.as_str())
    .execute(tx.conn())
    .await?;
    live::notify(tx, &row.id).await
}

/// The invoice with this id, whose ever it is, with nobody else changing it until the transaction
/// ends. Comes before whatever else the transaction reads of it.
pub async fn lock(tx: &mut Tx, id: &InvoiceId) -> Result<Option<InvoiceRow>> {
    let sql = format!(
        concat!("select ", columns!(), " from invoices where id = $1{}"),
        tx.engine.for_update()
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .bind(id.as_str())
        .fetch_optional(tx.conn())
        .await?)
}

impl Store {
    /// The invoice with this id, whose ever it is: for callers that hold its client token or came
    /// to it from a payment.
    pub async fn invoice(&self, id: &InvoiceId) -> Result<Option<InvoiceRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from invoices where id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// A project's invoice.
    pub async fn project_invoice(
        &self,
        project: &ProjectId,
        id: &InvoiceId,
    ) -> Result<Option<InvoiceRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from invoices where id = $1 and project = $2"
        ))
        .bind(id.as_str())
        .bind(project.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// A project's invoice for an order.
    pub async fn invoice_by_order(
        &self,
        project: &ProjectId,
        order_id: &str,
    ) -> Result<Option<InvoiceRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from invoices where project = $1 and order_id = $2"
        ))
        .bind(project.as_str())
        .bind(order_id)
        .fetch_optional(self.pool())
        .await?)
    }

    /// A project's invoices, from the newest to the oldest.
    pub async fn list_invoices(
        &self,
        project: &ProjectId,
        filter: &InvoiceFilter,
    ) -> Result<Vec<InvoiceRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from invoices where project = $1
             and ($2 is null or order_id = $2)
             and ($3 is null or status = $3)
             and ($4 is null or created_at > $4)
             and ($5 is null or id < $5)
             order by id desc limit $6"
        ))
        .bind(project.as_str())
        .bind(&filter.order_id)
        .bind(filter.status.map(InvoiceStatus::as_str))
        .bind(filter.created_after)
        .bind(filter.before.as_ref().map(InvoiceId::as_str))
        .bind(filter.limit)
        .fetch_all(self.pool())
        .await?)
    }

    /// Open invoices whose time is over.
    pub async fn overdue_invoices(&self, now: i64, limit: i64) -> Result<Vec<InvoiceId>> {
        let ids: Vec<String> = sqlx::query_scalar(
            "select id from invoices where status = 'open' and expires_at <= $1
             order by expires_at limit $2",
        )
        .bind(now)
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        ids.iter().map(|id| word(id)).collect()
    }
}
