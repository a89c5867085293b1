//! Checks at the start that the server has the keys that the database needs.

use crate::callbacks::sign::valid_secrets;
use crate::clock;
use crate::crypto::{KeyId, Keys};
use crate::store::Store;
use anyhow::{Context, bail};

/// The error of a server or a command that has none of the keys of a database that names no key.
const OTHER_KEY: &str = "TILL_ENCRYPTION_KEY is not the key that this database was set up with. Start with that \
    key: without it, the stored signing secrets and credentials cannot be read";

/// Checks that the server can decrypt what the database has, and records its current key before anything is
/// encrypted with it. A database that has no check value yet is checked by its newest secret, and gets one.
///
/// # Errors
/// When a key is missing that values are encrypted with, or the store fails.
pub async fn check_keys(store: &Store, keys: &Keys) -> anyhow::Result<()> {
    let check_value = match store.key_check().await? {
        Some(known) => known,
        None => {
            if let [project, ..] = store.list_projects(None, 1).await?.as_slice() {
                valid_secrets(keys, project).context(OTHER_KEY)?;
            }
            store.record_key_check(&keys.check_value()).await?;
            // Another server may have been first.
            store.key_check().await?.context(OTHER_KEY)?
        }
    };
    let main =
        KeyId::of_check_value(&check_value).context("the key_check of the database is invalid")?;
    if !keys.has_check_value(&check_value) {
        bail!(missing(keys, main));
    }
    let recorded = store.encryption_keys().await?;
    let ids = keys.ids();
    for key in recorded.iter().filter(|key| !ids.contains(&key.id)) {
        if store.any_encrypted_with(key.id).await? {
            bail!(missing(keys, key.id));
        }
    }
    let current = keys.current_id();
    let is_recorded = |id| recorded.iter().any(|key| key.id == id);
    let is_in_use = |id| {
        recorded
            .iter()
            .any(|key| key.id == id && key.retired_at.is_none())
    };
    let now = clock::now_ms();
    // A server of an earlier version recorded its check value only.
    if main != current && !is_recorded(main) {
        store.record_encryption_key(main, now).await?;
    }
    if !is_in_use(current) {
        store.record_encryption_key(current, now).await?;
    }
    Ok(())
}

fn missing(keys: &Keys, id: KeyId) -> String {
    let ids: Vec<_> = keys.ids().iter().map(ToString::to_string).collect();
    format!(
        "values of this database are encrypted with the key {id}, which is neither TILL_ENCRYPTION_KEY nor \
         in TILL_DECRYPTION_KEYS (found: {}). Start with that key: without it, the stored signing secrets \
         and credentials cannot be read",
        ids.join(", ")
    )
}
