//! Projects: read, created and changed. Keys and secrets are returned once; what is stored of them
//! is a hash or a ciphertext.

use super::accounts::{self, NewAccount, card_entry};
use super::audit::{self, Actor, Change, differing};
use super::captcha::{self, NewCaptcha};
use super::error::{Error, Result};
use super::page::{Limit, Page};
use super::settings::{normalize, warnings};
use crate::app::App;
use crate::callbacks::sign::secret_context;
use crate::store::projects::{self, EncryptedSecret};
use crate::store::secret_keys;
use crate::views;
use crate::{clock, crypto, new_id};
use serde_json::json;
use till_shared::id::ProjectId;
use till_shared::text::{self, Layout};

/// A project, as the operations take it.
pub type Project = projects::Project;
/// A project's settings.
pub type Settings = projects::Settings;
/// A project's captcha.
pub type CaptchaSettings = projects::CaptchaSettings;
/// A project as the operator sees it.
pub type ProjectView = views::ProjectView;

/// How long a replaced key or signing secret stays valid, in milliseconds.
const OVERLAP_MS: i64 = 24 * 3600 * 1000;

/// The project with this publishable key.
///
/// # Errors
/// When the store fails.
pub async fn find_by_publishable_key(app: &App, key: &str) -> Result<Option<Project>> {
    if text::check(key, Layout::Line).is_err() {
        return Ok(None);
    }
    Ok(app.store.project_by_pk(key).await?)
}

/// A project with its accounts.
///
/// # Errors
/// `not-found` if there is no such project.
pub async fn get(app: &App, id: &ProjectId) -> Result<ProjectView> {
    let project = app.store.project(id).await?;
    let project = project.ok_or_else(|| Error::not_found("project"))?;
    view(app, &project).await
}

/// A page of all projects, the newest first; older than `before`.
///
/// # Errors
/// When the store fails.
pub async fn list(
    app: &App,
    before: Option<&ProjectId>,
    limit: Limit,
) -> Result<Page<ProjectView>> {
    let rows = app.store.list_projects(before, limit.rows()).await?;
    let page = Page::new(rows, limit, |row| row.id.to_string());
    let mut data = Vec::with_capacity(page.data.len());
    for row in &page.data {
        data.push(view(app, row).await?);
    }
    Ok(page.with_data(data))
}

async fn view(app: &App, project: &Project) -> Result<ProjectView> {
    let accounts = app.store.accounts(&project.id).await?;
    let with_entry = |account| {
        let entry = card_entry(&account);
        (account, entry)
    };
    let accounts: Vec<_> = accounts.into_iter().map(with_entry).collect();
    let unsent_events = app.store.count_unsent_events(&project.id).await?;
    let warnings = warnings(app, project, accounts.len());
    Ok(views::project(project, &accounts, unsent_events, warnings))
}

/// A new project with its keys, which are stored as hash and ciphertext only.
pub struct CreatedProject {
    /// The project.
    pub project: ProjectView,
    /// The secret key, for the project's server.
    pub sk: String,
    /// The signing secret, which verifies callbacks.
    pub signing_secret: String,
}

/// Creates a project.
///
/// # Errors
/// When a setting, the captcha or an account is invalid.
pub async fn create_project(
    app: &App,
    by: &Actor,
    settings: Settings,
    accounts: Vec<NewAccount>,
    captcha: Option<NewCaptcha>,
) -> Result<CreatedProject> {
    let settings = normalize(settings, app.config.dev)?;
    let id = ProjectId::from_unique(new_id::unique());
    let captcha = captcha.map(|new| captcha::settings(app, &id, new));
    let captcha = captcha.transpose()?;
    let (sk, signing_secret) = (new_id::key("sk_")?, new_id::signing_secret()?);
    let now = clock::now_ms();
    let project = Project {
        pk: new_id::key("pk_")?,
        signing_secrets: vec![EncryptedSecret {
            ciphertext: app.keys.encrypt(&secret_context(&id), &signing_secret)?,
            until: None,
        }],
        settings,
        notify_off: None,
        captcha,
        version: 1,
        created_at: now,
        id,
    };
    let mut tx = app.store.begin().await?;
    projects::insert(&mut tx, &project).await?;
    secret_keys::replace(&mut tx, &project.id, &crypto::key_hash(&sk), now, now).await?;
    let accounts = accounts::replace(app, &mut tx, &project.id, accounts).await?;
    let mut after = audit::json(&project.settings)?;
    after["connectors"] = accounts.after;
    after["captcha"] = audit::json(&project.captcha)?;
    let change = Change {
        action: "project.create",
        project: Some(&project.id),
        subject: project.id.to_string(),
        before: None,
        after: Some(after),
        detail: json!({ "credentials": accounts.credentials }),
    };
    audit::append(&mut tx, by, change).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(CreatedProject {
        project: view(app, &project).await?,
        sk,
        signing_secret,
    })
}

/// Makes a project's new settings from its current ones.
pub type ChangeSettings = dyn FnOnce(&Settings) -> Result<Settings> + Send;

