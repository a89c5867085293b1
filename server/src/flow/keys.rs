//! A project's secret keys: found, created, listed and revoked. A key is returned once; its hash is stored.

use super::audit::{self, Actor, Change};
use super::error::{Error, Result};
use super::page::{Limit, Page};
use crate::app::App;
use crate::store::projects::{self, Project};
use crate::store::secret_keys::{self, KeyOfProject, SecretKey};
use crate::{clock, crypto, new_id, views};
use serde_json::json;
use std::sync::Arc;
use till_shared::id::{KeyId, ProjectId};
use till_shared::problem::FieldError;
use till_shared::text::{Layout, check_shown};

/// A scope of a secret key.
pub type KeyScope = crate::domain::access::KeyScope;
/// A secret key as the operator sees it.
pub type KeyView = views::KeyView;

/// The longest name of a key, in characters.
const MAX_NAME: usize = 100;
/// How exact the time of the last use is, in milliseconds.
const USE_RECORDED_MS: i64 = 60_000;

/// A secret key with its project.
pub struct KeyOwner {
    /// The project.
    pub project: Arc<Project>,
    /// The key.
    pub key: SecretKey,
}

/// The secret key and its project, if the key is valid now. The use is recorded later, so that no request
/// waits for it.
///
/// # Errors
/// When the store fails.
pub async fn find(app: &App, key: &str) -> Result<Option<KeyOwner>> {
    let (hash, now) = (crypto::key_hash(key), clock::now_ms());
    let Some(found) = app.secret_keys.find(hash.clone(), now).await? else {
        return Ok(None);
    };
    let KeyOfProject {
        key,
        project,
        project_version,
    } = found;
    let unless_since = now - USE_RECORDED_MS;
    let recorded = key.last_used_at.is_some_and(|used| used > unless_since);
    if !recorded && app.may_record_use(key.id.as_str()) {
        let store = app.store.clone();
        app.tasks.spawn(async move {
            let recorded = store.record_key_use(&hash, now, unless_since).await;
            if let Err(error) = recorded {
                tracing::debug!(%error, "the use of a secret key was not recorded");
            }
        });
    }
    let project = app.projects.of_version(&project, project_version).await?;
    Ok(project.map(|project| KeyOwner { project, key }))
}

/// A secret key to create.
pub struct NewKey {
    /// The name that its project knows it by.
    pub name: String,
    /// The calls that it allows, at least one kind.
    pub scopes: Vec<KeyScope>,
    /// When it ends (milliseconds); `None` if it has no end date.
    pub expires_at: Option<i64>,
}

/// A new key.
pub struct CreatedKey {
    /// The key as it is listed.
    pub key: KeyView,
    /// The secret key, which is not stored.
    pub sk: String,
}

/// Creates a secret key of a project.
///
/// # Errors
/// `not-found` if there is no such project; `invalid-request` that names the invalid fields.
pub async fn create(app: &App, by: &Actor, project: &ProjectId, new: NewKey) -> Result<CreatedKey> {
    let now = clock::now_ms();
    let mut scopes = new.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    check(&new, now)?;
    let sk = new_id::key("sk_")?;
    let key = SecretKey {
        id: KeyId::from_unique(new_id::unique()),
        name: new.name,
        scopes,
        created_at: now,
        last_used_at: None,
        valid_until: new.expires_at,
    };
    let mut tx = app.store.begin().await?;
    let locked = projects::lock(&mut tx, project).await?;
    locked.ok_or_else(|| Error::not_found("project"))?;
    secret_keys::insert(&mut tx, project, &crypto::key_hash(&sk), &key).await?;
    let end = key.valid_until.map(clock::rfc3339);
    let change = Change {
        action: "key.create",
        project: Some(project),
        subject: key.id.to_string(),
        before: None,
        after: Some(json!({ "name": key.name, "scopes": key.scopes, "expires_at": end })),
        detail: json!({}),
    };
    audit::append(&mut tx, by, change).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(CreatedKey {
        key: views::key(&key),
        sk,
    })
}

fn check(new: &NewKey, now: i64) -> Result<()> {
    let mut errors = vec![];
    if new.name.trim().is_empty() {
        errors.push(FieldError::new("name", "required", "is required"));
    } else if let Err(error) = check_shown(&new.name, Layout::Line, MAX_NAME) {
        errors.push(FieldError::new("name", error.code(), error.to_string()));
    }
    if new.scopes.is_empty() {
        let message = "must have at least one of read, write, refund";
        errors.push(FieldError::new("scopes", "required", message));
    }
    if new.expires_at.is_some_and(|end| end <= now) {
        let message = "must be in the future";
        errors.push(FieldError::new("expires_at", "out_of_range", message));
    }
    Error::if_any(errors)
}

/// A page of a project's keys, the newest first; those after the key `before`. Keys that have ended are among
/// them.
///
/// # Errors
/// `not-found` if there is no such project.
pub async fn list(
    app: &App,
    project: &ProjectId,
    before: Option<&KeyId>,
    limit: Limit,
) -> Result<Page<KeyView>> {
    let found = app.store.project(project).await?;
    found.ok_or_else(|| Error::not_found("project"))?;
    let rows = app.store.list_keys(project, before, limit.rows()).await?;
    let page = Page::new(rows, limit, |row| row.id.to_string());
    let data = page.data.iter().map(views::key).collect();
    Ok(page.with_data(data))
}

/// Ends a key at once, on all servers. Returns the key as it is listed now. A key that has ended stays as it
/// is.
///
/// # Errors
/// `not-found` if the project has no such key.
pub async fn revoke(app: &App, by: &Actor, project: &ProjectId, id: &KeyId) -> Result<KeyView> {
    let now = clock::now_ms();
    let mut tx = app.store.begin().await?;
    let locked = projects::lock(&mut tx, project).await?;
    locked.ok_or_else(|| Error::not_found("project"))?;
    let key = secret_keys::get(&mut tx, project, id).await?;
    let mut key = key.ok_or_else(|| Error::not_found("key"))?;
    if key.valid_until.is_none_or(|end| end > now) {
        secret_keys::end(&mut tx, project, id, now).await?;
        let before = key.valid_until.map(clock::rfc3339);
        key.valid_until = Some(now);
        let change = Change {
            action: "key.revoke",
            project: Some(project),
            subject: id.to_string(),
            before: Some(json!({ "expires_at": before })),
            after: Some(json!({ "expires_at": clock::rfc3339(now) })),
            detail: json!({ "name": key.name, "scopes": key.scopes }),
        };
        audit::append(&mut tx, by, change).await?;
        tx.commit().await.map_err(anyhow::Error::from)?;
    }
    Ok(views::key(&key))
}
