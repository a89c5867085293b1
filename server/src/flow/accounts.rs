//! A project's accounts at payment systems.

use super::audit::{AccountsChange, changed_fields};
use super::error::{Error, Result};
use super::input::shown_text;
use crate::app::App;
use crate::clock;
use crate::connectors::{self, Account, Capabilities, Connector, Instrumented, PaymentRef};
use crate::crypto::{AssociatedData, EncryptedColumn};
use crate::store::Tx;
use crate::store::connector_accounts::{self, AccountRow, Written};
use crate::store::payments::PaymentRow;
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use till_shared::id::ProjectId;
use till_shared::money::Currency;
use till_shared::payment::Method;
use till_shared::problem::FieldError;
use till_shared::text::{Layout, check_shown};
use till_shared::widget::CardEntry;
use url::Url;

/// The longest label of an account, in characters.
const MAX_LABEL: usize = 100;

/// The associated data that an account's credentials are encrypted with.
fn associated_data(kind: &str, account: &str) -> AssociatedData {
    EncryptedColumn::Credentials.row([kind, account])
}

/// The connector of an account, and the account with its credentials decrypted.
pub fn open_account(app: &App, row: &AccountRow) -> Result<(Arc<dyn Connector>, Account)> {
    let connector = connectors::by_kind(&row.kind)
        .ok_or_else(|| anyhow::anyhow!("there is no connector of the kind {}", row.kind))?;
    let associated_data = associated_data(&row.kind, &row.account);
    let account = Account {
        kind: row.kind.clone(),
        id: row.account.clone(),
        credentials: app.keys.decrypt(&associated_data, &row.credentials)?,
    };
    let instrumented = Instrumented {
        inner: connector,
        kind: row.kind.clone(),
        metrics: app.metrics.clone(),
    };
    Ok((Arc::new(instrumented), account))
}

/// The connector and account of a payment.
pub async fn account_of(app: &App, payment: &PaymentRow) -> Result<(Arc<dyn Connector>, Account)> {
    let row = app
        .store
        .account(&payment.connector, &payment.account)
        .await?;
    let row = row.ok_or_else(|| anyhow::anyhow!("the account of {} is missing", payment.id))?;
    open_account(app, &row)
}

/// A payment as its connector identifies it.
pub fn payment_ref<'a>(app: &App, payment: &'a PaymentRow) -> PaymentRef<'a> {
    // Every call is begun while the payment has a status that it then changes.
    let unchanged_ms = u64::try_from(clock::now_ms() - payment.updated_at).unwrap_or(0);
    PaymentRef {
        id: &payment.id,
        reference: payment.reference.as_ref(),
        created_at: payment.created_at,
        calls_ended: unchanged_ms > app.config.lost_after_ms,
    }
}

/// Where the buyer enters a card for an account. An account of an earlier version takes it in our
/// payment form, if its connector can.
pub fn card_entry(row: &AccountRow) -> CardEntry {
    let takes_card = || {
        let connector = connectors::by_kind(&row.kind);
        connector.is_some_and(|connector| connector.capabilities().card_data)
    };
    match row.card_entry {
        Some(entry) => entry,
        None if takes_card() => CardEntry::Direct,
        None => CardEntry::Hosted,
    }
}

/// Where the buyer enters a card for a new account, if the operator does not say: on the payment
/// system's page, so that no card data reaches this server. The sandbox's cards are no real ones.
fn default_card_entry(kind: &str, capabilities: Capabilities) -> CardEntry {
    if capabilities.hosted_page && kind != "sandbox" {
        CardEntry::Hosted
    } else {
        CardEntry::Direct
    }
}

/// An account at a payment system, as the operator describes it.
#[derive(Deserialize)]
pub struct NewAccount {
    /// The connector's kind.
    pub kind: String,
    /// Its id here, unique for the kind; part of the webhook's path.
    pub account: String,
    /// A label for the operator; the kind where absent.
    pub label: Option<String>,
    /// Credentials in the connector's format. Where absent, the stored ones are kept.
    pub credentials: Option<serde_json::Value>,
    /// The methods it is used for; empty means all that the connector supports.
    #[serde(default)]
    pub methods: Vec<Method>,
    /// ISO 4217 codes; empty means all that the connector supports.
    #[serde(default)]
    pub currencies: Vec<Currency>,
    /// Where the buyer enters a card. Where absent, the stored value is kept; a new account has its
    /// connector's default.
    pub card_entry: Option<CardEntry>,
}

