//! Secret keys, without the keys themselves.

use crate::clock::rfc3339;
use crate::store::secret_keys::{KeyScope, SecretKey};
use serde::Serialize;
use till_shared::id::KeyId;
use utoipa::ToSchema;

/// A secret key of a project, without the key itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// Always `key`.
    #[schema(pattern = "^key$")]
    pub object: &'static str,
    /// Its name. The key that `POST /v1/projects` and `rotate-key` make is named `default`.
    pub name: String,
    /// The calls that it allows.
    pub scopes: Vec<KeyScope>,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last used, to the minute; null if it never was. RFC 3339 UTC.
    #[schema(required, format = DateTime)]
    pub last_used_at: Option<String>,
    /// When it ends or ended; null if it has no end date. RFC 3339 UTC.
    #[schema(required, format = DateTime)]
    pub expires_at: Option<String>,
}

/// A secret key.
pub fn key(row: &SecretKey) -> KeyView {
    KeyView {
        id: row.id.clone(),
        object: "key",
        name: row.name.clone(),
        scopes: row.scopes.clone(),
        created_at: rfc3339(row.created_at),
        last_used_at: row.last_used_at.map(rfc3339),
        expires_at: row.valid_until.map(rfc3339),
    }
}
