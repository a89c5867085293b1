//! Replaces the encryption key: encrypts what earlier keys encrypted with the current one, and says what an
//! earlier key is still needed for.

use super::audit::{self, Actor, Change};
use super::error::Result;
use super::idempotency;
use crate::app::App;
use crate::clock;
use crate::crypto::{EncryptedColumn, KeyId};
use crate::store::encrypted_values::EncryptedRow;
use crate::store::encryption_keys::EncryptionKeyRow;
use crate::store::projects::EncryptedSecret;
use anyhow::anyhow;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use strum::VariantArray;

/// The most rows that are read at once.
const BATCH: i64 = 200;
/// How often the values are gone through. Servers write meanwhile: what a server wrote with an earlier key
/// before it got the current one is found in the second round.
const ROUNDS: usize = 3;

/// What a key does at this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// It encrypts and decrypts.
    Current,
    /// It decrypts.
    Decrypts,
}

/// What depends on a key.
#[derive(Debug, Serialize)]
pub struct KeyStatus {
    /// The key's id. `None` stands for the keys of values that name none: an earlier version wrote them.
    pub id: Option<String>,
    /// What the key does here. `None` for values that name no key.
    pub r#use: Option<Use>,
    /// The values that are encrypted with it.
    pub values: u64,
    /// The idempotency keys of requests that may have been made while it was current. Without the key, a
    /// repeated request with one of them is rejected.
    pub idempotency_keys: i64,
    /// The open invoices that were created while it may have been current. Without the key, a payment page
    /// that was opened from an earlier link does not work.
    pub open_invoices: i64,
}

impl KeyStatus {
    /// Whether nothing depends on the key.
    pub fn is_unused(&self) -> bool {
        self.values == 0 && self.idempotency_keys == 0 && self.open_invoices == 0
    }
}

/// Returns what depends on each key of this server, the current one first, and on keys that values do not name.
///
/// # Errors
/// When the store fails.
pub async fn status(app: &App) -> Result<Vec<KeyStatus>> {
    let mut values = count_values(app).await?;
    let recorded = app.store.encryption_keys().await?;
    let mut all = vec![];
    for id in app.keys.ids() {
        let used = if id == app.keys.current_id() {
            Use::Current
        } else {
            Use::Decrypts
        };
        let count = values.remove(&Some(id)).unwrap_or_default();
        let record = recorded.iter().find(|key| key.id == id);
        all.push(key_status(app, id, used, count, record).await?);
    }
    if let Some(count) = values.remove(&None) {
        all.push(KeyStatus {
            id: None,
            r#use: None,
            values: count,
            idempotency_keys: 0,
            open_invoices: 0,
        });
    }
    Ok(all)
}

async fn key_status(
    app: &App,
    id: KeyId,
    used: Use,
    values: u64,
    record: Option<&EncryptionKeyRow>,
) -> Result<KeyStatus> {
    // Since then, no server has made anything with the key. A key without a record was never current.
    let now = clock::now_ms();
    let until = match record {
        Some(record) => record.retired_at.unwrap_or(now),
        None => 0,
    };
    Ok(KeyStatus {
        id: Some(id.to_string()),
        r#use: Some(used),
        values,
        idempotency_keys: app
            .store
            .count_idempotency_keys(now - idempotency::KEPT, until)
            .await?,
        open_invoices: app.store.count_open_invoices(until).await?,
    })
}

/// Counts the values of each key; `None` is for those that name none of this server's.
async fn count_values(app: &App) -> Result<BTreeMap<Option<KeyId>, u64>> {
    let known: Vec<_> = app
        .keys
        .ids()
        .into_iter()
        .map(|id| (id, id.prefix()))
        .collect();
    let mut counts = BTreeMap::new();
    for column in EncryptedColumn::VARIANTS {
        let mut last = None;
        loop {
            let rows = app
                .store
                .encrypted_rows(*column, last.as_ref(), BATCH)
                .await?;
            for row in &rows {
                for ciphertext in ciphertexts(*column, &row.value)? {
                    let named = known
                        .iter()
                        .find(|(_, prefix)| ciphertext.starts_with(prefix));
                    *counts.entry(named.map(|(id, _)| *id)).or_default() += 1;
                }
            }
            last = rows.into_iter().last();
            if last.is_none() {
                break;
            }
        }
    }
    Ok(counts)
}

/// The ciphertexts of a value.
fn ciphertexts(column: EncryptedColumn, value: &str) -> anyhow::Result<Vec<String>> {
    if !column.is_list() {
        return Ok(vec![value.to_owned()]);
    }
    let secrets: Vec<EncryptedSecret> = serde_json::from_str(value)?;
    let ciphertexts = secrets.into_iter().map(|secret| secret.ciphertext);
    Ok(ciphertexts.collect())
}

