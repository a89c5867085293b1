//! Making and changing projects. Keys and secrets are shown once; what is kept of them is a hash
//! or a ciphertext.

use super::accounts::{self, NewAccount};
use super::create_invoice::TTL_SECONDS;
use super::{App, Error, Result};
use crate::callbacks::guard::check_url;
use crate::callbacks::sign::secret_place;
use crate::store::projects::{self, Project, SealedSecret, Settings};
use crate::{clock, crypto, new_id};
use till_shared::id::ProjectId;
use till_shared::problem::FieldError;
use url::Url;

/// How long a replaced key or signing secret stays good, in milliseconds.
const OVERLAP_MS: i64 = 24 * 3600 * 1000;

/// A project's keys: shown once, then only their hash and ciphertext exist.
pub struct CreatedProject {
    /// The project.
    pub project: Project,
    /// For the project's server.
    pub sk: String,
    /// For verifying callbacks.
    pub signing_secret: String,
}

/// Makes a project.
///
/// # Errors
/// When a setting or an account won't do.
pub async fn create_project(
    app: &App,
    settings: Settings,
    accounts: Vec<NewAccount>,
) -> Result<CreatedProject> {
    check_settings(&settings, app.config.dev)?;
    let id = ProjectId::from_unique(new_id::unique());
    let (sk, signing_secret) = (new_id::key("sk_")?, new_id::signing_secret()?);
    let now = clock::now_ms();
    let project = Project {
        pk: new_id::key("pk_")?,
        signing_secrets: vec![SealedSecret {
            sealed: app.keys.seal(&secret_place(&id), &signing_secret)?,
            until: None,
        }],
        settings,
        notify_off: None,
        version: 1,
        created_at: now,
        id,
    };
    let mut tx = app.store.begin().await?;
    projects::insert(&mut tx, &project).await?;
    projects::replace_key(&mut tx, &project.id, &crypto::key_hash(&sk), now, now).await?;
    accounts::replace(app, &mut tx, &project.id, accounts).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(CreatedProject {
        project,
        sk,
        signing_secret,
    })
}

/// What a project's settings become, made from what they are.
pub type Change = dyn FnOnce(&Settings) -> Result<Settings> + Send;

/// A change of a project.
pub struct Update {
    /// Carried out in the change's own transaction, so that two edits that meet both count.
    pub settings: Box<Change>,
    /// All accounts from now on, where they change.
    pub accounts: Option<Vec<NewAccount>>,
    /// Refuses the change unless this is the project's version.
    pub version: Option<i64>,
    /// Turns on again an endpoint that was turned off by its 410.
    pub notify_again: bool,
}

/// Changes a project.
///
/// # Errors
/// When there is no such project, a setting or an account won't do, or the version is another.
pub async fn update_project(app: &App, id: &ProjectId, update: Update) -> Result<Project> {
    let mut tx = app.store.begin().await?;
    let project = projects::lock(&mut tx, id).await?;
    let mut project = project.ok_or_else(|| Error::not_found("project"))?;
    if update.version.is_some_and(|v| v != project.version) {
        return Err(Error::fields(vec![FieldError::new(
            "version",
            "changed",
            format!(
                "the project was changed meanwhile: it is at {}",
                project.version
            ),
        )]));
    }
    let settings = (update.settings)(&project.settings)?;
    check_settings(&settings, app.config.dev)?;
    if update.notify_again {
        project.notify_off = None;
    }
    project.settings = settings;
    projects::save(&mut tx, &mut project).await?;
    if let Some(accounts) = update.accounts {
        accounts::replace(app, &mut tx, id, accounts).await?;
    }
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(project)
}

/// When what is replaced now ends.
fn end_of_old(at_once: bool) -> i64 {
    clock::now_ms() + if at_once { 0 } else { OVERLAP_MS }
}

/// Gives a project a new secret key. The old one stays good for 24 hours, unless it is to end
/// `at_once`.
///
/// # Errors
/// When there is no such project.
pub async fn rotate_key(app: &App, id: &ProjectId, at_once: bool) -> Result<String> {
    let sk = new_id::key("sk_")?;
    let (hash, until) = (crypto::key_hash(&sk), end_of_old(at_once));
    let mut tx = app.store.begin().await?;
    let project = projects::lock(&mut tx, id).await?;
    let mut project = project.ok_or_else(|| Error::not_found("project"))?;
    projects::replace_key(&mut tx, id, &hash, until, clock::now_ms()).await?;
    projects::save(&mut tx, &mut project).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(sk)
}

/// Gives a project a new signing secret. The old one stays good for 24 hours, in which callbacks
/// are signed with both, unless it is to end `at_once`.
///
/// # Errors
/// When there is no such project.
pub async fn rotate_secret(app: &App, id: &ProjectId, at_once: bool) -> Result<String> {
    let secret = new_id::signing_secret()?;
    let (until, now) = (end_of_old(at_once), clock::now_ms());
    let mut tx = app.store.begin().await?;
    let project = projects::lock(&mut tx, id).await?;
    let mut project = project.ok_or_else(|| Error::not_found("project"))?;
    for old in &mut project.signing_secrets {
        old.until = Some(old.until.unwrap_or(until).min(until));
    }
    project.signing_secrets.retain(|s| s.until > Some(now));
    let new = SealedSecret {
        sealed: app.keys.seal(&secret_place(id), &secret)?,
        until: None,
    };
    project.signing_secrets.insert(0, new);
    projects::save(&mut tx, &mut project).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(secret)
}

fn check_settings(settings: &Settings, dev: bool) -> Result<()> {
    let mut errors = vec![];
    let mut wrong = |field: &str, message: String| {
        errors.push(FieldError::new(field, "invalid", message));
    };
    let name = &settings.name;
    if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        wrong("name", "from 1 to 100 characters".into());
    }
    for origin in &settings.allowed_origins {
        let same =
            Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
        if !same {
            let message = "an origin such as https://shop.example, nothing after it";
            wrong("allowed_origins", message.into());
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
            wrong(field, message);
        }
    }
    if !TTL_SECONDS.contains(&settings.invoice_ttl_seconds) {
        let (least, most) = (TTL_SECONDS.start(), TTL_SECONDS.end());
        wrong("invoice_ttl_seconds", format!("from {least} to {most}"));
    }
    let colour = |c: &str| {
        c.strip_prefix('#')
            .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if settings
        .widget
        .accent
        .as_deref()
        .is_some_and(|c| !colour(c))
    {
        wrong("widget.accent", "a colour such as #1d4ed8".into());
    }
    let tag = |t: &str| {
        (2..=35).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if settings.widget.locale.as_deref().is_some_and(|t| !tag(t)) {
        wrong(
            "widget.locale",
            "a BCP 47 language tag such as de or pt-BR".into(),
        );
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
