//! Captchas: a project's settings, and the check of a token at the provider.

use super::error::{Error, Result};
use super::urls::check_url;
use crate::app::App;
use crate::crypto::{AssociatedData, EncryptedColumn};
use crate::store::projects::{CaptchaSettings, Project};
use crate::telemetry::CaptchaCheck;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use till_shared::captcha::{Captcha, CaptchaKind};
use till_shared::id::{InvoiceId, ProjectId};
use till_shared::problem::FieldError;
use url::Url;

/// How long the provider may take to check a token.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most characters of a token. hCaptcha's have some thousands.
const MAX_TOKEN: usize = 8192;
/// The most characters of a key.
const MAX_KEY: usize = 500;

/// The providers' names for what is not the buyer's fault: keys that do not fit, or their own trouble.
/// <https://developers.cloudflare.com/turnstile/get-started/server-side-validation/>,
/// <https://docs.hcaptcha.com>, <https://developer.friendlycaptcha.com/docs/v2/getting-started/verify>
const NOT_THE_BUYERS: [&str; 9] = [
    "missing-input-secret",
    "invalid-input-secret",
    "sitekey-secret-mismatch",
    "internal-error",
    "auth_required",
    "auth_invalid",
    "sitekey_invalid",
    "endpoint_invalid",
    "internal_server_error",
];

/// Where a provider's script and its check are, and what else its script loads from.
struct Provider {
    verify_url: &'static str,
    script_url: &'static str,
    /// For the content security policy, beside the script's own origin.
    sources: &'static [&'static str],
}

const fn provider(kind: CaptchaKind) -> Provider {
    let (verify_url, script_url, sources): (_, _, &[&str]) = match kind {
        CaptchaKind::Turnstile => (
            "https://challenges.cloudflare.com/turnstile/v0/siteverify",
            "https://challenges.cloudflare.com/turnstile/v0/api.js",
            &[],
        ),
        CaptchaKind::Hcaptcha => (
            "https://api.hcaptcha.com/siteverify",
            "https://js.hcaptcha.com/1/api.js",
            &["https://hcaptcha.com", "https://*.hcaptcha.com"],
        ),
        CaptchaKind::FriendlyCaptcha => (
            "https://global.frcapi.com/api/v2/captcha/siteverify",
            "https://cdn.jsdelivr.net/npm/@friendlycaptcha/sdk@0.2.0/site.min.js",
            &["https://*.frcapi.com"],
        ),
    };
    Provider {
        verify_url,
        script_url,
        sources,
    }
}

impl CaptchaSettings {
    /// The URL at which the provider checks a token.
    pub fn verify_url(&self) -> &str {
        let own = self.verify_url.as_deref();
        own.unwrap_or(provider(self.kind).verify_url)
    }

    /// The URL of the provider's script.
    pub fn script_url(&self) -> &str {
        let own = self.script_url.as_deref();
        own.unwrap_or(provider(self.kind).script_url)
    }

    /// The URL of the provider's script for a page whose function `tillCaptcha` renders the captcha. Modules
    /// are ready when they are loaded.
    pub fn page_script(&self) -> String {
        let mut script = self.script_url().to_owned();
        if !self.kind.has_module() {
            let start = if script.contains('?') { '&' } else { '?' };
            script.push(start);
            script.push_str("render=explicit&onload=tillCaptcha");
        }
        script
    }

    /// The sources that the provider's script loads from, for a content security policy.
    pub fn sources(&self) -> Vec<String> {
        let script = Url::parse(self.script_url()).ok();
        let script = script.map(|url| url.origin().ascii_serialization());
        let others = provider(self.kind).sources.iter();
        others.map(ToString::to_string).chain(script).collect()
    }
}

/// A captcha, as the operator describes it.
#[derive(Deserialize)]
pub struct NewCaptcha {
    /// The kind.
    pub kind: CaptchaKind,
    /// The public key of the site at the provider.
    pub site_key: String,
    /// The secret key.
    pub secret: String,
    /// The URL at which the provider checks a token; the provider's own where absent.
    pub verify_url: Option<String>,
    /// The URL of the provider's script; the provider's own where absent.
    pub script_url: Option<String>,
}