/// The result of [`rotate`].
#[derive(Debug, Serialize)]
pub struct Rotated {
    /// The id of the current key.
    pub key: String,
    /// The rows that were encrypted with it now.
    pub rows: u64,
    /// The rows that no key of this server can decrypt. They are left as they are.
    pub unreadable: u64,
}

/// Encrypts every value with the current key that is encrypted with another one, while servers run and write.
/// A row that changes meanwhile is left to the next round, so that nothing is overwritten. A run that was
/// interrupted can be repeated: it finds what is left. `progress` gets the rows that were encrypted so far,
/// by column.
///
/// # Errors
/// When the store fails; when servers keep encrypting with another key.
pub async fn rotate(
    app: &App,
    by: &Actor,
    mut progress: impl FnMut(EncryptedColumn, u64),
) -> Result<Rotated> {
    let (mut rows, mut written) = (0, 0);
    for _ in 0..ROUNDS {
        let mut round = Round::default();
        for column in EncryptedColumn::VARIANTS {
            rotate_column(app, *column, &mut round, &mut progress).await?;
        }
        rows += round.done;
        written = round.done + round.changed;
        if written == 0 {
            if round.unreadable == 0 {
                retire_others(app, rows > 0).await?;
            }
            let rotated = Rotated {
                key: app.keys.current_id().to_string(),
                rows,
                unreadable: round.unreadable,
            };
            record(app, by, &rotated).await?;
            return Ok(rotated);
        }
    }
    let id = app.keys.current_id();
    Err(anyhow!(
        "{written} values were written meanwhile with another key. A server still has that key as \
         TILL_ENCRYPTION_KEY: restart every server with the key {id} in its place, then run this again"
    )
    .into())
}

async fn record(app: &App, by: &Actor, rotated: &Rotated) -> Result<()> {
    let mut tx = app.store.begin().await?;
    let change = Change {
        action: "encryption_key.rotate",
        project: None,
        subject: rotated.key.clone(),
        before: None,
        after: None,
        detail: json!({ "rows": rotated.rows, "unreadable": rotated.unreadable }),
    };
    audit::append(&mut tx, by, change).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(())
}

/// What a round found.
#[derive(Default)]
struct Round {
    done: u64,
    /// The rows that changed between reading and writing.
    changed: u64,
    unreadable: u64,
}

async fn rotate_column(
    app: &App,
    column: EncryptedColumn,
    round: &mut Round,
    progress: &mut impl FnMut(EncryptedColumn, u64),
) -> Result<()> {
    let (mut last, mut done) = (None, 0);
    loop {
        let rows = app
            .store
            .encrypted_rows(column, last.as_ref(), BATCH)
            .await?;
        let before = done;
        for row in &rows {
            match encrypted_again(app, column, row) {
                Ok(None) => {}
                Ok(Some(value)) => {
                    if app.store.replace_encrypted(column, row, &value).await? {
                        done += 1;
                    } else {
                        round.changed += 1;
                    }
                }
                Err(error) => {
                    let EncryptedRow { first, second, .. } = row;
                    tracing::error!(%error, ?column, first, second, "a value can't be decrypted");
                    round.unreadable += 1;
                }
            }
        }
        if done > before {
            progress(column, done);
        }
        last = rows.into_iter().last();
        if last.is_none() {
            round.done += done;
            return Ok(());
        }
    }
}

/// The value of a row, encrypted with the current key; `None` if it is already.
fn encrypted_again(
    app: &App,
    column: EncryptedColumn,
    row: &EncryptedRow,
) -> anyhow::Result<Option<String>> {
    let keys = &app.keys;
    let data = column.row([&row.first, &row.second]);
    let encrypt = |ciphertext: &str| -> anyhow::Result<String> {
        let plain = keys.decrypt(&data, ciphertext)?;
        keys.encrypt(&data, plain.expose_secret())
    };
    if ciphertexts(column, &row.value)?
        .iter()
        .all(|one| keys.is_current(one))
    {
        return Ok(None);
    }
    if !column.is_list() {
        return Ok(Some(encrypt(&row.value)?));
    }
    let mut secrets: Vec<EncryptedSecret> = serde_json::from_str(&row.value)?;
    for secret in &mut secrets {
        secret.ciphertext = encrypt(&secret.ciphertext)?;
    }
    Ok(Some(serde_json::to_string(&secrets)?))
}

/// Records that no value needs another key than the current one. If any did until now, a server may have had
/// that key as its current one until now.
async fn retire_others(app: &App, until_now: bool) -> Result<()> {
    let now = clock::now_ms();
    let current = app.keys.current_id();
    for key in app.store.encryption_keys().await? {
        if key.id != current && (until_now || key.retired_at.is_none()) {
            app.store.retire_encryption_key(key.id, now).await?;
        }
    }
    app.store.replace_key_check(&app.keys.check_value()).await?;
    Ok(())
}
