//! A project's settings, as flags.

use super::sandbox;
use anyhow::Context;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A project's settings, as flags.
#[derive(clap::Args)]
pub(super) struct SettingArgs {
    /// An origin that may embed the widget, such as https://shop.example; may be repeated
    #[arg(long = "origin")]
    origins: Vec<String>,

    /// The URL of the order check, which is called before the buyer is charged
    #[arg(long)]
    check_url: Option<String>,

    /// The URL that receives callbacks
    #[arg(long)]
    notify_url: Option<String>,

    /// A type of event that the project wants, such as invoice.paid; may be repeated. Without any,
    /// it receives all
    #[arg(long = "notify-event", value_name = "TYPE")]
    notify_events: Vec<String>,

    /// Where the buyer is sent after a successful payment
    #[arg(long)]
    success_url: Option<String>,

    /// Where the buyer is sent when the payment does not succeed
    #[arg(long)]
    failure_url: Option<String>,

    /// How long an invoice stays open, in seconds
    #[arg(long)]
    invoice_ttl_seconds: Option<u32>,

    /// A field the buyer must fill in unless the order has it: email, name, phone or country; may
    /// be repeated
    #[arg(long = "require")]
    required: Vec<String>,

    /// How the project's pages open the widget: popup or iframe
    #[arg(long)]
    mode: Option<String>,

    /// The widget's color scheme: auto, light or dark
    #[arg(long)]
    theme: Option<String>,

    /// The widget's accent color, #rrggbb
    #[arg(long)]
    accent: Option<String>,

    /// The widget's language, a BCP 47 tag
    #[arg(long)]
    locale: Option<String>,

    /// The URL of the project's logo, https
    #[arg(long)]
    logo_url: Option<String>,

    /// How many declined attempts to pay for one invoice are free before the buyer has to wait; 0 for no
    /// limit, empty for the default
    #[arg(long, value_name = "N", value_parser = number)]
    attempts_per_invoice: Option<Value>,

    /// The same for attempts from one client address
    #[arg(long, value_name = "N", value_parser = number)]
    attempts_per_address: Option<Value>,

    /// The same for attempts with one card
    #[arg(long, value_name = "N", value_parser = number)]
    attempts_per_card: Option<Value>,

    /// The same for all attempts in the project
    #[arg(long, value_name = "N", value_parser = number)]
    attempts_per_project: Option<Value>,

    /// An account at a payment system, as a JSON file with kind, account, label, credentials,
    /// methods, currencies and card_entry; may be repeated, the preferred account first. An update
    /// replaces all accounts
    #[arg(long = "connector", value_name = "FILE")]
    connectors: Vec<PathBuf>,

    /// A captcha for suspicious attempts to pay, as a JSON file with kind, site_key, secret, verify_url and
    /// script_url; an empty value removes it
    #[arg(long, value_name = "FILE")]
    captcha: Option<PathBuf>,

    /// Open an account at the sandbox payment system with this URL and use it
    #[arg(long, value_name = "URL")]
    sandbox: Option<url::Url>,

    /// A test project: no real money moves
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    test: Option<bool>,
}

impl SettingArgs {
    /// The body of a request to `/v1/projects`, with the given flags only. An empty text is null.
    pub(super) async fn body(self) -> anyhow::Result<Map<String, Value>> {
        let mut body = Map::new();
        let mut widget = Map::new();
        let text = |given: Option<String>| {
            given.map(|t| if t.is_empty() { Value::Null } else { t.into() })
        };
        for (name, given) in [
            ("check_url", self.check_url),
            ("notify_url", self.notify_url),
            ("success_url", self.success_url),
            ("failure_url", self.failure_url),
        ] {
            body.extend(text(given).map(|value| (name.to_owned(), value)));
        }
        for (name, given) in [
            ("mode", self.mode),
            ("theme", self.theme),
            ("accent", self.accent),
            ("locale", self.locale),
            ("logo_url", self.logo_url),
        ] {
            widget.extend(text(given).map(|value| (name.to_owned(), value)));
        }
        for (name, mut given) in [
            ("allowed_origins", self.origins),
            ("notify_events", self.notify_events),
            ("required_buyer_fields", self.required),
        ] {
            if !given.is_empty() {
                given.retain(|text| !text.is_empty());
                body.insert(name.into(), json!(given));
            }
        }
        if let Some(seconds) = self.invoice_ttl_seconds {
            body.insert("invoice_ttl_seconds".into(), json!(seconds));
        }
        let limits: Map<_, _> = [
            ("invoice", self.attempts_per_invoice),
            ("address", self.attempts_per_address),
            ("card", self.attempts_per_card),
            ("project", self.attempts_per_project),
        ]
        .into_iter()
        .filter_map(|(name, given)| Some((name.to_owned(), given?)))
        .collect();
        if !limits.is_empty() {
            body.insert("attempt_limits".into(), limits.into());
        }
        if !widget.is_empty() {
            body.insert("widget".into(), widget.into());
        }
        if let Some(test) = self.test.or(self.sandbox.as_ref().map(|_| true)) {
            body.insert("test".into(), test.into());
        }
        if let Some(file) = &self.captcha {
            let captcha = if file.as_os_str().is_empty() {
                Value::Null
            } else {
                read_file(file)?
            };
            body.insert("captcha".into(), captcha);
        }
        let mut connectors = vec![];
        for file in &self.connectors {
            connectors.push(read_file(file)?);
        }
        if let Some(url) = &self.sandbox {
            connectors.push(sandbox::open_account(url.as_str()).await?);
        }
        if !connectors.is_empty() {
            body.insert("connectors".into(), connectors.into());
        }
        Ok(body)
    }
}

/// Reads a number, or an empty text as null.
fn number(text: &str) -> Result<Value, String> {
    match text {
        "" => Ok(Value::Null),
        _ => text
            .parse()
            .map(|number: u32| number.into())
            .map_err(|_| "must be a whole number, or empty for the default".into()),
    }
}

fn read_file(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("can't read {}", file.display()))?;
    // The parser's message is left out: it may contain a credential.
    let read = serde_json::from_str(&text).ok();
    read.with_context(|| format!("{} is not JSON", file.display()))
}
