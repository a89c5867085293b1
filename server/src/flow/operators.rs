//! Operators: found by their token, created, listed and revoked. A token is returned once; its hash is stored.

use super::audit::{self, Actor, Change};
use super::error::{Error, Result};
use super::page::{Limit, Page};
use crate::app::App;
use crate::store::operators::{self, OperatorRow};
use crate::{clock, crypto, new_id, views};
use serde_json::json;
use till_shared::problem::FieldError;

/// What an operator may do.
pub type Role = operators::Role;
/// An operator as it is listed.
pub type OperatorView = views::OperatorView;

/// The name of the operator whose token is in the settings.
pub const SETTINGS: &str = "settings";
/// What operators' tokens begin with.
pub const TOKEN_PREFIX: &str = "op_";
/// The longest name, in characters.
const MAX_NAME: usize = 64;
/// How exact the time of the last use is, in milliseconds.
const USE_RECORDED_MS: i64 = 60_000;

/// An operator who makes a call.
pub struct Authenticated {
    /// The operator's name.
    pub name: String,
    /// What the operator may do.
    pub role: Role,
}

/// The operator with this token, if the token is valid now. The use is recorded later, so that no request
/// waits for it.
///
/// # Errors
/// When the store fails.
pub async fn find(app: &App, token: &str) -> Result<Option<Authenticated>> {
    let (hash, now) = (crypto::key_hash(token), clock::now_ms());
    let Some(row) = app.store.operator_by_hash(&hash, now).await? else {
        return Ok(None);
    };
    let unless_since = now - USE_RECORDED_MS;
    let recorded = row.last_used_at.is_some_and(|used| used > unless_since);
    if !recorded && app.may_record_use(&hash) {
        let store = app.store.clone();
        app.tasks.spawn(async move {
            let recorded = store.record_operator_use(&hash, now, unless_since).await;
            if let Err(error) = recorded {
                tracing::debug!(%error, "the use of an operator's token was not recorded");
            }
        });
    }
    Ok(Some(Authenticated {
        name: row.name,
        role: row.role,
    }))
}

/// Whether any operator was created.
///
/// # Errors
/// When the store fails.
pub async fn exist(app: &App) -> Result<bool> {
    Ok(app.store.has_operators().await?)
}

/// An operator to create.
pub struct NewOperator {
    /// The name, which the audit log shows.
    pub name: String,
    /// What the operator may do.
    pub role: Role,
    /// When the token ends (milliseconds); `None` if it has no end date.
    pub expires_at: Option<i64>,
}

/// A new operator.
pub struct CreatedOperator {
    /// The operator as it is listed.
    pub operator: OperatorView,
    /// The token, which is not stored.
    pub token: String,
}

/// Creates an operator.
///
/// # Errors
/// `invalid-request` that names the invalid fields, also if there is an operator with this name.
pub async fn create(app: &App, by: &Actor, new: NewOperator) -> Result<CreatedOperator> {
    let now = clock::now_ms();
    check(&new, now)?;
    let token = new_id::key(TOKEN_PREFIX)?;
    let row = OperatorRow {
        name: new.name,
        role: new.role,
        created_at: now,
        last_used_at: None,
        valid_until: new.expires_at,
    };
    let mut tx = app.store.begin().await?;
    if !operators::insert(&mut tx, &crypto::key_hash(&token), &row).await? {
        let message = "is the name of an operator. Revoke that one first, or choose another name";
        return Err(Error::field("name", "taken", message));
    }
    let end = row.valid_until.map(clock::rfc3339);
    let change = Change {
        action: "operator.create",
        project: None,
        subject: row.name.clone(),
        before: None,
        after: Some(json!({ "role": row.role, "expires_at": end })),
        detail: json!({}),
    };
    audit::append(&mut tx, by, change).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(CreatedOperator {
        operator: views::operator(&row),
        token,
    })
}

fn check(new: &NewOperator, now: i64) -> Result<()> {
    let mut errors = vec![];
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if !(1..=MAX_NAME).contains(&new.name.len()) || !new.name.chars().all(allowed) {
        let message = "must be 1 to 64 ASCII letters, digits, and characters of -_.@";
        errors.push(FieldError::new("name", "invalid", message));
    } else if new.name == SETTINGS {
        let message = "must not be settings, which is the operator of TILL_OPERATOR_TOKEN";
        errors.push(FieldError::new("name", "taken", message));
    }
    if new.expires_at.is_some_and(|end| end <= now) {
        let message = "must be in the future";
        errors.push(FieldError::new("expires_at", "out_of_range", message));
    }
    Error::if_any(errors)
}

/// A page of the operators by name, after the name `after`. Those that have ended are among them.
///
/// # Errors
/// When the store fails.
pub async fn list(app: &App, after: Option<&str>, limit: Limit) -> Result<Page<OperatorView>> {
    let rows = app.store.list_operators(after, limit.rows()).await?;
    let page = Page::new(rows, limit, |row| row.name.clone());
    let data = page.data.iter().map(views::operator).collect();
    Ok(page.with_data(data))
}

/// Ends an operator's token at once, on all servers. One that has ended stays as it is.
///
/// # Errors
/// `not-found` if there is no such operator.
pub async fn revoke(app: &App, by: &Actor, name: &str) -> Result<OperatorView> {
    let now = clock::now_ms();
    let mut tx = app.store.begin().await?;
    let row = operators::lock(&mut tx, name).await?;
    let mut row = row.ok_or_else(|| Error::not_found("operator"))?;
    if row.valid_until.is_none_or(|end| end > now) {
        operators::end(&mut tx, name, now).await?;
        let before = row.valid_until.map(clock::rfc3339);
        row.valid_until = Some(now);
        let change = Change {
            action: "operator.revoke",
            project: None,
            subject: row.name.clone(),
            before: Some(json!({ "expires_at": before })),
            after: Some(json!({ "expires_at": clock::rfc3339(now) })),
            detail: json!({ "role": row.role }),
        };
        audit::append(&mut tx, by, change).await?;
        tx.commit().await.map_err(anyhow::Error::from)?;
    }
    Ok(views::operator(&row))
}