/// Replaces a project's accounts by these, in this order of preference. Accounts that are not among
/// them take no new payments.
///
/// # Errors
/// When an account is invalid, or its id belongs to another project.
pub async fn replace(
    app: &App,
    tx: &mut Tx,
    project: &ProjectId,
    new: Vec<NewAccount>,
) -> Result<AccountsChange> {
    let before = connector_accounts::of_project(tx, project).await?;
    let mut credentials = BTreeMap::new();
    let mut rows = Vec::with_capacity(new.len());
    let mut errors = vec![];
    for (i, new) in new.into_iter().enumerate() {
        match account_row(app, tx, new).await {
            Ok((row, changed)) => {
                if !changed.is_empty() {
                    credentials.insert(format!("{}/{}", row.kind, row.account), changed);
                }
                rows.push((i, row));
            }
            Err(AccountError::Invalid { field, message }) => errors.push(FieldError::new(
                format!("connectors[{i}].{field}"),
                "invalid",
                message,
            )),
            Err(AccountError::Internal(cause)) => return Err(cause.into()),
        }
    }
    Error::if_any(errors)?;
    connector_accounts::remove_all(tx, project).await?;
    for (i, row) in rows {
        let position = i64::try_from(i).unwrap_or(i64::MAX);
        if connector_accounts::write(tx, project, position, &row).await? == Written::TakenByAnother
        {
            return Err(Error::field(
                format!("connectors[{i}].account"),
                "taken",
                "is the id of another project's account",
            ));
        }
    }
    let after = connector_accounts::of_project(tx, project).await?;
    Ok(AccountsChange::new(&before, &after, credentials))
}

/// Tries new credentials of accounts that carry live payments on one of these payments, before they
/// are stored.
///
/// # Errors
/// `invalid-request` if the payment system does not accept the credentials, does not know the payment
/// with them, or does not answer.
pub async fn try_credentials(app: &App, project: &ProjectId, new: &[NewAccount]) -> Result<()> {
    let mut errors = vec![];
    for (i, new) in new.iter().enumerate() {
        if let Some(message) = try_on_live_payment(app, project, new).await? {
            let field = format!("connectors[{i}].credentials");
            errors.push(FieldError::new(field, "invalid", message));
        }
    }
    Error::if_any(errors)
}

/// Why the credentials can't be used for the account's live payments, if that is so.
async fn try_on_live_payment(
    app: &App,
    project: &ProjectId,
    new: &NewAccount,
) -> Result<Option<String>> {
    let Some(credentials) = &new.credentials else {
        return Ok(None);
    };
    let Some(connector) = connectors::by_kind(&new.kind) else {
        return Ok(None);
    };
    // What is not in the connector's format is rejected when it is stored.
    if connector.check_credentials(credentials).is_err() {
        return Ok(None);
    }
    let live = app.store.live_payment_of(project, &new.kind, &new.account);
    let Some(payment) = live.await? else {
        return Ok(None);
    };
    let account = Account {
        kind: new.kind.clone(),
        id: new.account.clone(),
        credentials: credentials.to_string().into(),
    };
    let ctx = app.ctx(&account);
    // Some payment systems have no call that fetches a payment: their login decides.
    let tried = match connector.check_login(&ctx).await {
        Ok(()) => connector.fetch(&ctx, &payment_ref(app, &payment)).await,
        Err(error) => Err(error),
    };
    Ok(match tried {
        Ok(Some(_)) => None,
        Ok(None) => Some(format!(
            "the payment system does not know the account's payment {} with these credentials",
            payment.id
        )),
        Err(error) => {
            tracing::warn!(%error, "new credentials cannot be tried");
            Some(format!(
                "the payment system did not accept these credentials for the account's payment {}, \
                 or did not answer",
                payment.id
            ))
        }
    })
}

/// Why an account can't be stored.
#[derive(Debug, thiserror::Error)]
enum AccountError {
    /// A field of it is invalid.
    #[error("{field}: {message}")]
    Invalid {
        field: &'static str,
        message: String,
    },
    /// The store or the encryption failed.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl AccountError {
    fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            message: message.into(),
        }
    }
}

