//! The certificates and signatures of PayPal's webhooks.

use crate::providers::{Message, now};
use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rsa::pkcs1v15::{Signature, SigningKey, VerifyingKey};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::sha2::Sha256;
use rsa::signature::{Keypair, SignatureEncoding, Signer, Verifier};
use std::sync::LazyLock;

/// The webhook's id.
pub const WEBHOOK: &str = "WHTEST1";
const NAME: &str = "messageverificationcerts.paypal.com";

/// A signer of webhooks.
pub struct WebhookSigner {
    /// The authority's certificate, in PEM.
    pub authority: String,
    /// The certificate and the one that it was issued under, in PEM.
    pub certificate: String,
    /// The certificate alone, in PEM.
    pub alone: String,
    /// Its private key, in PEM.
    pub private_key: String,
    key: SigningKey<Sha256>,
}

fn ca(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

impl WebhookSigner {
    /// Creates a signer with a certificate for a name, which an intermediate authority issues.
    ///
    /// # Errors
    /// When a key or certificate cannot be created.
    pub fn new(name: &str) -> Result<Self> {
        let (authority, authority_key) = (ca("authority")?, KeyPair::generate()?);
        let authority_cert = authority.self_signed(&authority_key)?;
        let authority = Issuer::new(authority, authority_key);
        let (intermediate, intermediate_key) = (ca("intermediate")?, KeyPair::generate()?);
        let intermediate_cert = intermediate.signed_by(&intermediate_key, &authority)?;
        let intermediate = Issuer::new(intermediate, intermediate_key);
        let private = rsa::PrivateKey::new(&mut rand::rng(), 2048)?;
        let pem = private.to_pkcs8_pem(LineEnding::LF)?;
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &rcgen::PKCS_RSA_SHA256)?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let alone = params.signed_by(&pair, &intermediate)?.pem();
        Ok(Self {
            authority: authority_cert.pem(),
            certificate: format!("{alone}{}", intermediate_cert.pem()),
            alone,
            private_key: pem.to_string(),
            key: SigningKey::new(private),
        })
    }

    /// Returns a webhook sent at a time, signed with the certificate at this URL.
    pub fn sign(&self, certificate_url: &str, body: String, time: &str) -> Message {
        let id = "8a3f1b60-0000-11f0-9d5c-000000000000";
        let signature = self
            .key
            .sign(signed_text(id, time, body.as_bytes()).as_bytes());
        Message {
            headers: vec![
                ("paypal-transmission-id", id.into()),
                ("paypal-transmission-time", time.into()),
                (
                    "paypal-transmission-sig",
                    STANDARD.encode(signature.to_bytes()),
                ),
                ("paypal-auth-algo", "SHA256withRSA".into()),
                ("paypal-cert-url", certificate_url.into()),
            ],
            body,
        }
    }

    /// Returns whether this signer signed a webhook.
    pub fn signed(&self, id: &str, time: &str, body: &[u8], signature: &str) -> bool {
        let signature = STANDARD.decode(signature).unwrap_or_default();
        let Ok(signature) = Signature::try_from(signature.as_slice()) else {
            return false;
        };
        let key: VerifyingKey<Sha256> = self.key.verifying_key();
        let text = signed_text(id, time, body);
        key.verify(text.as_bytes(), &signature).is_ok()
    }
}

fn signed_text(id: &str, time: &str, body: &[u8]) -> String {
    format!("{id}|{time}|{WEBHOOK}|{}", crc32fast::hash(body))
}

type SignerResult = std::result::Result<WebhookSigner, String>;
static PAYPAL_SIGNER: LazyLock<SignerResult> =
    LazyLock::new(|| WebhookSigner::new(NAME).map_err(|e| e.to_string()));
static OTHER_SIGNER: LazyLock<SignerResult> =
    LazyLock::new(|| WebhookSigner::new(NAME).map_err(|e| e.to_string()));

/// Returns PayPal's signer.
///
/// # Errors
/// When its certificate cannot be created.
pub fn paypal() -> Result<&'static WebhookSigner> {
    let signer = PAYPAL_SIGNER.as_ref();
    signer.map_err(|e| anyhow::anyhow!("no certificate: {e}"))
}

/// Returns a signer with a certificate that nobody trusts.
///
/// # Errors
/// When its certificate cannot be created.
pub fn another() -> Result<&'static WebhookSigner> {
    let signer = OTHER_SIGNER.as_ref();
    signer.map_err(|e| anyhow::anyhow!("no certificate: {e}"))
}

/// Returns the time `shift` seconds from now in RFC 3339.
pub fn time(shift: i64) -> String {
    let time = jiff::Timestamp::from_second(now() + shift);
    time.map_or_else(|_| String::new(), |time| time.to_string())
}
