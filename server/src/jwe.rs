//! JSON Web Encryption (RFC 7516) in its compact form, with the algorithms `ECDH-ES` on P-256 and `A256GCM`
//! (RFC 7518, sections 4.6 and 5.3), and no others.

use crate::new_id;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::elliptic_curve::Generate;
use p256::{PublicKey, SecretKey};
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use till_shared::card_data::CardEncryptionKey;
use zeroize::Zeroizing;

/// The longest text that is read, in bytes. A card takes some 700.
const MAX_LENGTH: usize = 8 * 1024;
/// The content encryption.
const ENC: &str = "A256GCM";
/// The key agreement.
const ALG: &str = "ECDH-ES";

/// Why a text cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// It is no JWE in compact form.
    #[error("must be a JWE in compact form")]
    Malformed,
    /// It has another algorithm, or an extension.
    #[error(
        "must be a JWE with the algorithms ECDH-ES and A256GCM, on the curve P-256, not compressed"
    )]
    Unsupported,
    /// It was changed, or is encrypted to another key.
    #[error("can't be decrypted")]
    Undecryptable,
}

/// A private key.
pub struct PrivateKey(SecretKey);

impl PrivateKey {
    /// Creates a key.
    ///
    /// # Errors
    /// When the operating system fails to provide random bytes.
    pub fn generate() -> anyhow::Result<Self> {
        Ok(Self(SecretKey::try_generate_from_rng(&mut SysRng)?))
    }

    /// Reads a key that [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// When the text is no key.
    pub fn from_text(text: &SecretString) -> anyhow::Result<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.expose_secret())?);
        let key = SecretKey::from_slice(&bytes).ok();
        key.map(Self).context("a stored text is no private key")
    }

    /// Returns the key as text.
    pub fn to_text(&self) -> SecretString {
        let bytes = Zeroizing::new(self.0.to_bytes());
        SecretString::from(URL_SAFE_NO_PAD.encode(*bytes))
    }

    /// Returns the public key for encryption, with an id.
    pub fn public_jwk(&self, kid: &str) -> CardEncryptionKey {
        let point = self.0.public_key().to_sec1_bytes();
        // Uncompressed (SEC 1, section 2.3.3): 4, and the coordinates.
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        CardEncryptionKey {
            kty: "EC".into(),
            crv: "P-256".into(),
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
            kid: kid.to_owned(),
            r#use: "enc".into(),
            alg: ALG.into(),
        }
    }
}

/// The protected header. `zip` would compress the content, and `crit` names extensions that a reader must
/// know (RFC 7516, sections 4.1.3 and 4.1.13).
#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    kid: String,
    epk: EphemeralKey,
    #[serde(default)]
    apu: String,
    #[serde(default)]
    apv: String,
    zip: Option<IgnoredAny>,
    crit: Option<IgnoredAny>,
}

/// The sender's public key.
#[derive(Deserialize)]
struct EphemeralKey {
    kty: String,
    crv: String,
    x: String,
    y: String,
}

/// A JWE whose header has been read.
pub struct Jwe<'a> {
    header: Header,
    /// The header as it was sent, which is authenticated.
    protected: &'a str,
    nonce: [u8; 12],
    /// The ciphertext and the authentication tag.
    ciphertext: Vec<u8>,
}

impl<'a> Jwe<'a> {
    /// Reads a JWE.
    ///
    /// # Errors
    /// When it is malformed or has other algorithms.
    pub fn parse(text: &'a str) -> Result<Self, JweError> {
        if text.len() > MAX_LENGTH {
            return Err(JweError::Malformed);
        }
        let parts: Vec<_> = text.split('.').collect();
        let [protected, encrypted_key, nonce, ciphertext, tag] = parts[..] else {
            return Err(JweError::Malformed);
        };
        let header = serde_json::from_slice::<serde_json::Value>(&decode(protected)?)
            .map_err(|_| JweError::Malformed)?;
        let header = Header::deserialize(header).map_err(|_| JweError::Unsupported)?;
        let supported = header.alg == ALG
            && header.enc == ENC
            && header.epk.kty == "EC"
            && header.epk.crv == "P-256"
            && header.zip.is_none()
            && header.crit.is_none();
        if !supported {
            return Err(JweError::Unsupported);
        }
        // The agreed key is the content's: there is no other one to send.
        if !encrypted_key.is_empty() {
            return Err(JweError::Malformed);
        }
        let nonce = decode(nonce)?.try_into().map_err(|_| JweError::Malformed)?;
        let tag = decode(tag)?;
        if tag.len() != 16 {
            return Err(JweError::Malformed);
        }
        let ciphertext = [decode(ciphertext)?, tag].concat();
        Ok(Self {
            header,
            protected,
            nonce,
            ciphertext,
        })
    }

