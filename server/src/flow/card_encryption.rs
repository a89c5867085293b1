//! Cards that are encrypted in the browser, to a key that changes every day. All servers share it.

use super::error::{Error, Result};
use crate::app::App;
use crate::clock;
use crate::crypto::{AssociatedData, EncryptedColumn};
use crate::jwe::{Jwe, JweError, PrivateKey, new_key_id};
use crate::store::card_encryption_keys::CardEncryptionKeyRow;
use secrecy::ExposeSecret;
use till_shared::card_data::CardEncryptionKey;
use till_shared::id::InvoiceId;
use zeroize::Zeroizing;

/// A day, in milliseconds. Each has a key of its own.
const DAY: i64 = 86_400_000;
/// How long a key is kept and accepted, in milliseconds: two days, so that a page that has it still works a
/// day later.
pub const KEPT: i64 = 2 * DAY;
/// How long ago a card may have been encrypted, in seconds.
const MAX_AGE: i64 = 15 * 60;
/// How far ahead of ours the sender's clock may be, in seconds.
const MAX_AHEAD: i64 = 5 * 60;
/// The field of the payment fixation with an encrypted card.
const FIELD: &str = "encrypted_card";

/// Returns the public key of today, which is created if it is missing.
///
/// # Errors
/// When the store fails.
pub async fn public_key(app: &App) -> Result<CardEncryptionKey> {
    let now = clock::now_ms();
    let day = now.div_euclid(DAY);
    if let Some(key) = app.card_keys.get(&day).await {
        return Ok(key);
    }
    let row = key_of_day(app, day, now).await?;
    let key = private_key(app, &row)?.public_jwk(&row.id);
    app.card_keys.insert(day, key.clone()).await;
    Ok(key)
}

async fn key_of_day(app: &App, day: i64, now: i64) -> Result<CardEncryptionKeyRow> {
    if let Some(known) = app.store.card_encryption_key_of(day).await? {
        return Ok(known);
    }
    let id = new_key_id();
    let text = PrivateKey::generate()?.to_text();
    let new = CardEncryptionKeyRow {
        private_key: app
            .keys
            .encrypt(&associated_data(&id), text.expose_secret())?,
        id,
    };
    app.store.insert_card_encryption_key(&new, day, now).await?;
    let stored = app.store.card_encryption_key_of(day).await?;
    Ok(stored.unwrap_or(new))
}

/// Decrypts a card: JSON with the card, the invoice that it is for and the time.
///
/// # Errors
/// `invalid-request` that names `encrypted_card`.
pub async fn decrypt(app: &App, text: &str) -> Result<Zeroizing<Vec<u8>>> {
    let jwe = Jwe::parse(text).map_err(refuse)?;
    let since = clock::now_ms() - KEPT;
    let key = app.store.card_encryption_key(jwe.key_id(), since).await?;
    let Some(key) = key else {
        // The key in memory may be one that was removed.
        app.card_keys.invalidate_all();
        return Err(refuse(JweError::Undecryptable));
    };
    jwe.decrypt(&private_key(app, &key)?).map_err(refuse)
}

/// Checks what a card was encrypted for: `invoice` and `iat`, in seconds since 1970-01-01 UTC. A ciphertext
/// that somebody has recorded is good for nothing else, and not for long.
///
/// # Errors
/// `invalid-request` that names `encrypted_card`.
pub fn check(invoice: &InvoiceId, for_invoice: &str, iat: i64) -> Result<()> {
    if for_invoice != invoice.as_str() {
        let message = "must be encrypted for this invoice, whose id is the content's `invoice`";
        return Err(Error::field(FIELD, "other_invoice", message));
    }
    let age = clock::now_ms() / 1000 - iat;
    if !(-MAX_AHEAD..=MAX_AGE).contains(&age) {
        let message = "must be encrypted less than 15 minutes ago, at the content's `iat`";
        return Err(Error::field(FIELD, "expired", message));
    }
    Ok(())
}

/// The error of a content that is no JSON object.
pub fn unreadable() -> Error {
    Error::field(
        FIELD,
        "invalid",
        "must contain a JSON object with `invoice`, `iat` and `card`",
    )
}

/// The error of a card that is sent twice.
pub fn sent_twice() -> Error {
    Error::field(
        FIELD,
        "not_accepted",
        "must be absent beside a card that is not encrypted",
    )
}

fn refuse(error: JweError) -> Error {
    let message = match error {
        JweError::Undecryptable => {
            "can't be decrypted: encrypt the card again, to the key in the newest billing data"
                .into()
        }
        JweError::Malformed | JweError::Unsupported => error.to_string(),
    };
    Error::field(FIELD, "invalid", message)
}

fn private_key(app: &App, row: &CardEncryptionKeyRow) -> Result<PrivateKey> {
    let text = app
        .keys
        .decrypt(&associated_data(&row.id), &row.private_key)?;
    Ok(PrivateKey::from_text(&text)?)
}

fn associated_data(id: &str) -> AssociatedData {
    EncryptedColumn::CardEncryptionKeys.row([id, ""])
}
