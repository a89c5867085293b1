//! A project's settings: validation, and warnings of settings that do not work as they are.

use super::error::{Error, Result};
use super::invoices::order::TTL_SECONDS;
use super::urls::check_url;
use super::{locale, origin};
use crate::app::App;
use crate::store::projects::{AttemptLimits, Project, Settings};
use till_shared::event::EventType;
use till_shared::problem::FieldError;
use till_shared::text::{self, Layout};

/// The longest name of a project, in characters.
const MAX_NAME: usize = 100;

/// Validates settings. Returns them with origins, language tag and color as they are compared and shown.
///
/// # Errors
/// `invalid-request` with every invalid setting.
pub fn normalize(mut settings: Settings, dev: bool) -> Result<Settings> {
    let mut errors = vec![];
    if settings.name.is_empty() {
        errors.push(FieldError::new("name", "required", "is required"));
    } else if let Err(error) = text::check_shown(&settings.name, Layout::Line, MAX_NAME) {
        errors.push(FieldError::new("name", error.code(), error.to_string()));
    }
    normalize_origins(&mut settings, dev, &mut errors);
    check_urls(&settings, dev, &mut errors);
    if settings.notify_events.contains(&EventType::OrderCheck) {
        let message = "must not contain order.check, which is sent to check_url";
        errors.push(invalid("notify_events", message));
    }
    let seconds = settings.invoice_ttl_seconds;
    if !TTL_SECONDS.contains(&seconds) {
        let (min, max) = (TTL_SECONDS.start(), TTL_SECONDS.end());
        let message = format!("must be from {min} to {max} seconds, not {seconds}");
        errors.push(invalid("invoice_ttl_seconds", message));
    }
    check_attempt_limits(&settings.attempt_limits, &mut errors);
    let widget = &mut settings.widget;
    if widget
        .accent
        .as_deref()
        .is_some_and(|color| !is_hex_color(color))
    {
        let message = "must be a color with six hexadecimal digits, such as #1d4ed8";
        errors.push(invalid("widget.accent", message));
    }
    if let Some(tag) = widget.locale.take() {
        widget.locale = locale::canonical(&tag);
        if widget.locale.is_none() {
            errors.push(invalid("widget.locale", locale::ALLOWED));
        }
    }
    if errors.is_empty() {
        Ok(settings)
    } else {
        Err(Error::fields(errors))
    }
}

fn normalize_origins(settings: &mut Settings, dev: bool, errors: &mut Vec<FieldError>) {
    let mut origins: Vec<String> = vec![];
    for (i, text) in settings.allowed_origins.iter().enumerate() {
        match origin::normalize(text) {
            Ok(origin) if origins.contains(&origin) => {}
            Ok(origin) if !dev && origin.starts_with("http:") => {
                let message = "must be https; http is allowed with --dev only";
                errors.push(invalid(&format!("allowed_origins[{i}]"), message));
            }
            Ok(origin) => origins.push(origin),
            Err(error) => errors.push(invalid(&format!("allowed_origins[{i}]"), error.to_string())),
        }
    }
    settings.allowed_origins = origins;
}

fn check_urls(settings: &Settings, dev: bool, errors: &mut Vec<FieldError>) {
    for (field, url) in [
        ("check_url", &settings.check_url),
        ("notify_url", &settings.notify_url),
        ("success_url", &settings.success_url),
        ("failure_url", &settings.failure_url),
        ("widget.logo_url", &settings.widget.logo_url),
    ] {
        if let Some(Err(error)) = url.as_deref().map(|url| check_url(url, dev)) {
            errors.push(invalid(field, error.to_string()));
        }
    }
}

fn check_attempt_limits(limits: &AttemptLimits, errors: &mut Vec<FieldError>) {
    for (name, limit) in [
        ("invoice", limits.invoice),
        ("address", limits.address),
        ("card", limits.card),
        ("project", limits.project),
    ] {
        if let Some(limit) = limit.filter(|limit| *limit > AttemptLimits::MAX) {
            let message = format!("must be from 0 to {}, not {limit}", AttemptLimits::MAX);
            errors.push(invalid(&format!("attempt_limits.{name}"), message));
        }
    }
}

fn invalid(field: &str, message: impl Into<String>) -> FieldError {
    FieldError::new(field, "invalid", message)
}

fn is_hex_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// What keeps a project from taking payments as its settings say, one sentence each.
pub fn warnings(app: &App, project: &Project, accounts: usize) -> Vec<String> {
    let mut warnings = vec![];
    if accounts == 0 {
        warnings.push(
            "The project has no account at a payment system, so buyers cannot pay. Add one with \
             `till project update --connector FILE`, or with `--sandbox URL` for tests."
                .into(),
        );
    }
    if project.captcha.is_some() && app.captcha_origin.is_none() {
        warnings
            .push("The captcha is not shown without TILL_CAPTCHA_URL, which is not set.".into());
    }
    if let Some(tag) = &project.settings.widget.locale
        && !locale::is_translated(tag)
    {
        warnings.push(format!(
            "The widget has no texts in the language {tag}. Buyers see it in their browser's language, \
             or in English."
        ));
    }
    warnings
}