    /// The id of the key that it is encrypted to.
    pub fn key_id(&self) -> &str {
        &self.header.kid
    }

    /// Decrypts the content.
    ///
    /// # Errors
    /// When it was changed, or the key is another one.
    pub fn decrypt(&self, key: &PrivateKey) -> Result<Zeroizing<Vec<u8>>, JweError> {
        let EphemeralKey { x, y, .. } = &self.header.epk;
        let point = [vec![4], coordinate(x)?, coordinate(y)?].concat();
        // A point that is not on the curve is refused: it could reveal the key.
        let theirs = PublicKey::from_sec1_bytes(&point).map_err(|_| JweError::Undecryptable)?;
        let shared = key.0.diffie_hellman(&theirs);
        let parties = [decode(&self.header.apu)?, decode(&self.header.apv)?];
        let derived = derive(shared.raw_secret_bytes(), ENC, 256, &parties);
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*derived));
        let payload = Payload {
            msg: &self.ciphertext,
            aad: self.protected.as_bytes(),
        };
        cipher
            .decrypt(&Nonce::from(self.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| JweError::Undecryptable)
    }
}

/// Creates the id of a key.
pub fn new_key_id() -> String {
    format!("cek_{}", new_id::unique())
}

fn decode(text: &str) -> Result<Vec<u8>, JweError> {
    let decoded = URL_SAFE_NO_PAD.decode(text);
    decoded.map_err(|_| JweError::Malformed)
}

fn coordinate(text: &str) -> Result<Vec<u8>, JweError> {
    let bytes = decode(text)?;
    if bytes.len() == 32 {
        Ok(bytes)
    } else {
        Err(JweError::Malformed)
    }
}

