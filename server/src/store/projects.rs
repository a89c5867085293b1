//! The table `projects`.

use super::column::{Columns, to_json};
use super::{Result, Store, Tx};
use crate::domain::attempts::Scope;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use till_shared::buyer::BuyerField;
use till_shared::captcha::CaptchaKind;
use till_shared::event::EventType;
use till_shared::id::ProjectId;
use till_shared::widget::{OpenMode, Theme};
use utoipa::ToSchema;

/// The columns that are read, by name: a server keeps running while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, pk, signing_secrets, settings, notify_off, captcha, captcha_secret, version, created_at"
    };
}

/// The appearance of a project's widget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct WidgetSettings {
    /// How the project's pages open the widget.
    pub mode: OpenMode,
    /// The color scheme.
    pub theme: Theme,
    /// The accent color, `#rrggbb`.
    #[schema(pattern = "^#[0-9a-fA-F]{6}$", example = "#1d4ed8")]
    pub accent: Option<String>,
    /// A BCP 47 language tag.
    #[schema(
        pattern = r"^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?$",
        example = "de"
    )]
    pub locale: Option<String>,
    /// The URL of the project's logo.
    #[schema(pattern = r"^https?://[^\s/?#]+")]
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

/// How many declined attempts to pay are free before a buyer has to wait. An attempt that is not declined
/// counts a fifth, and one that succeeds does not count. 0 turns a limit off; null is the default, which in
/// a test project is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AttemptLimits {
    /// For one invoice, within 24 hours. The default is 10.
    #[schema(maximum = 1_000_000)]
    pub invoice: Option<u32>,
    /// From one client address, or one IPv6 network of 64 bits, within an hour. The default is 20.
    #[schema(maximum = 1_000_000)]
    pub address: Option<u32>,
    /// With one card, within 24 hours. The default is 5.
    #[schema(maximum = 1_000_000)]
    pub card: Option<u32>,
    /// In the whole project, within an hour. Only declines count. The default is 500.
    #[schema(maximum = 1_000_000)]
    pub project: Option<u32>,
}

impl AttemptLimits {
    /// The largest number.
    pub const MAX: u32 = 1_000_000;
}

/// The settings of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// The name that buyers see.
    #[schema(
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e]*[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e][^\x00-\x1f\x7f-\x9f\u2028-\u202e]*$"
    )]
    pub name: String,
    /// Origins that may embed the widget and create invoices from a page.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// The URL of the order check, which is called before the buyer is charged.
    #[schema(pattern = r"^https?://[^\s/?#]+")]
    #[serde(default)]
    pub check_url: Option<String>,
    /// The URL that receives callbacks.
    #[schema(pattern = r"^https?://[^\s/?#]+")]
    #[serde(default)]
    pub notify_url: Option<String>,
    /// The types of events that the project wants; all if empty. Other events are not created.
    #[serde(default)]
    pub notify_events: Vec<EventType>,
    /// Where the buyer is sent after a successful payment.
    #[schema(pattern = r"^https?://[^\s/?#]+")]
    #[serde(default)]
    pub success_url: Option<String>,
    /// Where the buyer is sent when the payment does not succeed.
    #[schema(pattern = r"^https?://[^\s/?#]+")]
    #[serde(default)]
    pub failure_url: Option<String>,
    /// How long an invoice stays open, in seconds.
    #[schema(minimum = 60, maximum = 31622400)]
    #[serde(default = "an_hour")]
    pub invoice_ttl_seconds: u32,
    /// The appearance of the widget.
    #[serde(default)]
    pub widget: WidgetSettings,
    /// Fields the buyer must fill in unless the order has them.
    #[serde(default)]
    pub required_buyer_fields: Vec<BuyerField>,
    /// How many declined attempts to pay are free before a buyer has to wait.
    #[serde(default)]
    pub attempt_limits: AttemptLimits,
    /// Whether this is a test project: no real money moves.
    #[serde(default)]
    pub test: bool,
}

fn an_hour() -> u32 {
    3600
}

impl Settings {
    /// Returns whether the project wants events of a type.
    pub fn wants(&self, kind: EventType) -> bool {
        self.notify_events.is_empty() || self.notify_events.contains(&kind)
    }

    /// Returns how many declined attempts to pay are free; 0 if they are not limited. In test projects,
    /// everybody pays with the same few cards.
    pub fn free_declines(&self, scope: Scope) -> u32 {
        let limits = &self.attempt_limits;
        let set = match scope {
            Scope::Invoice => limits.invoice,
            Scope::Address => limits.address,
            Scope::Card => limits.card,
            Scope::Project => limits.project,
        };
        set.unwrap_or(if self.test { 0 } else { scope.free() })
    }

