//! Entries of the audit log.

use crate::clock::rfc3339;
use crate::store::audit_log::StoredEntry;
use serde::Serialize;
use serde_json::Value;

/// An entry of the audit log.
#[derive(Debug, Serialize)]
pub struct AuditEntryView {
    /// Its id.
    pub id: String,
    /// Its number in the chain; null for an entry of an earlier version.
    pub seq: Option<i64>,
    /// RFC 3339 UTC.
    pub at: String,
    /// The kind of actor: `operator`, `key` or `command`.
    pub actor: String,
    /// The id of a key.
    pub actor_id: Option<String>,
    /// The name of the operator, of the key, or of the command's user.
    pub actor_name: Option<String>,
    /// The address of the client, or the name of the command's host.
    pub origin: Option<String>,
    /// What was done, for example `payment.resolve`.
    pub action: String,
    /// The project that it concerns.
    pub project: Option<String>,
    /// The id of what it was done to.
    pub subject: String,
    /// What the change replaced.
    pub before: Value,
    /// What the change made.
    pub after: Value,
    /// The particulars.
    pub detail: Value,
    /// The hash of the entry before.
    pub previous_hash: Option<String>,
    /// The entry's hash.
    pub hash: Option<String>,
}

/// An entry of the audit log.
pub fn audit_entry(entry: &StoredEntry) -> AuditEntryView {
    let row = &entry.row;
    AuditEntryView {
        id: row.id.clone(),
        seq: entry.seq,
        at: rfc3339(row.at),
        actor: row.actor.clone(),
        actor_id: row.actor_id.clone(),
        actor_name: row.actor_name.clone(),
        origin: row.origin.clone(),
        action: row.action.clone(),
        project: row.project.clone(),
        subject: row.subject.clone(),
        before: json(row.state_before.as_deref()),
        after: json(row.state_after.as_deref()),
        detail: json(Some(&row.detail)),
        previous_hash: entry.previous_hash.clone(),
        hash: entry.hash.clone(),
    }
}

/// A stored JSON text. One that was changed to something else is shown as text.
fn json(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| {
        serde_json::from_str(text).unwrap_or_else(|_| text.into())
    })
}
