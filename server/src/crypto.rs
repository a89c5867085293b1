//! Cryptography with the server's own keys: encryption at rest, client tokens, return states and
//! fingerprints of requests. Each purpose uses a key of its own that is derived from the server's.

mod encrypted_column;
#[cfg(test)]
mod tests;

pub use encrypted_column::{AssociatedData, EncryptedColumn};

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::{Choice, ConstantTimeEq};
use till_shared::id::{InvoiceId, PaymentId, ProjectId};

type HmacSha256 = Hmac<Sha256>;

/// Computes HMAC-SHA256 (RFC 2104) over the concatenated parts.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC accepts keys of any length: `new_from_slice` can't fail.
    let Ok(mut mac) = HmacSha256::new_from_slice(key) else {
        return [0; 32];
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// Hashes a secret key for the store: SHA-256, in hex.
pub fn key_hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// The length of a key's id in bytes: a multiple of 3, so that the id is a prefix of a ciphertext in base64,
/// too.
const ID: usize = 6;

/// Names an encryption key, without saying anything about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; ID]);

impl KeyId {
    /// The id of the key with this check value ([`Keys::check_value`]); `None` if it is none.
    pub fn of_check_value(check_value: &str) -> Option<Self> {
        let bytes = hex::decode(check_value).ok()?;
        bytes.first_chunk().copied().map(Self)
    }

    /// What each ciphertext of the key begins with.
    pub fn prefix(self) -> String {
        STANDARD.encode(self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for KeyId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; ID];
        hex::decode_to_slice(text, &mut id)?;
        Ok(Self(id))
    }
}

/// The keys that are derived from one key of the server.
struct Derived {
    id: KeyId,
    encryption: SecretBox<[u8; 32]>,
    client_token: SecretBox<[u8; 32]>,
    return_state: SecretBox<[u8; 32]>,
    fingerprint: SecretBox<[u8; 32]>,
    attempts: SecretBox<[u8; 32]>,
    check: SecretBox<[u8; 32]>,
}

impl Derived {
    /// Derives keys from 32 bytes in base64; `None` if the text is anything else.
    fn from_base64(text: &SecretString) -> Option<Self> {
        let bytes = STANDARD.decode(text.expose_secret().trim()).ok()?;
        let root: SecretBox<[u8; 32]> = SecretBox::new(Box::new(bytes.try_into().ok()?));
        Some(Self::new(root.expose_secret()))
    }

    fn new(root: &[u8; 32]) -> Self {
        let derive =
            |purpose: &str| SecretBox::new(Box::new(hmac_sha256(root, &[purpose.as_bytes()])));
        let check = derive("till key check");
        let mut id = [0; ID];
        id.copy_from_slice(&check.expose_secret()[..ID]);
        Self {
            id: KeyId(id),
            encryption: derive("till encryption at rest"),
            client_token: derive("till client token"),
            return_state: derive("till return state"),
            fingerprint: derive("till request fingerprint"),
            attempts: derive("till payment attempts"),
            check,
        }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.encryption.expose_secret()))
    }

    fn client_token(&self, invoice: &InvoiceId) -> String {
        let key = self.client_token.expose_secret();
        let mac = hmac_sha256(key, &[invoice.as_str().as_bytes()]);
        format!("ct_{}", URL_SAFE_NO_PAD.encode(mac))
    }

    fn return_state(&self, payment: &PaymentId) -> String {
        let key = self.return_state.expose_secret();
        let mac = hmac_sha256(key, &[payment.as_str().as_bytes()]);
        URL_SAFE_NO_PAD.encode(&mac[..16])
    }
}

/// The server's keys: the current one, and others that are still accepted, or will be current soon. What is
/// made is made with the current key. What comes back is accepted if any of the keys made it.
pub struct Keys {
    current: Derived,
    others: Vec<Derived>,
}

