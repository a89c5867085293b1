//! Encrypts a card as the widget does: a JWE (RFC 7516) with `ECDH-ES` and `A256GCM`.

use crate::client::{Api, Opened, send};
use crate::providers::now;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::{PublicKey, SecretKey};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Returns the key of an invoice's billing data; null if there is none.
pub async fn key(api: &Api, opened: &Opened) -> Result<Value> {
    let billing = send(api.widget(Method::GET, opened, "")).await?;
    ensure!(billing.status == 200, "{billing:?}");
    Ok(billing.json()["card_encryption_key"].clone())
}

/// Returns what is encrypted: the card of a payment fixation, for an invoice, now.
pub fn content(opened: &Opened, body: &Value) -> Value {
    json!({ "invoice": opened.id, "iat": now(), "card": body["card"] })
}

/// Returns a payment fixation with its card encrypted.
pub async fn encrypted(api: &Api, opened: &Opened, body: &Value) -> Result<Value> {
    let key = key(api, opened).await?;
    let text = content(opened, body).to_string();
    with_text(body, &encrypt(&key, text.as_bytes(), |_| {})?)
}

/// Returns a payment fixation with this text instead of its card.
pub fn with_text(body: &Value, text: &str) -> Result<Value> {
    let mut body = body.clone();
    let fields = body.as_object_mut().context("no object")?;
    fields.remove("card");
    fields.insert("encrypted_card".into(), text.into());
    Ok(body)
}

/// Encrypts a content to a key (JWK). `change` may change the header first.
pub fn encrypt(jwk: &Value, content: &[u8], change: impl FnOnce(&mut Value)) -> Result<String> {
    let decode = |name: &str| -> Result<Vec<u8>> {
        let text = jwk[name].as_str().context("no coordinate")?;
        Ok(URL_SAFE_NO_PAD.decode(text)?)
    };
    let theirs = PublicKey::from_sec1_bytes(&[vec![4], decode("x")?, decode("y")?].concat())?;
    let ours = SecretKey::from_slice(&rand::random::<[u8; 32]>())?;
    let point = ours.public_key().to_sec1_bytes();
    let (x, y) = point[1..].split_at(32);
    let mut header = json!({
        "alg": "ECDH-ES", "enc": "A256GCM", "kid": jwk["kid"],
        "epk": { "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) },
    });
    change(&mut header);
    let header = URL_SAFE_NO_PAD.encode(header.to_string());

    // RFC 7518, section 4.6.2: the round, the secret, the algorithm, no parties, and the length of the key.
    let derived = Sha256::new()
        .chain_update([0, 0, 0, 1])
        .chain_update(ours.diffie_hellman(&theirs).raw_secret_bytes())
        .chain_update(b"\0\0\0\x07A256GCM\0\0\0\0\0\0\0\0\0\0\x01\0")
        .finalize();
    let derived: [u8; 32] = derived.into();
    let nonce: [u8; 12] = rand::random();
    let payload = Payload {
        msg: content,
        aad: header.as_bytes(),
    };
    let sealed = Aes256Gcm::new(&Key::<Aes256Gcm>::from(derived))
        .encrypt(&Nonce::from(nonce), payload)
        .map_err(|_| anyhow::anyhow!("not encrypted"))?;
    let (ciphertext, tag) = sealed.split_at(sealed.len() - 16);
    let parts = [&nonce[..], ciphertext, tag].map(|part| URL_SAFE_NO_PAD.encode(part));
    Ok(format!("{header}..{}", parts.join(".")))
}
