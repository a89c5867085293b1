//! The HTML form, as browsers send it.

use super::html_form::{Fields, invoices, order, post, set, signed};
use anyhow::{Context, Result, ensure};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::Value;
use till_tests::TestApp;
use till_tests::client::{Answer, send};
use till_tests::providers::hmac_hex;

/// The invoice that a form led to.
async fn invoice(app: &TestApp, answer: &Answer) -> Result<Value> {
    ensure!(answer.status == 303, "{answer:?}");
    let location = answer.header("location");
    let id = location
        .split(['/', '#'])
        .find(|part| part.starts_with("inv_"));
    app.api.read(id.context("no invoice")?).await
}

async fn post_bytes(app: &TestApp, content_type: &str, body: String) -> Result<Answer> {
    let request = app.api.request(Method::POST, "/pay");
    send(request.header("content-type", content_type).body(body)).await
}

const FORM: &str = "application/x-www-form-urlencoded";

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn what_the_browser_adds_is_no_part_of_the_order() -> Result<()> {
    let app = TestApp::start().await?;
    let added = [
        field("_charset_", "UTF-8"),
        field("submit", "Buy now"),
        field("Submit.x", "3"),
        field("y", "4"),
    ];
    // The project signs the form without what the browser adds, or with it.
    let mut form = signed(&app, order(&app))?;
    form.extend(added.clone());
    let first = invoice(&app, &post(&app, &form).await?).await?;
    let mut all = order(&app);
    all.extend(added);
    let second = invoice(&app, &post(&app, &signed(&app, all)?).await?).await?;
    ensure!(first["id"] == second["id"], "{second}");
    // Other fields are not ignored, whether they are signed or not.
    let unknown = set(&order(&app), "discount", "5");
    let refused = post(&app, &signed(&app, unknown)?).await?;
    ensure!(
        refused.status == 422 && refused.text.contains("discount"),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_form_is_read_leniently() -> Result<()> {
    let app = TestApp::with(&["--require", "email"]).await?;
    let mut form = order(&app);
    for (name, value) in [
        ("amount", " 19.99 "),
        ("currency", "eur"),
        ("country", " de"),
        ("locale", "de_DE"),
        ("email", "nobody"),
        ("phone", "call me"),
        ("metadata[empty]", " "),
    ] {
        form = set(&form, name, value);
    }
    let invoice = invoice(&app, &post(&app, &signed(&app, form.clone())?).await?).await?;
    ensure!(
        invoice["currency"] == "EUR" && invoice["locale"] == "de-DE",
        "{invoice}"
    );
    let buyer = serde_json::json!({ "country": "DE" });
    ensure!(
        invoice["buyer"] == buyer && invoice["missing"][0] == "email",
        "{invoice}"
    );
    ensure!(invoice["metadata"].get("empty").is_none(), "{invoice}");

    for (name, value) in [
        ("order_id", "42 "),
        ("order_id", "4\u{0}2"),
        ("name", "a\u{0}"),
        ("metadata[a]", "\u{7}b"),
    ] {
        let answer = post(&app, &signed(&app, set(&form, name, value))?).await?;
        ensure!(
            answer.status == 422 && answer.text.contains(name),
            "{name}: {answer:?}"
        );
    }
    let unknown = post(&app, &set(&form, "project", "pk_\u{0}")).await?;
    ensure!(
        unknown.status == 422 && unknown.text.contains("project"),
        "{unknown:?}"
    );
    ensure!(invoices(&app).await? == 1);
    Ok(())
}

#[tokio::test]
async fn line_breaks_are_for_unsigned_forms() -> Result<()> {
    let app = TestApp::with(&["--check-url", "PROJECT/check"]).await?;
    app.project
        .respond_to_checks(|_| r#"{"accept":true,"amount":1999,"currency":"EUR"}"#.into_response());
    let form = set(&order(&app), "description", "A print\r\nsigned");
    let invoice = invoice(&app, &post(&app, &form).await?).await?;
    ensure!(invoice["description"] == "A print\nsigned", "{invoice}");
    let refused = post(&app, &signed(&app, form)?).await?;
    ensure!(
        refused.status == 422 && refused.text.contains("description"),
        "{refused:?}"
    );
    Ok(())
}

/// Percent-encodes every byte.
fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("%{b:02X}")).collect()
}

/// A form in ISO-8859-1, with the signature over the given bytes.
fn latin(app: &TestApp, added: &str, signed: &dyn Fn(&[u8]) -> Vec<u8>) -> Result<String> {
    let description = b"gr\xfcn";
    let fields: [(&str, &[u8]); 5] = [
        ("amount", b"19.99"),
        ("currency", b"EUR"),
        ("description", description),
        ("order_id", b"7"),
        ("project", app.keys.pk.as_bytes()),
    ];
    let lines = fields.map(|(name, value)| [name.as_bytes(), b"=", &signed(value)].concat());
    let secret = app.keys.signing_secret.trim_start_matches("whsec_");
    let signature = hmac_hex(&STANDARD.decode(secret)?, lines.join(&b'\n'));
    let pairs = fields.map(|(name, value)| format!("{name}={}", percent(value)));
    Ok(format!("{}&signature={signature}{added}", pairs.join("&")))
}

#[tokio::test]
async fn a_page_in_latin_1_is_read_if_it_says_so() -> Result<()> {
    let app = TestApp::start().await?;
    let as_sent = |bytes: &[u8]| bytes.to_vec();
    let as_text = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|b| char::from(*b))
            .collect::<String>()
            .into_bytes()
    };
    let named = "&_charset_=windows-1252";
    for (body, content_type) in [
        (latin(&app, named, &as_sent)?, FORM.to_owned()),
        (latin(&app, named, &as_text)?, FORM.to_owned()),
        (
            latin(&app, "", &as_sent)?,
            format!("{FORM}; charset=ISO-8859-1"),
        ),
    ] {
        let answer = post_bytes(&app, &content_type, body).await?;
        let invoice = invoice(&app, &answer).await?;
        ensure!(invoice["description"] == "grün", "{invoice}");
    }
    ensure!(invoices(&app).await? == 1);
    for added in ["", "&_charset_=UTF-8", "&_charset_=UTF-16"] {
        let answer = post_bytes(&app, FORM, latin(&app, added, &as_sent)?).await?;
        ensure!(answer.status == 400, "{answer:?}");
        ensure!(answer.text.contains("Not UTF-8: description"), "{answer:?}");
    }
    // A buyer who names another encoding can't change what was signed.
    let mut form: Fields = signed(&app, set(&order(&app), "order_id", "ü"))?;
    form.push(field("_charset_", "windows-1252"));
    let invoice = invoice(&app, &post(&app, &form).await?).await?;
    ensure!(invoice["order_id"] == "ü", "{invoice}");
    Ok(())
}
