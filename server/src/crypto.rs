//! Cryptography with the server's own key: encryption at rest, client tokens, return states and
//! fingerprints of requests. Each purpose uses a key of its own that is derived from the server's.

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
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

/// The keys that are derived from the server's key.
pub struct Keys {
    encryption: SecretBox<[u8; 32]>,
    client_token: SecretBox<[u8; 32]>,
    return_state: SecretBox<[u8; 32]>,
    fingerprint: SecretBox<[u8; 32]>,
    attempts: SecretBox<[u8; 32]>,
    check: SecretBox<[u8; 32]>,
}

impl Keys {
    /// Derives the keys from the server's key, 32 bytes in base64.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn from_base64(text: &SecretString) -> anyhow::Result<Self> {
        let bytes = STANDARD.decode(text.expose_secret().trim()).ok();
        let root = bytes
            .and_then(|b| b.try_into().ok())
            .context("the encryption key must be 32 bytes in base64")?;
        Ok(Self::derived(&root))
    }

    /// Derives keys from a random one, where nothing depends on the server's.
    ///
    /// # Errors
    /// When the operating system fails to provide random bytes.
    pub fn random() -> anyhow::Result<Self> {
        Ok(Self::derived(&crate::new_id::random::<32>()?))
    }

    fn derived(root: &[u8; 32]) -> Self {
        let derive =
            |purpose: &str| SecretBox::new(Box::new(hmac_sha256(root, &[purpose.as_bytes()])));
        Self {
            encryption: derive("till encryption at rest"),
            client_token: derive("till client token"),
            return_state: derive("till return state"),
            fingerprint: derive("till request fingerprint"),
            attempts: derive("till payment attempts"),
            check: derive("till key check"),
        }
    }

    /// Encrypts a secret for the store (XChaCha20-Poly1305), with associated data that names its
    /// row: a ciphertext that is moved to another row can't be decrypted there.
    ///
    /// # Errors
    /// When the operating system fails to provide random bytes.
    pub fn encrypt(&self, associated_data: &str, secret: &str) -> anyhow::Result<String> {
        let nonce = crate::new_id::random::<24>()?;
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: associated_data.as_bytes(),
        };
        let ciphertext = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| anyhow!("encryption failed"))?;
        Ok(STANDARD.encode([&nonce[..], &ciphertext].concat()))
    }

    /// Decrypts a secret of [`Self::encrypt`].
    ///
    /// # Errors
    /// When the key or the associated data differ, or the ciphertext was changed.
    pub fn decrypt(&self, associated_data: &str, ciphertext: &str) -> anyhow::Result<SecretString> {
        let bytes = STANDARD
            .decode(ciphertext)
            .context("a stored secret is not base64")?;
        let (nonce, encrypted) = bytes
            .split_first_chunk::<24>()
            .context("a stored secret is too short")?;
        let payload = Payload {
            msg: encrypted,
            aad: associated_data.as_bytes(),
        };
        let plain = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| {
                anyhow!("a stored secret can't be decrypted: is this the right encryption key?")
            })?;
        Ok(SecretString::from(String::from_utf8(plain)?))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.encryption.expose_secret()))
    }

    /// Returns the client token of an invoice, which is computed and never stored.
    pub fn client_token(&self, invoice: &InvoiceId) -> String {
        let mac = hmac_sha256(
            self.client_token.expose_secret(),
            &[invoice.as_str().as_bytes()],
        );
        format!("ct_{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Compares `token` with the invoice's client token in constant time.
    pub fn is_client_token(&self, invoice: &InvoiceId, token: &str) -> bool {
        self.client_token(invoice)
            .as_bytes()
            .ct_eq(token.as_bytes())
            .into()
    }

    /// Returns the state that a payment system passes back with the buyer. It proves that the return
    /// belongs to this payment.
    pub fn return_state(&self, payment: &PaymentId) -> String {
        let mac = hmac_sha256(
            self.return_state.expose_secret(),
            &[payment.as_str().as_bytes()],
        );
        URL_SAFE_NO_PAD.encode(&mac[..16])
    }

    /// Compares `state` with the payment's return state in constant time.
    pub fn is_return_state(&self, payment: &PaymentId, state: &str) -> bool {
        self.return_state(payment)
            .as_bytes()
            .ct_eq(state.as_bytes())
            .into()
    }

    /// Returns a value by which a database recognizes the server's key, and from which the key cannot be
    /// found.
    pub fn check_value(&self) -> String {
        hex::encode(self.check.expose_secret())
    }

    /// Returns a keyed hash by which a project's attempts to pay are counted: of a card's number or of an
    /// address, which nobody can find from it without the server's key. `kind` says what the value is.
    pub fn attempt_hash(&self, project: &ProjectId, kind: &str, value: &str) -> String {
        let parts = [project.as_str(), kind, value].map(str::as_bytes);
        let separated = [parts[0], b"\0", parts[1], b"\0", parts[2]];
        let mac = hmac_sha256(self.attempts.expose_secret(), &separated);
        hex::encode(&mac[..16])
    }

    /// Returns a keyed hash that identifies a request, which nobody can find by trying all possible
    /// contents.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> String {
        let mut all = Vec::new();
        for part in parts {
            all.extend_from_slice(&(part.len() as u64).to_be_bytes());
            all.extend_from_slice(part);
        }
        hex::encode(hmac_sha256(self.fingerprint.expose_secret(), &[&all]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(byte: u8) -> Keys {
        Keys::from_base64(&SecretString::from(STANDARD.encode([byte; 32]))).unwrap()
    }

    #[test]
    fn secrets_are_decrypted_with_their_key_and_associated_data_only() {
        let ciphertext = keys(1).encrypt("projects/a", "whsec_x").unwrap();
        assert_eq!(
            keys(1)
                .decrypt("projects/a", &ciphertext)
                .unwrap()
                .expose_secret(),
            "whsec_x"
        );
        assert!(keys(1).decrypt("projects/b", &ciphertext).is_err());
        assert!(keys(2).decrypt("projects/a", &ciphertext).is_err());
        assert!(keys(1).decrypt("projects/a", "AAAA").is_err());
        assert!(!ciphertext.contains("whsec"));
    }

    /// Written with chacha20poly1305 0.10 and hmac 0.12.
    #[test]
    fn stored_ciphertexts_stay_readable() {
        let stored = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHm+4nOgf6Bwi2x3eOz/6OX/YcqSKEaQo=";
        let secret = keys(1).decrypt("projects/a", stored).unwrap();
        assert_eq!(secret.expose_secret(), "whsec_x");
    }

    #[test]
    fn tokens_are_bound_to_their_invoice() {
        let a: InvoiceId = "inv_a".parse().unwrap();
        let b: InvoiceId = "inv_b".parse().unwrap();
        let token = keys(1).client_token(&a);
        assert!(keys(1).is_client_token(&a, &token));
        assert!(!keys(1).is_client_token(&b, &token));
        assert!(!keys(2).is_client_token(&a, &token));
        assert!(!keys(1).is_client_token(&a, ""));
    }

    /// RFC 4231, test case 2.
    #[test]
    fn hmac_is_rfc_2104s() {
        let mac = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(
            hex::encode(mac),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
