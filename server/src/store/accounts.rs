//! Projects' accounts at payment systems.

use super::{Result, Store, StoreError, Tx, json, to_json};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::QueryAs;
use sqlx::{Any, FromRow, Row};
use till_shared::id::ProjectId;
use till_shared::payment::Method;

/// What is read of a row, by name: a server of this version goes on while a newer one adds columns.
macro_rules! columns {
    () => {
        "kind, account, project, label, credentials, methods, currencies, position, \
         removed"
    };
}

/// An account at a payment system, its credentials sealed.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// The connector's kind.
    pub kind: String,
    /// Its id, unique for the kind.
    pub account: String,
    /// What its owner calls it.
    pub label: String,
    /// Credentials, sealed.
    pub credentials: String,
    /// What it is used for; empty for all that the connector supports.
    pub methods: Vec<Method>,
    /// ISO 4217 codes; empty for all that the connector supports.
    pub currencies: Vec<String>,
}

impl FromRow<'_, AnyRow> for AccountRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let decode = |e: StoreError| sqlx::Error::Decode(Box::new(e));
        Ok(Self {
            kind: row.try_get("kind")?,
            account: row.try_get("account")?,
            label: row.try_get("label")?,
            credentials: row.try_get("credentials")?,
            methods: json(row.try_get("methods")?).map_err(decode)?,
            currencies: json(row.try_get("currencies")?).map_err(decode)?,
        })
    }
}

/// How an account was written.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// It is the project's.
    Done,
    /// Another project has an account of this kind and id.
    TakenByAnother,
}

/// Takes all of a project's accounts out of use; those that are written again come back.
pub async fn remove_all(tx: &mut Tx, project: &ProjectId) -> Result<()> {
    sqlx::query("update connector_accounts set removed = 1 where project = $1")
        .bind(project.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Writes an account at its place in the order of preference.
pub async fn write(
    tx: &mut Tx,
    project: &ProjectId,
    position: i64,
    row: &AccountRow,
) -> Result<Written> {
    let done = sqlx::query(
        "insert into connector_accounts
         (kind, account, project, label, credentials, methods, currencies, position)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (kind, account) do update set label = excluded.label,
         credentials = excluded.credentials, methods = excluded.methods,
         currencies = excluded.currencies, position = excluded.position, removed = 0
         where connector_accounts.project = excluded.project",
    )
    .bind(&row.kind)
    .bind(&row.account)
    .bind(project.as_str())
    .bind(&row.label)
    .bind(&row.credentials)
    .bind(to_json(&row.methods)?)
    .bind(to_json(&row.currencies)?)
    .bind(position)
    .execute(tx.conn())
    .await?;
    Ok(match done.rows_affected() {
        0 => Written::TakenByAnother,
        _ => Written::Done,
    })
}

/// The account with this kind and id, in use or not.
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

impl Store {
    /// The accounts that a project uses, the preferred one first.
    pub async fn accounts(&self, project: &ProjectId) -> Result<Vec<AccountRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from connector_accounts where project = $1 and removed = 0
             order by position"
        ))
        .bind(project.as_str())
        .fetch_all(self.pool())
        .await?)
    }

    /// One account, in use or not.
    pub async fn account(&self, kind: &str, account: &str) -> Result<Option<AccountRow>> {
        Ok(by_id(kind, account).fetch_optional(self.pool()).await?)
    }
}
