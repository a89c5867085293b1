//! Signatures as Standard Webhooks has them (symmetric, `v1`): base64 HMAC-SHA256 of
//! `id.timestamp.body`, one for each valid secret, separated by spaces.

use crate::clock;
use crate::crypto::{Keys, hmac_sha256};
use crate::store::projects::Project;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use till_shared::id::ProjectId;

/// What a project's signing secret is sealed for ([`Keys::seal`]).
pub fn secret_place(id: &ProjectId) -> String {
    format!("projects/{id}/signing_secret")
}

/// A project's signing secrets that are valid now, the newest first.
///
/// # Errors
/// When one does not open with the server's key.
pub fn valid_secrets(keys: &Keys, project: &Project) -> anyhow::Result<Vec<SecretString>> {
    let place = secret_place(&project.id);
    let now = clock::now_ms();
    let good = project.signing_secrets.iter();
    good.filter(|secret| secret.until.is_none_or(|until| until > now))
        .map(|secret| keys.open(&place, &secret.sealed))
        .collect()
}

/// The bytes of a secret behind its `whsec_`.
///
/// # Errors
/// When it is not `whsec_` and base64.
pub fn key_bytes(secret: &SecretString) -> anyhow::Result<Vec<u8>> {
    let text = secret.expose_secret().strip_prefix("whsec_");
    text.and_then(|s| STANDARD.decode(s).ok())
        .context("a signing secret is not whsec_ and base64")
}

/// The value of `webhook-signature`.
///
/// # Errors
/// When a secret is not `whsec_` and base64.
pub fn signature(
    secrets: &[SecretString],
    id: &str,
    seconds: i64,
    body: &str,
) -> anyhow::Result<String> {
    let signed = format!("{id}.{seconds}.{body}");
    let mut all = Vec::with_capacity(secrets.len());
    for secret in secrets {
        let key = key_bytes(secret)?;
        all.push(format!(
            "v1,{}",
            STANDARD.encode(hmac_sha256(&key, &[signed.as_bytes()]))
        ));
    }
    Ok(all.join(" "))
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