    /// Returns whether attempts to pay are limited at all.
    pub fn limits_attempts(&self) -> bool {
        Scope::ALL
            .iter()
            .any(|scope| self.free_declines(*scope) > 0)
    }
}

/// An encrypted signing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptedSecret {
    /// The ciphertext, in base64.
    #[serde(rename = "sealed")]
    pub ciphertext: String,
    /// The end of its validity (milliseconds); `None` if it has none.
    pub until: Option<i64>,
}

/// A project's captcha, which suspicious attempts to pay have to solve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptchaSettings {
    /// The kind.
    pub kind: CaptchaKind,
    /// The public key of the site at the provider.
    pub site_key: String,
    /// The encrypted secret key, in base64: a column of its own.
    #[serde(skip)]
    pub secret: String,
    /// The URL at which a token is checked, if it is not the provider's own.
    pub verify_url: Option<String>,
    /// The URL of the script, if it is not the provider's own.
    pub script_url: Option<String>,
}

/// A project, with encrypted signing secrets.
#[derive(Debug, Clone)]
pub struct Project {
    /// The project's id.
    pub id: ProjectId,
    /// The publishable key.
    pub pk: String,
    /// The signing secrets, the newest first.
    pub signing_secrets: Vec<EncryptedSecret>,
    /// The settings.
    pub settings: Settings,
    /// When its endpoint answered 410, which turned callbacks off (milliseconds).
    pub notify_off: Option<i64>,
    /// The captcha.
    pub captcha: Option<CaptchaSettings>,
    /// The number of changes.
    pub version: i64,
    /// When it was created (milliseconds).
    pub created_at: i64,
}

impl Project {
    /// Returns the URL that callbacks are sent to, unless there is none or it is turned off.
    pub fn endpoint(&self) -> Option<&str> {
        let url = self.settings.notify_url.as_deref();
        url.filter(|_| self.notify_off.is_none())
    }
}

impl FromRow<'_, AnyRow> for Project {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let captcha: Option<CaptchaSettings> = row.json_optional("captcha")?;
        let secret: Option<String> = row.try_get("captcha_secret")?;
        Ok(Self {
            id: row.parse("id")?,
            pk: row.try_get("pk")?,
            signing_secrets: row.json("signing_secrets")?,
            settings: row.json("settings")?,
            notify_off: row.try_get("notify_off")?,
            captcha: captcha
                .zip(secret)
                .map(|(captcha, secret)| CaptchaSettings { secret, ..captcha }),
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// Inserts a project.
pub async fn insert(tx: &mut Tx, new: &Project) -> Result<()> {
    sqlx::query(
        "insert into projects (id, pk, signing_secrets, settings, captcha, captcha_secret,
         created_at) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(new.id.as_str())
    .bind(&new.pk)
    .bind(to_json(&new.signing_secrets)?)
    .bind(to_json(&new.settings)?)
    .bind(new.captcha.as_ref().map(to_json).transpose()?)
    .bind(new.captcha.as_ref().map(|captcha| &captcha.secret))
    .bind(new.created_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Updates a project and increments its version, which also tells servers that keep it in memory that its
/// accounts have changed.
pub async fn save(tx: &mut Tx, row: &mut Project) -> Result<()> {
    row.version += 1;
    sqlx::query(
        "update projects set signing_secrets = $1, settings = $2, notify_off = $3, captcha = $4,
         captcha_secret = $5, version = $6 where id = $7",
    )
    .bind(to_json(&row.signing_secrets)?)
    .bind(to_json(&row.settings)?)
    .bind(row.notify_off)
    .bind(row.captcha.as_ref().map(to_json).transpose()?)
    .bind(row.captcha.as_ref().map(|captcha| &captcha.secret))
    .bind(row.version)
    .bind(row.id.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Returns the project with this id and locks it until the transaction ends.
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

/// Turns callbacks off because the project's endpoint answered 410.
pub async fn turn_notifications_off(tx: &mut Tx, project: &ProjectId, now: i64) -> Result<()> {
    sqlx::query(
        "update projects set notify_off = $1, version = version + 1
         where id = $2 and notify_off is null",
    )
    .bind(now)
    .bind(project.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

impl Store {
    /// Returns the project with this id.
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

    /// Returns the project with this publishable key.
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

    /// Returns all projects, from the newest to the oldest.
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
}
