//! Signatures of callbacks, as Standard Webhooks specifies them (symmetric, `v1`): one for each
//! valid secret.

use crate::clock;
use crate::crypto::{AssociatedData, EncryptedColumn, Keys};
use crate::store::projects::Project;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use standardwebhooks::Webhook;
use till_shared::id::ProjectId;

/// The associated data of a project's encrypted signing secrets ([`Keys::encrypt`]).
pub fn secret_context(id: &ProjectId) -> AssociatedData {
    EncryptedColumn::SigningSecrets.row([id.as_str(), ""])
}

/// Decrypts the signing secrets of a project that are valid now, the newest first.
///
/// # Errors
/// When one was not encrypted with the server's key.
pub fn valid_secrets(keys: &Keys, project: &Project) -> anyhow::Result<Vec<SecretString>> {
    let context = secret_context(&project.id);
    let now = clock::now_ms();
    let secrets = project.signing_secrets.iter();
    secrets
        .filter(|secret| secret.until.is_none_or(|until| until > now))
        .map(|secret| keys.decrypt(&context, &secret.ciphertext))
        .collect()
}

/// Decodes a signing secret.
///
/// # Errors
/// When it is not `whsec_` and base64.
pub fn key_bytes(secret: &SecretString) -> anyhow::Result<Vec<u8>> {
    let text = secret.expose_secret().strip_prefix("whsec_");
    text.and_then(|s| STANDARD.decode(s).ok())
        .context("a signing secret is not whsec_ and base64")
}

/// Returns the value of `webhook-signature`: a signature for each secret, separated by spaces.
///
/// # Errors
/// When a secret is not base64.
pub fn signature(
    secrets: &[SecretString],
    id: &str,
    seconds: i64,
    body: &str,
) -> anyhow::Result<String> {
    let sign = |secret: &SecretString| {
        Webhook::new(secret.expose_secret())?.sign(id, seconds, body.as_bytes())
    };
    let signatures: Result<Vec<_>, _> = secrets.iter().map(sign).collect();
    Ok(signatures?.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's own libraries.
    #[test]
    fn signs_as_the_specification_does() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = r#"{"test": 2432232314}"#;
        let text = signature(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            body,
        )
        .unwrap();
        assert_eq!(text, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