/// The row of an account, and the names of the fields of its credentials that change.
async fn account_row(
    app: &App,
    tx: &mut Tx,
    new: NewAccount,
) -> std::result::Result<(AccountRow, Vec<String>), AccountError> {
    let connector = connectors::by_kind(&new.kind)
        .ok_or_else(|| AccountError::invalid("kind", unknown_kind(&new.kind)))?;
    check_description(connector.as_ref(), &new)?;
    let associated_data = associated_data(&new.kind, &new.account);
    let stored = connector_accounts::get(tx, &new.kind, &new.account)
        .await
        .map_err(anyhow::Error::from)?;
    let credentials = match new.credentials {
        Some(credentials) => credentials.to_string(),
        None => stored_credentials(app, stored.as_ref())?,
    };
    let read = serde_json::from_str(&credentials).unwrap_or_default();
    // Credentials that cannot be decrypted are replaced as a whole.
    let known = stored_credentials(app, stored.as_ref()).unwrap_or_default();
    let known = serde_json::from_str(&known).unwrap_or_default();
    let changed = changed_fields(&known, &read);
    connector
        .check_credentials(&read)
        .map_err(|error| AccountError::invalid("credentials", error.to_string()))?;
    if let Some(url) = read["base_url"].as_str() {
        check_base_url(url, app.config.dev)?;
    }
    let capabilities = connector.capabilities();
    let card_entry = match (new.card_entry, stored) {
        (Some(entry), _) => Some(entry),
        (None, Some(stored)) => stored.card_entry,
        (None, None) => Some(default_card_entry(&new.kind, capabilities)),
    };
    let row = AccountRow {
        label: new.label.unwrap_or_else(|| new.kind.clone()),
        credentials: app.keys.encrypt(&associated_data, &credentials)?,
        kind: new.kind,
        account: new.account,
        methods: new.methods,
        currencies: new.currencies.iter().map(|c| c.code().to_owned()).collect(),
        card_entry,
    };
    Ok((row, changed))
}

/// Keys and card data are sent to this URL.
fn check_base_url(url: &str, dev: bool) -> std::result::Result<(), AccountError> {
    let url = Url::parse(url);
    match url.as_ref().map(Url::scheme) {
        Ok("https") => Ok(()),
        Ok("http") if dev => Ok(()),
        _ => Err(AccountError::invalid(
            "credentials",
            "base_url must be an https URL; http is allowed with --dev only",
        )),
    }
}

/// The message of a kind of connector that does not exist.
pub fn unknown_kind(kind: &str) -> String {
    let known: Vec<_> = connectors::REGISTRY.iter().map(|(kind, _)| *kind).collect();
    format!(
        "must be one of {}, not {}",
        known.join(", "),
        shown_text(kind)
    )
}

fn check_description(
    connector: &dyn Connector,
    new: &NewAccount,
) -> std::result::Result<(), AccountError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    if !(1..=64).contains(&new.account.len()) || !new.account.bytes().all(allowed) {
        let message = "must be 1 to 64 ASCII letters, digits, hyphens and underscores";
        return Err(AccountError::invalid("account", message));
    }
    if let Some(Err(error)) =
        (new.label.as_deref()).map(|l| check_shown(l, Layout::Line, MAX_LABEL))
    {
        return Err(AccountError::invalid("label", error.to_string()));
    }
    let capabilities = connector.capabilities();
    let Capabilities {
        methods,
        hosted_page,
        card_data,
        ..
    } = capabilities;
    if let Some(method) = new.methods.iter().find(|m| !methods.contains(m)) {
        let message = format!("{} does not support {method}", new.kind);
        return Err(AccountError::invalid("methods", message));
    }
    let enabled = if new.methods.is_empty() {
        methods
    } else {
        &new.methods
    };
    let is_usable = |currency: &Currency| {
        let mut enabled = enabled.iter();
        enabled.any(|method| capabilities.supports(*method, *currency))
    };
    if let Some(currency) = new.currencies.iter().find(|currency| !is_usable(currency)) {
        let message = format!("{} supports none of the methods in {currency}", new.kind);
        return Err(AccountError::invalid("currencies", message));
    }
    match new.card_entry {
        Some(CardEntry::Hosted) if !hosted_page => {
            let message = format!("{} has no payment page of its own; use direct", new.kind);
            Err(AccountError::invalid("card_entry", message))
        }
        Some(CardEntry::Direct) if !card_data => {
            let message = format!("{} does not take card data; use hosted", new.kind);
            Err(AccountError::invalid("card_entry", message))
        }
        _ => Ok(()),
    }
}

/// The credentials that an account already has. That the account is the project's own is checked
/// when it is written.
fn stored_credentials(
    app: &App,
    stored: Option<&AccountRow>,
) -> std::result::Result<String, AccountError> {
    let row = stored.ok_or_else(|| AccountError::invalid("credentials", "is required"))?;
    let associated_data = associated_data(&row.kind, &row.account);
    let credentials = app.keys.decrypt(&associated_data, &row.credentials)?;
    Ok(credentials.expose_secret().to_owned())
}
