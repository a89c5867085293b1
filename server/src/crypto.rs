//! All that needs the server's own key: encryption at rest, client tokens, return states and
//! fingerprints of requests. Each purpose has a key of its own, derived from the one key.

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use till_shared::id::{InvoiceId, PaymentId};

type HmacSha256 = Hmac<Sha256>;

/// HMAC-SHA256 (RFC 2104) of the parts, one after another.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes a key of any length: `new_from_slice` has no way to fail.
    let Ok(mut mac) = HmacSha256::new_from_slice(key) else {
        return [0; 32];
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// The SHA-256 of a secret key, in hex: what the store keeps of it.
pub fn key_hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// The server's own keys.
pub struct Keys {
    encryption: SecretBox<[u8; 32]>,
    client_token: SecretBox<[u8; 32]>,
    return_state: SecretBox<[u8; 32]>,
    fingerprint: SecretBox<[u8; 32]>,
}

impl Keys {
    /// From 32 bytes in base64.
    ///
    /// # Errors
    /// When it isn't that.
    pub fn from_base64(text: &SecretString) -> anyhow::Result<Self> {
        let bytes = STANDARD.decode(text.expose_secret().trim()).ok();
        let root: [u8; 32] = bytes
            .and_then(|b| b.try_into().ok())
            .context("the encryption key must be 32 bytes in base64")?;
        let derive =
            |purpose: &str| SecretBox::new(Box::new(hmac_sha256(&root, &[purpose.as_bytes()])));
        Ok(Self {
            encryption: derive("till encryption at rest"),
            client_token: derive("till client token"),
            return_state: derive("till return state"),
            fingerprint: derive("till request fingerprint"),
        })
    }

    /// Encrypts for the store. `place` names where it is kept and is bound to it: a ciphertext
    /// moved to another row does not open there.
    ///
    /// # Errors
    /// When the operating system has no random bytes to give.
    pub fn seal(&self, place: &str, secret: &str) -> anyhow::Result<String> {
        let nonce = crate::new_id::random::<24>()?;
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| anyhow!("encryption failed"))?;
        Ok(STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    /// Decrypts what [`Self::seal`] made for the same place.
    ///
    /// # Errors
    /// When it was made with another key, for another place, or was changed.
    pub fn open(&self, place: &str, sealed: &str) -> anyhow::Result<SecretString> {
        let bytes = STANDARD
            .decode(sealed)
            .context("a stored secret is not base64")?;
        let (nonce, text) = bytes
            .split_first_chunk::<24>()
            .context("a stored secret is too short")?;
        let payload = Payload {
            msg: text,
            aad: place.as_bytes(),
        };
        let plain = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| {
                anyhow!("a stored secret does not open: is this the right encryption key?")
            })?;
        Ok(SecretString::from(String::from_utf8(plain)?))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.encryption.expose_secret()))
    }

    /// The client token of an invoice: nothing to store, nothing to look up.
    pub fn client_token(&self, invoice: &InvoiceId) -> String {
        let mac = hmac_sha256(
            self.client_token.expose_secret(),
            &[invoice.as_str().as_bytes()],
        );
        format!("ct_{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Whether `token` is the invoice's, in constant time.
    pub fn is_client_token(&self, invoice: &InvoiceId, token: &str) -> bool {
        self.client_token(invoice)
            .as_bytes()
            .ct_eq(token.as_bytes())
            .into()
    }

    /// What a payment system must bring back with the buyer, so that a return can't be made up.
    pub fn return_state(&self, payment: &PaymentId) -> String {
        let mac = hmac_sha256(
            self.return_state.expose_secret(),
            &[payment.as_str().as_bytes()],
        );
        URL_SAFE_NO_PAD.encode(&mac[..16])
    }

    /// Whether `state` is the payment's, in constant time.
    pub fn is_return_state(&self, payment: &PaymentId, state: &str) -> bool {
        self.return_state(payment)
            .as_bytes()
            .ct_eq(state.as_bytes())
            .into()
    }

    /// A keyed hash of a request, to know it again. Keyed, because a request may hold a card: a
    /// plain hash of a card number is found again by trying them all.
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
    fn sealed_secrets_open_in_their_place_with_their_key_only() {
        let sealed = keys(1).seal("projects/a", "whsec_x").unwrap();
        assert_eq!(
            keys(1).open("projects/a", &sealed).unwrap().expose_secret(),
            "whsec_x"
        );
        assert!(keys(1).open("projects/b", &sealed).is_err());
        assert!(keys(2).open("projects/a", &sealed).is_err());
        assert!(keys(1).open("projects/a", "AAAA").is_err());
        assert!(!sealed.contains("whsec"));
    }

    /// Written with chacha20poly1305 0.10 and hmac 0.12.
    #[test]
    fn stored_ciphertexts_stay_readable() {
        let stored = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHm+4nOgf6Bwi2x3eOz/6OX/YcqSKEaQo=";
        let secret = keys(1).open("projects/a", stored).unwrap();
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
