//! Making a project, and where its secrets are kept.

use super::{App, Error, Result};
use crate::callbacks::guard::check_url;
use crate::callbacks::sign::secret_place;
use crate::store::projects::{AccountRow, NewProject, Settings};
use crate::{clock, crypto, new_id};
use till_shared::id::ProjectId;
use till_shared::payment::Method;
use till_shared::problem::FieldError;
use url::Url;

/// What an account's credentials are sealed for.
pub fn credentials_place(kind: &str, account: &str) -> String {
    format!("connector_accounts/{kind}/{account}")
}

/// An account at a payment system, to be added to a project.
pub struct NewAccount {
    /// The connector's kind.
    pub kind: String,
    /// Its id, unique for the kind.
    pub account: String,
    /// JSON, as the connector reads it.
    pub credentials: serde_json::Value,
}

/// A project's keys: shown once, then only their hash and ciphertext exist.
pub struct CreatedProject {
    /// Its id.
    pub id: ProjectId,
    /// For the page.
    pub pk: String,
    /// For the project's server.
    pub sk: String,
    /// For verifying callbacks.
    pub signing_secret: String,
}

/// Makes a project.
///
/// # Errors
/// When the name is empty, or a URL or origin won't do.
pub async fn create_project(
    app: &App,
    name: &str,
    settings: Settings,
    accounts: Vec<NewAccount>,
) -> Result<CreatedProject> {
    check_settings(name, &settings, app.config.dev)?;
    let id = ProjectId::from_unique(new_id::unique());
    let (pk, sk) = (new_id::key("pk_")?, new_id::key("sk_")?);
    let signing_secret = new_id::signing_secret()?;
    let mut rows = Vec::with_capacity(accounts.len());
    for new in accounts {
        let place = credentials_place(&new.kind, &new.account);
        rows.push(AccountRow {
            label: new.kind.clone(),
            credentials: app.keys.seal(&place, &new.credentials.to_string())?,
            kind: new.kind,
            account: new.account,
            methods: Method::ALL.to_vec(),
            currencies: vec![],
        });
    }
    let project = NewProject {
        name: name.to_owned(),
        pk: pk.clone(),
        sk_hash: crypto::key_hash(&sk),
        signing_secret: app.keys.seal(&secret_place(&id), &signing_secret)?,
        settings,
        accounts: rows,
        created_at: clock::now_ms(),
        id: id.clone(),
    };
    app.store.insert_project(&project).await?;
    Ok(CreatedProject {
        id,
        pk,
        sk,
        signing_secret,
    })
}

fn check_settings(name: &str, settings: &Settings, dev: bool) -> Result<()> {
    let mut errors = vec![];
    if name.trim().is_empty() || name.chars().count() > 100 {
        errors.push(FieldError::new(
            "name",
            "invalid",
            "from 1 to 100 characters",
        ));
    }
    for origin in &settings.allowed_origins {
        let same =
            Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
        if !same {
            let message = "an origin such as https://shop.example, nothing after it";
            errors.push(FieldError::new("allowed_origins", "invalid", message));
        }
    }
    let urls = [
        ("check_url", &settings.check_url),
        ("notify_url", &settings.notify_url),
        ("success_url", &settings.success_url),
        ("failure_url", &settings.failure_url),
        ("widget.logo_url", &settings.widget.logo_url),
    ];
    for (field, url) in urls {
        if let Some(message) = url.as_deref().and_then(|url| bad_url(url, dev)) {
            errors.push(FieldError::new(field, "invalid", message));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::fields(errors))
    }
}

/// Why a URL of a project won't do, if it won't.
pub fn bad_url(url: &str, dev: bool) -> Option<String> {
    match Url::parse(url) {
        Ok(url) => check_url(&url, dev).err().map(|e| e.to_string()),
        Err(_) => Some("not an absolute URL".into()),
    }
}
