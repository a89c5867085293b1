//! Projects, their settings and their accounts at payment systems.

use super::{Result, Store, json, to_json, word};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::sqlite::SqliteRow;
use till_shared::buyer::BuyerField;
use till_shared::id::ProjectId;
use till_shared::payment::Method;
use till_shared::widget::Theme;

/// How the project's widget opens and looks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WidgetSettings {
    /// Colours.
    #[serde(default = "auto")]
    pub theme: Theme,
    /// `#rrggbb`.
    #[serde(default)]
    pub accent: Option<String>,
    /// A BCP 47 language tag.
    #[serde(default)]
    pub locale: Option<String>,
    /// Where the project's logo is.
    #[serde(default)]
    pub logo_url: Option<String>,
}

fn auto() -> Theme {
    Theme::Auto
}

impl Default for WidgetSettings {
    fn default() -> Self {
        Self {
            theme: Theme::Auto,
            accent: None,
            locale: None,
            logo_url: None,
        }
    }
}

/// What a project's owner decides.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Origins that may embed the widget and make invoices from a page.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Asked before money moves.
    #[serde(default)]
    pub check_url: Option<String>,
    /// Told of everything.
    #[serde(default)]
    pub notify_url: Option<String>,
    /// Where the buyer goes after success.
    #[serde(default)]
    pub success_url: Option<String>,
    /// Where the buyer goes otherwise.
    #[serde(default)]
    pub failure_url: Option<String>,
    /// How long an invoice stays open; 3600 where absent.
    #[serde(default)]
    pub invoice_ttl_seconds: Option<u32>,
    /// The widget's.
    #[serde(default)]
    pub widget: WidgetSettings,
    /// Asked of the buyer where the order doesn't bring them.
    #[serde(default)]
    pub required_buyer_fields: Vec<BuyerField>,
    /// Whether no real money moves.
    #[serde(default)]
    pub test: bool,
}

/// A project, its signing secrets still sealed.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// The publishable key.
    pub pk: String,
    /// The signing secret, sealed.
    pub signing_secret: String,
    /// The one before, sealed, and until when it is good.
    pub old_secret: Option<(String, i64)>,
    /// What its owner decided.
    pub settings: Settings,
    /// When its endpoint answered 410, if it did.
    pub notify_off: Option<i64>,
}

impl FromRow<'_, SqliteRow> for Project {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        use sqlx::Row;
        let decode = |e: super::StoreError| sqlx::Error::Decode(Box::new(e));
        let old: Option<String> = row.try_get("old_signing_secret")?;
        let until: Option<i64> = row.try_get("old_secret_until")?;
        Ok(Self {
            id: word(row.try_get("id")?).map_err(decode)?,
            name: row.try_get("name")?,
            pk: row.try_get("pk")?,
            signing_secret: row.try_get("signing_secret")?,
            old_secret: old.zip(until),
            settings: json(row.try_get("settings")?).map_err(decode)?,
            notify_off: row.try_get("notify_off")?,
        })
    }
}

/// A project to write down.
pub struct NewProject {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// The publishable key.
    pub pk: String,
    /// The SHA-256 of the secret key.
    pub sk_hash: String,
    /// The signing secret, sealed.
    pub signing_secret: String,
    /// What its owner decided.
    pub settings: Settings,
    /// Its accounts at payment systems, the preferred one first.
    pub accounts: Vec<AccountRow>,
    /// Milliseconds.
    pub created_at: i64,
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
    /// What it is used for.
    pub methods: Vec<Method>,
    /// ISO 4217 codes; empty for all that the connector supports.
    pub currencies: Vec<String>,
}

impl FromRow<'_, SqliteRow> for AccountRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        use sqlx::Row;
        let decode = |e: super::StoreError| sqlx::Error::Decode(Box::new(e));
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

impl Store {
    /// Writes a project and its accounts.
    pub async fn insert_project(&self, new: &NewProject) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "insert into projects (id, name, pk, sk_hash, signing_secret, settings, created_at)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(new.id.as_str())
        .bind(&new.name)
        .bind(&new.pk)
        .bind(&new.sk_hash)
        .bind(&new.signing_secret)
        .bind(to_json(&new.settings)?)
        .bind(new.created_at)
        .execute(&mut *tx)
        .await?;
        for (position, account) in (0i64..).zip(&new.accounts) {
            sqlx::query(
                "insert into connector_accounts
                 (kind, account, project, label, credentials, methods, currencies, position)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&account.kind)
            .bind(&account.account)
            .bind(new.id.as_str())
            .bind(&account.label)
            .bind(&account.credentials)
            .bind(to_json(&account.methods)?)
            .bind(to_json(&account.currencies)?)
            .bind(position)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// The project with this id.
    pub async fn project(&self, id: &ProjectId) -> Result<Option<Project>> {
        Ok(sqlx::query_as("select * from projects where id = $1")
            .bind(id.as_str())
            .fetch_optional(self.pool())
            .await?)
    }

    /// The project whose secret key has this hash.
    pub async fn project_by_key_hash(&self, hash: &str) -> Result<Option<Project>> {
        Ok(sqlx::query_as("select * from projects where sk_hash = $1")
            .bind(hash)
            .fetch_optional(self.pool())
            .await?)
    }

    /// The project with this publishable key.
    pub async fn project_by_pk(&self, pk: &str) -> Result<Option<Project>> {
        Ok(sqlx::query_as("select * from projects where pk = $1")
            .bind(pk)
            .fetch_optional(self.pool())
            .await?)
    }

    /// A project's accounts, the preferred one first.
    pub async fn accounts(&self, project: &ProjectId) -> Result<Vec<AccountRow>> {
        Ok(
            sqlx::query_as("select * from connector_accounts where project = $1 order by position")
                .bind(project.as_str())
                .fetch_all(self.pool())
                .await?,
        )
    }

    /// One account.
    pub async fn account(&self, kind: &str, account: &str) -> Result<Option<AccountRow>> {
        Ok(
            sqlx::query_as("select * from connector_accounts where kind = $1 and account = $2")
                .bind(kind)
                .bind(account)
                .fetch_optional(self.pool())
                .await?,
        )
    }

    /// Notes that the project's endpoint wants no more (HTTP 410).
    pub async fn turn_notifications_off(&self, project: &ProjectId, now: i64) -> Result<()> {
        sqlx::query("update projects set notify_off = $1 where id = $2 and notify_off is null")
            .bind(now)
            .bind(project.as_str())
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
