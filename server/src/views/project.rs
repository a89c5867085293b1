//! Projects, without their secrets.

use crate::clock::rfc3339;
use crate::store::connector_accounts::AccountRow;
use crate::store::projects::{CaptchaSettings, Project, Settings};
use serde::Serialize;
use till_shared::captcha::CaptchaKind;
use till_shared::id::ProjectId;
use till_shared::payment::Method;
use till_shared::widget::CardEntry;
use utoipa::ToSchema;

/// A project as the operator sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectView {
    /// Its id.
    pub id: ProjectId,
    /// Always `project`.
    #[schema(pattern = "^project$")]
    pub object: &'static str,
    /// The publishable key.
    #[schema(pattern = "^pk_")]
    pub pk: String,
    /// The project's settings.
    #[serde(flatten)]
    pub settings: Settings,
    /// Its accounts at payment systems, in order of preference.
    pub connectors: Vec<ConnectorView>,
    /// The captcha that suspicious attempts to pay have to solve.
    #[schema(required)]
    pub captcha: Option<CaptchaView>,
    /// Since when `notify_url` is turned off because it answered 410; RFC 3339 UTC.
    #[schema(required, format = DateTime)]
    pub notify_off_since: Option<String>,
    /// The number of events that wait `unsent` because there was no endpoint, or it was turned off.
    /// `POST /v1/events/resend` sends them.
    #[schema(minimum = 0)]
    pub unsent_events: i64,
    /// What keeps the project from taking payments as its settings say, one sentence each.
    pub warnings: Vec<String>,
    /// Incremented by every change.
    #[schema(minimum = 1)]
    pub version: i64,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// An account at a payment system, without its credentials.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectorView {
    /// The connector's kind.
    pub kind: String,
    /// Its id, unique for the kind; part of the webhook's path.
    pub account: String,
    /// The label its owner gave it.
    pub label: String,
    /// The methods it is used for; empty means all that the connector supports.
    pub methods: Vec<Method>,
    /// ISO 4217 codes; empty means all that the connector supports.
    #[schema(value_type = Vec<till_shared::money::Currency>)]
    pub currencies: Vec<String>,
    /// Where the buyer enters a card.
    pub card_entry: CardEntry,
}

/// A captcha, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaptchaView {
    /// Its kind.
    pub kind: CaptchaKind,
    /// The public key of the site at the provider.
    pub site_key: String,
    /// The URL at which a token is checked; null for the provider's own.
    #[schema(required)]
    pub verify_url: Option<String>,
    /// The URL of the script; null for the provider's own.
    #[schema(required)]
    pub script_url: Option<String>,
}

fn captcha(captcha: &CaptchaSettings) -> CaptchaView {
    CaptchaView {
        kind: captcha.kind,
        site_key: captcha.site_key.clone(),
        verify_url: captcha.verify_url.clone(),
        script_url: captcha.script_url.clone(),
    }
}

/// A project with its accounts, where the buyer enters a card for each, and the number of its unsent
/// events.
pub fn project(
    row: &Project,
    accounts: &[(AccountRow, CardEntry)],
    unsent_events: i64,
    warnings: Vec<String>,
) -> ProjectView {
    ProjectView {
        id: row.id.clone(),
        object: "project",
        pk: row.pk.clone(),
        settings: row.settings.clone(),
        connectors: accounts.iter().map(connector).collect(),
        captcha: row.captcha.as_ref().map(captcha),
        notify_off_since: row.notify_off.map(rfc3339),
        unsent_events,
        warnings,
        version: row.version,
        created_at: rfc3339(row.created_at),
    }
}

fn connector((row, card_entry): &(AccountRow, CardEntry)) -> ConnectorView {
    ConnectorView {
        kind: row.kind.clone(),
        account: row.account.clone(),
        label: row.label.clone(),
        methods: row.methods.clone(),
        currencies: row.currencies.clone(),
        card_entry: *card_entry,
    }
}
