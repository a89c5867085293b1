//! The audit log: what operators, commands and secret keys changed where money or settings move. Entries
//! form a chain of hashes, which shows whether one was changed, removed, inserted or moved.

mod actor;
mod chain;
mod changes;
mod verify;

pub use actor::Actor;
pub use changes::{AccountsChange, changed_fields, differing};
pub use verify::{Finding, Verified, verify};

use super::error::{Error, Result};
use super::page::{Limit, Page};
use crate::app::App;
use crate::store::Tx;
use crate::store::audit_log::{self, AuditRow, Link, StoredEntry};
use crate::{clock, new_id, views};
use chain::{FIRST, hash};
use serde_json::Value;
use till_shared::id::ProjectId;

/// Which entries to list.
pub type Filter = audit_log::Filter;
/// An entry as it is listed.
pub type EntryView = views::AuditEntryView;

/// A change, for the audit log. It has no secrets, and no buyer's data.
pub struct Change<'a> {
    /// What was done, for example `payment.resolve`.
    pub action: &'static str,
    /// The project that it concerns.
    pub project: Option<&'a ProjectId>,
    /// The id of what it was done to.
    pub subject: String,
    /// What the change replaced.
    pub before: Option<Value>,
    /// What the change made.
    pub after: Option<Value>,
    /// The particulars; an object.
    pub detail: Value,
}

/// Appends an entry in the transaction of the change, as its last statement: the head of the chain stays
/// locked until the transaction ends. The log has the entry's hash once the transaction is committed.
///
/// # Errors
/// When the store fails.
pub async fn append(tx: &mut Tx, by: &Actor, change: Change<'_>) -> Result<()> {
    let text = |value: Option<Value>| value.map(|value| value.to_string());
    let row = AuditRow {
        id: new_id::unique(),
        at: clock::now_ms(),
        actor: by.kind().into(),
        actor_id: by.id().map(ToString::to_string),
        actor_name: Some(by.name().to_owned()),
        origin: by.origin().map(str::to_owned),
        action: change.action.into(),
        project: change.project.map(ToString::to_string),
        subject: change.subject,
        detail: change.detail.to_string(),
        state_before: text(change.before),
        state_after: text(change.after),
    };
    let head = audit_log::lock_head(tx, FIRST).await?;
    let seq = head.seq + 1;
    let link = Link {
        seq,
        hash: hash(&row, seq, &head.hash)?,
        previous_hash: head.hash,
    };
    audit_log::append(tx, &row, &link).await?;
    Ok(())
}

/// A page of the entries, the newest first.
///
/// # Errors
/// When the store fails.
pub async fn list(app: &App, filter: &Filter, limit: Limit) -> Result<Page<EntryView>> {
    let rows = app.store.list_audit(filter, limit.rows()).await?;
    let page = Page::new(rows, limit, |entry: &StoredEntry| entry.row.id.clone());
    let data = page.data.iter().map(views::audit_entry).collect();
    Ok(page.with_data(data))
}

/// A JSON object of a value that is written to the log.
///
/// # Errors
/// When it cannot be serialized.
pub fn json(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::Internal(error.into()))
}
