//! Projects and their settings.

use super::{Result, Store, Tx, json, to_json, word};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use till_shared::buyer::BuyerField;
use till_shared::id::ProjectId;
use till_shared::widget::{OpenMode, Theme};
use utoipa::ToSchema;

/// What is read of a row, by name: a server of this version goes on while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, pk, signing_secrets, settings, notify_off, version, created_at"
    };
}

/// How the project's widget opens and looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct WidgetSettings {
    /// How the project's pages open it, for the snippet that they are given.
    pub mode: OpenMode,
    /// Colours.
    pub theme: Theme,
    /// `#rrggbb`.
    pub accent: Option<String>,
    /// A BCP 47 language tag.
    pub locale: Option<String>,
    /// Where the project's logo is.
    #[serde(default)]
    pub logo_url: Option<String>,
}

impl Default for WidgetSettings {
    fn default() -> Self {
        Self {
            mode: OpenMode::Iframe,
            theme: Theme::Auto,
            accent: None,
            locale: None,
            logo_url: None,
        }
    }
}

/// What a project's owner decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// What buyers read.
    pub name: String,
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
    /// How long an invoice stays open.
    #[serde(default = "an_hour")]
    pub invoice_ttl_seconds: u32,
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

fn an_hour() -> u32 {
    3600
}

/// A signing secret, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// The ciphertext.
    pub sealed: String,
    /// Until when it is good (milliseconds); for ever, where absent.
    pub until: Option<i64>,
}

/// A project, its signing secrets still sealed.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// The publishable key.
    pub pk: String,
    /// The signing secrets, the newest first.
    pub signing_secrets: Vec<SealedSecret>,
    /// What its owner decided.
    pub settings: Settings,
    /// When its endpoint answered 410, if it did.
    pub notify_off: Option<i64>,
    /// Counts its changes.
    pub version: i64,
    /// Milliseconds.
    pub created_at: i64,
}

impl FromRow<'_, AnyRow> for Project {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let decode = |e: super::StoreError| sqlx::Error::Decode(Box::new(e));
        Ok(Self {
            id: word(row.try_get("id")?).map_err(decode)?,
            pk: row.try_get("pk")?,
            signing_secrets: json(row.try_get("signing_secrets")?).map_err(decode)?,
            settings: json(row.try_get("settings")?).map_err(decode)?,
            notify_off: row.try_get("notify_off")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// Writes a new project.
pub async fn insert(tx: &mut Tx, new: &Project) -> Result<()> {
    sqlx::query(
        "insert into projects (id, pk, signing_secrets, settings, created_at)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(new.id.as_str())
    .bind(&new.pk)
    .bind(to_json(&new.signing_secrets)?)
    .bind(to_json(&new.settings)?)
    .bind(new.created_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes a changed project and counts its version up.
pub async fn save(tx: &mut Tx, row: &mut Project) -> Result<()> {
    row.version += 1;
    sqlx::query(
        "update projects set signing_secrets = $1, settings = $2, notify_off = $3, version = $4
         where id = $5",
    )
    .bind(to_json(&row.signing_secrets)?)
    .bind(to_json(&row.settings)?)
    .bind(row.notify_off)
    .bind(row.version)
    .bind(row.id.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes a new secret key's hash. Those before it are good until `old_until` (milliseconds), or
/// until they would have ended anyway.
pub async fn replace_key(
    tx: &mut Tx,
    project: &ProjectId,
    hash: &str,
    old_until: i64,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "update secret_keys set valid_until = $1
         where project = $2 and (valid_until is null or valid_until > $1)",
    )
    .bind(old_until)
    .bind(project.as_str())
    .execute(tx.conn())
    .await?;
    sqlx::query("insert into secret_keys (hash, project, created_at) values ($1, $2, $3)")
        .bind(hash)
        .bind(project.as_str())
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The project with this id, with nobody else changing it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: &ProjectId) -> Result<Option<Project>> {
    let sql = format!(
        concat!("select ", columns!(), " from projects where id = $1{}"),
        tx.engine.for_update()
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .bind(id.as_str())
        .fetch_optional(tx.conn())
        .await?)
}

impl Store {
    /// The project with this id.
    pub async fn project(&self, id: &ProjectId) -> Result<Option<Project>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from projects where id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// The project with a secret key of this hash that is good at `now`.
    pub async fn project_by_key_hash(&self, hash: &str, now: i64) -> Result<Option<Project>> {
        Ok(sqlx::query_as(
            "select projects.* from projects join secret_keys on secret_keys.project = projects.id
             where secret_keys.hash = $1 and (valid_until is null or valid_until > $2)",
        )
        .bind(hash)
        .bind(now)
        .fetch_optional(self.pool())
        .await?)
    }

    /// The project with this publishable key.
    pub async fn project_by_pk(&self, pk: &str) -> Result<Option<Project>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from projects where pk = $1"
        ))
        .bind(pk)
        .fetch_optional(self.pool())
        .await?)
    }

    /// All projects, from the newest to the oldest.
    pub async fn list_projects(
        &self,
        before: Option<&ProjectId>,
        limit: i64,
    ) -> Result<Vec<Project>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from projects where ($1 is null or id < $1) order by id desc limit $2"
        ))
        .bind(before.map(ProjectId::as_str))
        .bind(limit)
        .fetch_all(self.pool())
        .await?)
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
