//! The table `connector_accounts`: projects' accounts at payment systems.

use super::column::{Columns, to_json};
use super::{Result, Store, Tx};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::QueryAs;
use sqlx::{Any, FromRow, Row};
use till_shared::id::ProjectId;
use till_shared::payment::Method;
use till_shared::widget::CardEntry;

/// The columns that are read, by name: a server keeps running while a newer one adds columns.
macro_rules! columns {
    () => {
        "kind, account, label, credentials, methods, currencies, card_entry"
    };
}

/// An account at a payment system, with encrypted credentials.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// The connector's kind.
    pub kind: String,
    /// The account's id, unique for the kind.
    pub account: String,
    /// The project's name for it.
    pub label: String,
    /// The encrypted credentials.
    pub credentials: String,
    /// The methods it is used for; empty for all that the connector supports.
    pub methods: Vec<Method>,
    /// The currencies it is used for, as ISO 4217 codes; empty for all that the connector supports.
    pub currencies: Vec<String>,
    /// Where the buyer enters a card; `None` for an account that an earlier version stored.
    pub card_entry: Option<CardEntry>,
}

impl FromRow<'_, AnyRow> for AccountRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            kind: row.try_get("kind")?,
            account: row.try_get("account")?,
            label: row.try_get("label")?,
            credentials: row.try_get("credentials")?,
            methods: row.json("methods")?,
            currencies: row.json("currencies")?,
            card_entry: row.parse_optional("card_entry")?,
        })
    }
}

/// The result of [`write`].
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// The account was written.
    Done,
    /// Another project has an account with this kind and id.
    TakenByAnother,
}

/// Marks all accounts of a project as removed. [`write`] clears the mark.
pub async fn remove_all(tx: &mut Tx, project: &ProjectId) -> Result<()> {
    sqlx::query("update connector_accounts set removed = 1 where project = $1")
        .bind(project.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Inserts or updates an account. `position` is its rank in the order of preference.
pub async fn write(
    tx: &mut Tx,
    project: &ProjectId,
    position: i64,
    row: &AccountRow,
) -> Result<Written> {
    let done = sqlx::query(
        "insert into connector_accounts
         (kind, account, project, label, credentials, methods, currencies, card_entry, position)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (kind, account) do update set label = excluded.label,
         credentials = excluded.credentials, methods = excluded.methods,
         currencies = excluded.currencies, card_entry = excluded.card_entry,
         position = excluded.position, removed = 0
         where connector_accounts.project = excluded.project",
    )
    .bind(&row.kind)
    .bind(&row.account)
    .bind(project.as_str())
    .bind(&row.label)
    .bind(&row.credentials)
    .bind(to_json(&row.methods)?)
    .bind(to_json(&row.currencies)?)
    .bind(row.card_entry.map(CardEntry::as_str))
    .bind(position)
    .execute(tx.conn())
    .await?;
    Ok(match done.rows_affected() {
        0 => Written::TakenByAnother,
        _ => Written::Done,
    })
}

/// Returns the accounts that a project uses, the preferred one first.
pub async fn of_project(tx: &mut Tx, project: &ProjectId) -> Result<Vec<AccountRow>> {
    Ok(of(project).fetch_all(tx.conn()).await?)
}

/// Returns the account with this kind and id, removed or not.
pub async fn get(tx: &mut Tx, kind: &str, account: &str) -> Result<Option<AccountRow>> {
    Ok(by_id(kind, account).fetch_optional(tx.conn()).await?)
}

type Select<'q> = QueryAs<'q, Any, AccountRow, AnyArguments>;

fn by_id<'q>(kind: &'q str, account: &'q str) -> Select<'q> {
    sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from connector_accounts where kind = $1 and account = $2"
    ))
    .bind(kind)
    .bind(account)
}

fn of(project: &ProjectId) -> Select<'_> {
    sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from connector_accounts where project = $1 and removed = 0
         order by position"
    ))
    .bind(project.as_str())
}

impl Store {
    /// Returns the accounts that a project uses, the preferred one first.
    pub async fn accounts(&self, project: &ProjectId) -> Result<Vec<AccountRow>> {
        Ok(of(project).fetch_all(self.pool()).await?)
    }

    /// Returns the account with this kind and id, removed or not.
    pub async fn account(&self, kind: &str, account: &str) -> Result<Option<AccountRow>> {
        Ok(by_id(kind, account).fetch_optional(self.pool()).await?)
    }
}