/// A change of a project.
pub struct ProjectUpdate {
    /// Called inside the transaction, so that concurrent changes both take effect.
    pub settings: Box<ChangeSettings>,
    /// The new accounts, which replace the current ones.
    pub accounts: Option<Vec<NewAccount>>,
    /// The new captcha, or none.
    pub captcha: Option<Option<NewCaptcha>>,
    /// The version that the project must have.
    pub version: Option<i64>,
    /// Whether to turn on an endpoint that was turned off because it answered 410.
    pub notify_again: bool,
}

/// Changes a project.
///
/// # Errors
/// When there is no such project, it has another version, or a setting or an account is invalid.
pub async fn update_project(
    app: &App,
    by: &Actor,
    id: &ProjectId,
    update: ProjectUpdate,
) -> Result<ProjectView> {
    // Before the transaction: it calls payment systems.
    accounts::try_credentials(app, id, update.accounts.as_deref().unwrap_or_default()).await?;
    let mut tx = app.store.begin().await?;
    let project = projects::lock(&mut tx, id).await?;
    let mut project = project.ok_or_else(|| Error::not_found("project"))?;
    if update.version.is_some_and(|v| v != project.version) {
        let message = format!("must be {}: the project has changed", project.version);
        return Err(Error::field("version", "changed", message));
    }
    let settings = normalize((update.settings)(&project.settings)?, app.config.dev)?;
    let mut before = audit::json(&project.settings)?;
    let mut after = audit::json(&settings)?;
    if update.notify_again && project.notify_off.is_some() {
        before["notify_off_since"] = json!(project.notify_off.map(clock::rfc3339));
        after["notify_off_since"] = json!(null);
        project.notify_off = None;
    }
    project.settings = settings;
    let mut detail = json!({});
    if let Some(captcha) = update.captcha {
        detail["captcha"] = json!(["secret"]);
        before["captcha"] = audit::json(&project.captcha)?;
        let new = captcha.map(|new| captcha::settings(app, id, new));
        project.captcha = new.transpose()?;
        after["captcha"] = audit::json(&project.captcha)?;
    }
    projects::save(&mut tx, &mut project).await?;
    if let Some(accounts) = update.accounts {
        let accounts = accounts::replace(app, &mut tx, id, accounts).await?;
        before["connectors"] = accounts.before;
        after["connectors"] = accounts.after;
        if !accounts.credentials.is_empty() {
            detail["credentials"] = json!(accounts.credentials);
        }
    }
    let (before, after) = differing(before, after);
    let change = Change {
        action: "project.update",
        project: Some(id),
        subject: id.to_string(),
        before: Some(before),
        after: Some(after),
        detail,
    };
    audit::append(&mut tx, by, change).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    view(app, &project).await
}

/// When a key or secret that is replaced now becomes invalid.
fn end_of_old(at_once: bool) -> i64 {
    clock::now_ms() + if at_once { 0 } else { OVERLAP_MS }
}

/// Gives a project a new secret key with all scopes. The old one stays valid for 24 hours, or ends `at_once`.
/// Named keys stay as they are.
///
/// # Errors
/// When there is no such project.
pub async fn rotate_key(app: &App, by: &Actor, id: &ProjectId, at_once: bool) -> Result<String> {
    let sk = new_id::key("sk_")?;
    let (hash, until) = (crypto::key_hash(&sk), end_of_old(at_once));
    let mut tx = app.store.begin().await?;
    let project = projects::lock(&mut tx, id).await?;
    let mut project = project.ok_or_else(|| Error::not_found("project"))?;
    secret_keys::replace(&mut tx, id, &hash, until, clock::now_ms()).await?;
    projects::save(&mut tx, &mut project).await?;
    let change = Change {
        action: "project.rotate_key",
        project: Some(id),
        subject: id.to_string(),
        before: None,
        after: Some(json!({ "key": secret_keys::default_id(&hash) })),
        detail: json!({ "old_valid_until": clock::rfc3339(until) }),
    };
    audit::append(&mut tx, by, change).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(sk)
}

/// Gives a project a new signing secret. The old one stays valid for 24 hours, during which
/// callbacks are signed with both, or ends `at_once`.
///
/// # Errors
/// When there is no such project.
pub async fn rotate_secret(app: &App, by: &Actor, id: &ProjectId, at_once: bool) -> Result<String> {
    let secret = new_id::signing_secret()?;
    let (until, now) = (end_of_old(at_once), clock::now_ms());
    let mut tx = app.store.begin().await?;
    let project = projects::lock(&mut tx, id).await?;
    let mut project = project.ok_or_else(|| Error::not_found("project"))?;
    for old in &mut project.signing_secrets {
        old.until = Some(old.until.unwrap_or(until).min(until));
    }
    project.signing_secrets.retain(|s| s.until > Some(now));
    let new = EncryptedSecret {
        ciphertext: app.keys.encrypt(&secret_context(id), &secret)?,
        until: None,
    };
    project.signing_secrets.insert(0, new);
    projects::save(&mut tx, &mut project).await?;
    let change = Change {
        action: "project.rotate_secret",
        project: Some(id),
        subject: id.to_string(),
        before: None,
        after: None,
        detail: json!({ "old_valid_until": clock::rfc3339(until) }),
    };
    audit::append(&mut tx, by, change).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(secret)
}