/// Derives the content's key from the shared secret: the Concat KDF with SHA-256, of which a key of 256 bits
/// or less takes one round (RFC 7518, section 4.6.2; NIST SP 800-56A, section 5.8.1).
fn derive(
    secret: &[u8],
    algorithm: &str,
    bits: u32,
    parties: &[Vec<u8>; 2],
) -> Zeroizing<[u8; 32]> {
    let mut hash = Sha256::new()
        .chain_update(1_u32.to_be_bytes())
        .chain_update(secret);
    for part in [algorithm.as_bytes(), &parties[0], &parties[1]] {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        hash = hash.chain_update(length.to_be_bytes()).chain_update(part);
    }
    Zeroizing::new(hash.chain_update(bits.to_be_bytes()).finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key and messages of jwcrypto 1.5.
    const D: &str = "LlJsdMLg0zR2W4lwvEmJxYx6gs2eIfik-MAPdCY86mg";
    const X: &str = "0v_5WJUr_DJs-k_4AIWBLOwU0f-Syu0Ot4at-PkccBc";
    const Y: &str = "HSmNSEVtz06Z3cuu3ypK7OifKgM8cs8kmDvpBYB-AYo";
    const PLAIN: &str = "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6IkdOOVpmQ19iTTI5TzNkQUFNbEFRUEFTNmRjSFJndEhGTDI5MVpkb3ZvQzQiLCJ5IjoiS1NMdDg3Zi16MmViTnE5a29UR1dPRTRHMFhNSmZ3bWE4cnlzOFJaVjRHcyJ9LCJraWQiOiJrZXlfMSJ9..LRPdIdBbJOGj2nXG.bxQ19_QttC5JMt8.B_6L8VccjBbrjEOtepazRg";
    const WITH_PARTIES: &str = "eyJhbGciOiJFQ0RILUVTIiwiYXB1IjoiUVd4cFkyVSIsImFwdiI6IlFtOWkiLCJlbmMiOiJBMjU2R0NNIiwiZXBrIjp7ImNydiI6IlAtMjU2Iiwia3R5IjoiRUMiLCJ4IjoiVmtjOHBhN21hUDhtdWRKeDM4SmN3dDFTNkctRjdZemdQUEVxVHg2dE9ycyIsInkiOiJCT2hSa3Jpbld2S2NnOVBfUHh5anVJNWpyLWk2SERiNDZacS1yMHVVeHdJIn0sImtpZCI6ImtleV8xIn0..S9RIOpdpl1tMZXH9.JvGJk3C2gObluww.-r5wyaHeZWDF9ynWL0_AFQ";
    const COMPRESSED: &str = "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6Ikg3aDVHUWp3QUpUTUo0N0tqaXFRNDY5X2RUbmM2R3dRREo0aVhtdDV2UU0iLCJ5IjoiTVMyamhNNm1NZG42enVzeHFoNU5EaDY2QS10bmVtQWVlMmZhMkJIWGI5byJ9LCJraWQiOiJrZXlfMSIsInppcCI6IkRFRiJ9..qfP2kDkuEppefxL5.KZjmOxViZ2EfgKXd0w.g3F6jjCSFQUu-hhUTxWfYQ";

    fn key() -> PrivateKey {
        PrivateKey::from_text(&D.into()).unwrap()
    }

    fn decrypt(text: &str, key: &PrivateKey) -> Result<String, JweError> {
        let content = Jwe::parse(text)?.decrypt(key)?;
        Ok(String::from_utf8(content.to_vec()).unwrap())
    }

    fn header(text: &str) -> String {
        String::from_utf8(decode(text.split_once('.').unwrap().0).unwrap()).unwrap()
    }

    /// The message with another header.
    fn with_header(header: &str) -> String {
        let rest = PLAIN.split_once('.').unwrap().1;
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
    }

    #[test]
    fn messages_of_another_implementation_are_read() {
        let public = key().public_jwk("key_1");
        assert_eq!((public.x.as_str(), public.y.as_str()), (X, Y));
        for text in [PLAIN, WITH_PARTIES] {
            assert_eq!(Jwe::parse(text).ok().unwrap().key_id(), "key_1");
            assert_eq!(decrypt(text, &key()).unwrap(), r#"{"card":{}}"#);
        }
    }

    #[test]
    fn keys_survive_the_store() {
        let key = PrivateKey::generate().unwrap();
        let read = PrivateKey::from_text(&key.to_text()).unwrap();
        assert_eq!(read.public_jwk("a").x, key.public_jwk("a").x);
        assert!(PrivateKey::from_text(&"AAAA".into()).is_err());
        let zero = URL_SAFE_NO_PAD.encode([0; 32]);
        assert!(PrivateKey::from_text(&zero.into()).is_err());
    }

    #[test]
    fn other_algorithms_and_extensions_are_refused() {
        assert_eq!(decrypt(COMPRESSED, &key()), Err(JweError::Unsupported));
        let good = header(PLAIN);
        for (from, to) in [
            ("ECDH-ES", "none"),
            ("ECDH-ES", "dir"),
            ("ECDH-ES", "A128KW"),
            ("ECDH-ES", "ECDH-ES+A256KW"),
            ("ECDH-ES", "RSA1_5"),
            ("A256GCM", "A128GCM"),
            ("A256GCM", "A256CBC-HS512"),
            ("P-256", "P-384"),
            ("\"EC\"", "\"oct\""),
            ("\"kid\":", "\"crit\":[\"exp\"],\"exp\":1,\"kid\":"),
            ("\"kid\":", "\"crit\":null,\"crit\":[],\"kid\":"),
            ("\"kid\":", "\"other\":"),
        ] {
            let changed = good.replace(from, to);
            assert_ne!(changed, good);
            let result = decrypt(&with_header(&changed), &key());
            assert_eq!(result, Err(JweError::Unsupported), "{changed}");
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        for at in 0..PLAIN.len() {
            let mut bytes = PLAIN.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'B' { b'C' } else { b'B' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(decrypt(&changed, &key()).is_err(), "{at}: {changed}");
        }
        let other = PrivateKey::generate().unwrap();
        assert_eq!(decrypt(PLAIN, &other), Err(JweError::Undecryptable));
    }

    #[test]
    fn malformed_texts_are_refused() {
        let long = format!("{PLAIN}{}", "A".repeat(MAX_LENGTH));
        let nested = with_header(&"[".repeat(5000));
        let with_key = PLAIN.replacen("..", ".AAAA.", 1);
        let short_tag = PLAIN.rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
        let padded = format!("{PLAIN}==");
        for text in [
            "",
            ".",
            "....",
            "a.b.c.d.e",
            &PLAIN[1..],
            &long,
            &nested,
            &with_key,
            &short_tag,
            &padded,
        ] {
            assert!(decrypt(text, &key()).is_err(), "{text}");
        }
    }

    #[test]
    fn points_that_are_not_on_the_curve_are_refused() {
        let good = header(PLAIN);
        let x = "GN9ZfC_bM29O3dAAMlAQPAS6dcHRgtHFL291ZdovoC4";
        assert!(good.contains(x));
        for bad in [X, &URL_SAFE_NO_PAD.encode([0; 32]), "AAAA", ""] {
            let text = with_header(&good.replace(x, bad));
            assert!(decrypt(&text, &key()).is_err(), "{bad}");
        }
    }

    /// RFC 7518, appendix C.
    #[test]
    fn keys_are_derived_as_in_the_standard() {
        let secret = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49,
            110, 163, 218, 128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        let parties = [b"Alice".to_vec(), b"Bob".to_vec()];
        let derived = derive(&secret, "A128GCM", 128, &parties);
        assert_eq!(
            URL_SAFE_NO_PAD.encode(&derived[..16]),
            "VqqN6vgjbSBcIijNcacQGg"
        );
    }
}