/// Validates a captcha and encrypts its secret.
///
/// # Errors
/// `invalid-request` with every invalid field.
pub fn settings(app: &App, project: &ProjectId, new: NewCaptcha) -> Result<CaptchaSettings> {
    let mut errors = vec![];
    let mut invalid = |field: &str, code: &str, message: String| {
        errors.push(FieldError::new(format!("captcha.{field}"), code, message));
    };
    let is_key = |key: &str| {
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key_rule = format!("must be 1 to {MAX_KEY} visible characters without spaces");
    if !is_key(&new.site_key) {
        invalid("site_key", "invalid", key_rule.clone());
    }
    if !is_key(&new.secret) {
        invalid("secret", "invalid", key_rule);
    }
    for (field, url) in [
        ("verify_url", &new.verify_url),
        ("script_url", &new.script_url),
    ] {
        if let Some(Err(error)) = url.as_deref().map(|url| check_url(url, app.config.dev)) {
            invalid(field, "invalid", error.to_string());
        }
    }
    Error::if_any(errors)?;
    let secret = app.keys.encrypt(&secret_context(project), &new.secret)?;
    Ok(CaptchaSettings {
        kind: new.kind,
        site_key: new.site_key,
        secret,
        verify_url: new.verify_url,
        script_url: new.script_url,
    })
}

/// The URL of the page with the captcha for an invoice. `None` if the server has no origin for it.
pub fn page_url(app: &App, invoice: &InvoiceId) -> Option<String> {
    let origin = app.captcha_origin.as_ref()?;
    Some(format!("{origin}/pay/{invoice}/captcha"))
}

/// The associated data of a captcha's encrypted secret.
fn secret_context(project: &ProjectId) -> AssociatedData {
    EncryptedColumn::CaptchaSecret.row([project.as_str(), ""])
}

/// Checks the token of a payment fixation that has to come with one. Returns whether the provider confirmed
/// it: not if the provider gives no usable answer, as that must not stop buyers. They have to wait all the
/// same.
///
/// # Errors
/// `captcha-required`, with the URL of the captcha's page, if there is no token, or the provider rejects it.
pub async fn check(
    app: &App,
    project: &Project,
    captcha: &CaptchaSettings,
    page_url: String,
    token: Option<&str>,
    address: Option<IpAddr>,
) -> Result<bool> {
    let outcome = match token {
        None => CaptchaCheck::Required,
        Some(token) if token.len() > MAX_TOKEN => CaptchaCheck::Rejected,
        Some(token) => ask(app, project, captcha, token, address).await?,
    };
    app.metrics.captcha(outcome);
    match outcome {
        CaptchaCheck::Solved => Ok(true),
        CaptchaCheck::Unavailable => Ok(false),
        CaptchaCheck::Required | CaptchaCheck::Rejected => Err(Error::captcha_required(Captcha {
            kind: captcha.kind,
            site_key: captcha.site_key.clone(),
            script_url: captcha.script_url().to_owned(),
            page_url,
        })),
    }
}

/// Asks the provider about a token. Turnstile and hCaptcha take the secret in the form, Friendly Captcha in
/// a header.
async fn ask(
    app: &App,
    project: &Project,
    captcha: &CaptchaSettings,
    token: &str,
    address: Option<IpAddr>,
) -> Result<CaptchaCheck> {
    let secret = app
        .keys
        .decrypt(&secret_context(&project.id), &captcha.secret)?;
    let mut form = vec![("response", token), ("sitekey", &captcha.site_key)];
    let address = address.map(|address| address.to_string());
    form.extend(address.as_deref().map(|address| ("remoteip", address)));
    let key = match captcha.kind {
        CaptchaKind::FriendlyCaptcha => Some(&secret),
        CaptchaKind::Turnstile | CaptchaKind::Hcaptcha => {
            form.push(("secret", secret.expose_secret()));
            None
        }
    };
    let deliverer = &app.outbox.deliverer;
    let answer = deliverer
        .post_form(captcha.verify_url(), &form, key, TIMEOUT)
        .await;
    let body = answer.body.as_deref().unwrap_or_default();
    let outcome = read(answer.status, body);
    if outcome == CaptchaCheck::Unavailable {
        let reason: String = answer
            .error
            .unwrap_or_else(|| body.chars().take(200).collect());
        tracing::error!(
            project = %project.id, kind = %captcha.kind, status = answer.status, reason,
            "the captcha's provider gave no usable answer: the attempt passes without a captcha"
        );
    }
    Ok(outcome)
}

/// Reads the provider's answer.
fn read(status: Option<u16>, body: &str) -> CaptchaCheck {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let success = body["success"].as_bool();
    let codes = body["error-codes"].as_array().into_iter().flatten();
    let mut codes = codes.chain([&body["error"]["error_code"]]);
    let not_the_buyers = |code: &Value| code.as_str().is_some_and(|c| NOT_THE_BUYERS.contains(&c));
    match (status, success) {
        (Some(200), Some(true)) => CaptchaCheck::Solved,
        (Some(200..=299 | 400 | 422), Some(false)) if !codes.any(not_the_buyers) => {
            CaptchaCheck::Rejected
        }
        _ => CaptchaCheck::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_or_no_counts() {
        use CaptchaCheck::{Rejected, Solved, Unavailable};
        let answer = |status, body| read(Some(status), body);
        assert_eq!(answer(200, r#"{"success": true}"#), Solved);
        for (status, body) in [
            (200, r#"{"success": false}"#),
            (
                200,
                r#"{"success": false, "error-codes": ["timeout-or-duplicate"]}"#,
            ),
            (
                400,
                r#"{"success": false, "error": {"error_code": "response_invalid"}}"#,
            ),
        ] {
            assert_eq!(answer(status, body), Rejected, "{body}");
        }
        for (status, body) in [
            (200, ""),
            (200, r#"{"success": "true"}"#),
            (200, r#"{"success": 1}"#),
            (200, r#"[{"success": true}]"#),
            (500, r#"{"success": true}"#),
            (302, r#"{"success": true}"#),
            (503, r#"{"success": false}"#),
            (429, r#"{"success": false}"#),
            (
                401,
                r#"{"success": false, "error": {"error_code": "auth_invalid"}}"#,
            ),
            (
                200,
                r#"{"success": false, "error-codes": ["invalid-input-secret"]}"#,
            ),
        ] {
            assert_eq!(answer(status, body), Unavailable, "{status} {body}");
        }
        assert_eq!(read(None, ""), Unavailable);
    }
}