impl Keys {
    /// Derives the keys from the server's key, 32 bytes in base64.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn from_base64(text: &SecretString) -> anyhow::Result<Self> {
        Self::ring(text, &[])
    }

    /// Derives the keys from the current key and from keys that only decrypt, each 32 bytes in base64. A key
    /// that is named twice counts once.
    ///
    /// # Errors
    /// When a text is anything else. The error does not contain it.
    pub fn ring(current: &SecretString, others: &[SecretString]) -> anyhow::Result<Self> {
        let current = Derived::from_base64(current)
            .context("the encryption key must be 32 bytes in base64")?;
        let mut distinct: Vec<Derived> = vec![];
        for (index, text) in others.iter().enumerate() {
            let key = Derived::from_base64(text).with_context(|| {
                let number = index + 1;
                format!("key {number} of TILL_DECRYPTION_KEYS must be 32 bytes in base64")
            })?;
            if key.id != current.id && distinct.iter().all(|known| known.id != key.id) {
                distinct.push(key);
            }
        }
        Ok(Self {
            current,
            others: distinct,
        })
    }

    /// Derives keys from a random one, where nothing depends on the server's.
    ///
    /// # Errors
    /// When the operating system fails to provide random bytes.
    pub fn random() -> anyhow::Result<Self> {
        Ok(Self {
            current: Derived::new(&crate::new_id::random::<32>()?),
            others: vec![],
        })
    }

    /// All keys, the current one first.
    fn all(&self) -> impl Iterator<Item = &Derived> {
        std::iter::once(&self.current).chain(&self.others)
    }

    /// The ids of all keys, the current one first.
    pub fn ids(&self) -> Vec<KeyId> {
        self.all().map(|key| key.id).collect()
    }

    /// The id of the current key.
    pub fn current_id(&self) -> KeyId {
        self.current.id
    }

    /// Encrypts a secret for the store with the current key (XChaCha20-Poly1305), with associated data that
    /// names its row: a ciphertext that is moved to another row can't be decrypted there.
    ///
    /// The nonce begins with the key's id, and 144 random bits follow. Servers of before the ids use any
    /// nonce as it is, and so read what this one writes.
    ///
    /// # Errors
    /// When the operating system fails to provide random bytes.
    pub fn encrypt(&self, row: &AssociatedData, secret: &str) -> anyhow::Result<String> {
        let mut nonce = crate::new_id::random::<24>()?;
        nonce[..ID].copy_from_slice(&self.current.id.0);
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: row.0.as_bytes(),
        };
        let ciphertext = self
            .current
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| anyhow!("encryption failed"))?;
        Ok(STANDARD.encode([&nonce[..], &ciphertext].concat()))
    }

    /// Decrypts a secret of [`Self::encrypt`] with the key that it names, or, if it names none, with the key
    /// that fits: a server of before the ids encrypted it.
    ///
    /// # Errors
    /// When its key is not one of these, the associated data differ, or the ciphertext was changed.
    pub fn decrypt(&self, row: &AssociatedData, ciphertext: &str) -> anyhow::Result<SecretString> {
        let bytes = STANDARD
            .decode(ciphertext)
            .context("a stored secret is not base64")?;
        let (nonce, encrypted) = bytes
            .split_first_chunk::<24>()
            .context("a stored secret is too short")?;
        let is_named = |key: &&Derived| nonce.starts_with(&key.id.0);
        let (named, rest): (Vec<_>, Vec<_>) = self.all().partition(is_named);
        let plain = named.into_iter().chain(rest).find_map(|key| {
            let payload = Payload {
                msg: encrypted,
                aad: row.0.as_bytes(),
            };
            key.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
        });
        let plain = plain.context(
            "a stored secret can't be decrypted: is its key among the encryption keys of this server?",
        )?;
        Ok(SecretString::from(String::from_utf8(plain)?))
    }

    /// Whether a ciphertext names the current key. One that a server of before the ids wrote names none.
    pub fn is_current(&self, ciphertext: &str) -> bool {
        ciphertext.starts_with(&self.current.id.prefix())
    }

    /// Returns the client token of an invoice, which is computed and never stored.
    pub fn client_token(&self, invoice: &InvoiceId) -> String {
        self.current.client_token(invoice)
    }

    /// Compares `token` with the invoice's client token of each key in constant time.
    pub fn is_client_token(&self, invoice: &InvoiceId, token: &str) -> bool {
        is_any(self.all().map(|key| key.client_token(invoice)), token)
    }

    /// Returns the state that a payment system passes back with the buyer. It proves that the return
    /// belongs to this payment.
    pub fn return_state(&self, payment: &PaymentId) -> String {
        self.current.return_state(payment)
    }

    /// Compares `state` with the payment's return state of each key in constant time.
    pub fn is_return_state(&self, payment: &PaymentId, state: &str) -> bool {
        is_any(self.all().map(|key| key.return_state(payment)), state)
    }

    /// Returns a value by which a database recognizes the current key, and from which the key cannot be
    /// found.
    pub fn check_value(&self) -> String {
        hex::encode(self.current.check.expose_secret())
    }

    /// Whether a check value is that of any of the keys.
    pub fn has_check_value(&self, check_value: &str) -> bool {
        let all = self.all().map(|key| hex::encode(key.check.expose_secret()));
        is_any(all, check_value)
    }

    /// Returns keyed hashes by which a project's attempts to pay are counted, one for each key, that of the
    /// current one first: of a card's number or of an address, which nobody can find from them without the
    /// server's key. `kind` says what the value is.
    pub fn attempt_hashes(&self, project: &ProjectId, kind: &str, value: &str) -> Vec<String> {
        let parts = [project.as_str(), kind, value].map(str::as_bytes);
        let separated = [parts[0], b"\0", parts[1], b"\0", parts[2]];
        let hash = |key: &Derived| {
            let mac = hmac_sha256(key.attempts.expose_secret(), &separated);
            hex::encode(&mac[..16])
        };
        self.all().map(hash).collect()
    }

    /// Returns keyed hashes that identify a request, one for each key, that of the current one first. Nobody
    /// can find the request from them by trying all possible contents.
    pub fn fingerprints(&self, parts: &[&[u8]]) -> Vec<String> {
        let mut content = Vec::new();
        for part in parts {
            content.extend_from_slice(&(part.len() as u64).to_be_bytes());
            content.extend_from_slice(part);
        }
        let hash =
            |key: &Derived| hex::encode(hmac_sha256(key.fingerprint.expose_secret(), &[&content]));
        self.all().map(hash).collect()
    }

    /// Returns the fingerprint of the current key ([`Self::fingerprints`]).
    pub fn fingerprint(&self, parts: &[&[u8]]) -> String {
        self.fingerprints(parts).swap_remove(0)
    }
}

/// Whether `given` is one of the texts, compared in constant time.
fn is_any(expected: impl Iterator<Item = String>, given: &str) -> bool {
    let found = expected.fold(Choice::from(0), |found, one| {
        found | one.as_bytes().ct_eq(given.as_bytes())
    });
    found.into()
}
