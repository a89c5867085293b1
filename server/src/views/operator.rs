//! Operators, without their tokens.

use crate::clock::rfc3339;
use crate::store::operators::{OperatorRow, Role};
use serde::Serialize;

/// An operator, without the token.
#[derive(Debug, Serialize)]
pub struct OperatorView {
    /// The name, which the audit log shows.
    pub name: String,
    /// What the operator may do.
    pub role: Role,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// When the token was last used, to the minute; null if it never was. RFC 3339 UTC.
    pub last_used_at: Option<String>,
    /// When the token ends or ended; null if it has no end date. RFC 3339 UTC.
    pub expires_at: Option<String>,
}

/// An operator.
pub fn operator(row: &OperatorRow) -> OperatorView {
    OperatorView {
        name: row.name.clone(),
        role: row.role,
        created_at: rfc3339(row.created_at),
        last_used_at: row.last_used_at.map(rfc3339),
        expires_at: row.valid_until.map(rfc3339),
    }
}
