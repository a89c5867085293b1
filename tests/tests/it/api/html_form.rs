//! The HTML form.

use anyhow::{Context, Result, ensure};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use till_tests::TestApp;
use till_tests::client::{Answer, send};
use till_tests::providers::hmac_hex;

pub(super) type Fields = Vec<(String, String)>;

pub(super) fn order(app: &TestApp) -> Fields {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        field("project", &app.keys.pk),
        field("order_id", "42"),
        field("amount", "19.99"),
        field("currency", "EUR"),
        field("description", "A print & a frame"),
        field("metadata[color]", "grün"),
        field("email", ""),
    ]
}

pub(super) fn signed(app: &TestApp, mut fields: Fields) -> Result<Fields> {
    let secret = app
        .keys
        .signing_secret
        .strip_prefix("whsec_")
        .context("no prefix")?;
    let mut sorted = fields.clone();
    sorted.sort();
    let lines: Vec<_> = sorted
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let signature = hmac_hex(&STANDARD.decode(secret)?, lines.join("\n"));
    fields.push(("signature".into(), signature));
    Ok(fields)
}

pub(super) async fn post(app: &TestApp, fields: &Fields) -> Result<Answer> {
    send(app.api.request(Method::POST, "/pay").form(fields)).await
}

pub(super) async fn invoices(app: &TestApp) -> Result<usize> {
    let list = send(app.api.secret(Method::GET, "/v1/invoices"))
        .await?
        .json();
    Ok(list["data"].as_array().context("no list")?.len())
}

pub(super) fn set(fields: &Fields, name: &str, value: &str) -> Fields {
    let mut fields = fields.clone();
    fields.retain(|(n, _)| n != name);
    fields.push((name.into(), value.into()));
    fields
}

#[tokio::test]
async fn a_signed_form_redirects_to_one_invoice() -> Result<()> {
    let app = TestApp::start().await?;
    let form = signed(&app, order(&app))?;
    let first = post(&app, &form).await?;
    ensure!(first.status == 303, "{first:?}");
    let location = first.header("location").to_owned();
    ensure!(
        location.contains("/pay/inv_") && location.contains("#token=ct_"),
        "{location}"
    );
    // The same form returns the same invoice.
    let again = post(&app, &form).await?;
    ensure!(again.header("location") == location, "{again:?}");
    ensure!(invoices(&app).await? == 1);
    let id = location
        .split(['/', '#'])
        .find(|p| p.starts_with("inv_"))
        .context("no id")?;
    let invoice = app.api.read(id).await?;
    ensure!(
        invoice["amount"] == 1999 && invoice["metadata"]["color"] == "grün",
        "{invoice}"
    );
    ensure!(
        invoice["buyer"] == serde_json::json!({}),
        "an empty input is ignored"
    );

    let dearer = signed(&app, set(&order(&app), "amount", "29.99"))?;
    let changed = post(&app, &dearer).await?;
    ensure!(
        changed.status == 409 && changed.text.contains("already sent"),
        "{changed:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_invalid_signature_is_rejected() -> Result<()> {
    let app = TestApp::start().await?;
    let form = signed(&app, order(&app))?;
    let unsigned = order(&app);
    let cheaper = set(&form, "amount", "0.01");
    let foreign = set(&form, "signature", &"0".repeat(64));
    let upper = {
        let signature = &form.last().context("no signature")?.1;
        set(&form, "signature", &signature.to_uppercase())
    };
    for (form, why) in [
        (unsigned, "unsigned"),
        (cheaper, "changed"),
        (foreign, "foreign"),
        (upper, "upper case"),
    ] {
        let answer = post(&app, &form).await?;
        ensure!(answer.status == 403, "{why}: {answer:?}");
        ensure!(
            answer.text.contains("could not confirm"),
            "{why}: {answer:?}"
        );
        ensure!(
            answer.header("content-type").starts_with("text/html"),
            "{why}"
        );
    }
    // The same signed text with one metadata value moved into the other.
    let two = signed(&app, set(&order(&app), "metadata[size]", "A4"))?;
    let mut folded = set(&two, "metadata[color]", "grün\nmetadata[size]=A4");
    folded.retain(|(name, _)| name != "metadata[size]");
    let answer = post(&app, &folded).await?;
    ensure!(
        answer.status == 422 && answer.text.contains("metadata[color]"),
        "{answer:?}"
    );
    ensure!(invoices(&app).await? == 0);
    Ok(())
}

#[tokio::test]
async fn an_unsigned_form_requires_an_order_check() -> Result<()> {
    let app = TestApp::with(&["--check-url", "PROJECT/check"]).await?;
    let form = order(&app);
    app.project
        .respond_to_checks(|_| r#"{"accept":false,"reason":"sold <out>"}"#.into_response());
    let refused = post(&app, &form).await?;
    ensure!(
        refused.status == 422 && refused.text.contains("sold &lt;out&gt;"),
        "{refused:?}"
    );
    app.project.respond_to_checks(|_| "no".into_response());
    let unavailable = post(&app, &form).await?;
    ensure!(unavailable.status == 502, "{unavailable:?}");
    ensure!(invoices(&app).await? == 0);

    app.project
        .respond_to_checks(|_| r#"{"accept":true,"amount":1999,"currency":"EUR"}"#.into_response());
    let accepted = post(&app, &form).await?;
    ensure!(accepted.status == 303, "{accepted:?}");
    // An order check does not replace a valid signature.
    let forged = set(&set(&form, "order_id", "43"), "signature", "0");
    ensure!(post(&app, &forged).await?.status == 403);
    Ok(())
}

#[tokio::test]
async fn invalid_fields_are_reported() -> Result<()> {
    let app = TestApp::start().await?;
    let base = order(&app);
    let without = |name: &str| {
        let mut fields = base.clone();
        fields.retain(|(n, _)| n != name);
        fields
    };
    for (fields, status, named) in [
        (set(&base, "amount", "19.999"), 422, "amount"),
        (set(&base, "amount", "-1"), 422, "amount"),
        (set(&base, "amount", "0"), 422, "amount"),
        (set(&base, "amount", "1e3"), 422, "amount"),
        (set(&base, "amount", "99999999999999999999"), 422, "amount"),
        (
            set(&set(&base, "currency", "JPY"), "amount", "1.5"),
            422,
            "amount",
        ),
        (set(&base, "currency", "XXX"), 422, "currency"),
        (set(&base, "order_id", &"9".repeat(300)), 422, "order_id"),
        (set(&base, "order_id", "a\nb"), 422, "order_id"),
        (set(&base, "method", "cash"), 422, "method"),
        (
            set(&base, "success_url", "javascript:alert(1)"),
            422,
            "success_url",
        ),
        (set(&base, "locale", &"x".repeat(99)), 422, "locale"),
        (
            set(&base, "metadata[k]", &"v".repeat(501)),
            422,
            "metadata[k]",
        ),
        (without("amount"), 422, "amount"),
        (without("order_id"), 422, "order_id"),
        (without("project"), 422, "project"),
        (set(&base, "color", "red"), 422, "color"),
        (set(&base, "metadata[]", "x"), 422, "metadata[]"),
        (set(&base, "project", "pk_unknown"), 404, "not recognize"),
    ] {
        let answer = post(&app, &signed(&app, fields.clone())?).await?;
        ensure!(answer.status == status, "{fields:?}: {answer:?}");
        ensure!(
            answer.text.contains(named),
            "{named} is not named: {}",
            answer.text
        );
        ensure!(
            answer.text.contains("id=\"back\""),
            "no link back: {}",
            answer.text
        );
        let id = answer.header("x-request-id");
        ensure!(
            id.starts_with("req_") && answer.text.contains(id),
            "{}",
            answer.text
        );
    }
    let mut twice = signed(&app, base.clone())?;
    twice.push(("amount".into(), "0.01".into()));
    let answer = post(&app, &twice).await?;
    ensure!(
        answer.status == 422 && answer.text.contains("Sent twice: amount"),
        "{answer:?}"
    );

    let raw = async |kind: &str, body: Vec<u8>| {
        let request = app
            .api
            .request(Method::POST, "/pay")
            .header("content-type", kind);
        send(request.body(body)).await
    };
    let form = "application/x-www-form-urlencoded";
    ensure!(raw(form, b"project=%ff%fe".to_vec()).await?.status == 400);
    ensure!(raw("application/json", b"{}".to_vec()).await?.status == 415);
    ensure!(
        raw("multipart/form-data; boundary=x", b"--x--".to_vec())
            .await?
            .status
            == 415
    );
    ensure!(raw(form, vec![b'a'; 100_000]).await?.status == 413);
    ensure!(invoices(&app).await? == 0);
    Ok(())
}

#[tokio::test]
async fn errors_are_shown_in_the_buyers_language() -> Result<()> {
    let app = TestApp::start().await?;
    let form = signed(&app, set(&order(&app), "amount", "x"))?;
    for (header, locale, words, dir) in [
        ("de-AT,de;q=0.9", "", "Die Zahlung", "ltr"),
        ("tlh, ar;q=0.5", "", "lang=\"ar\"", "rtl"),
        ("de", "fr-CA", "lang=\"fr\"", "ltr"),
        ("", "", "could not be started", "ltr"),
    ] {
        let fields = match locale {
            "" => form.clone(),
            tag => signed(&app, set(&set(&order(&app), "amount", "x"), "locale", tag))?,
        };
        let request = app.api.request(Method::POST, "/pay").form(&fields);
        let answer = send(request.header("accept-language", header)).await?;
        ensure!(answer.text.contains(words), "{header}: {}", answer.text);
        ensure!(
            answer.text.contains(&format!("dir=\"{dir}\"")),
            "{}",
            answer.text
        );
    }
    // The page links back to the referrer if its origin is allowed.
    let from = async |place: &'static str| {
        let request = app.api.request(Method::POST, "/pay").form(&form);
        send(request.header("referer", place)).await
    };
    let known = from("https://shop.example/cart").await?;
    ensure!(
        known.text.contains("href=\"https://shop.example/cart\""),
        "{}",
        known.text
    );
    let unknown = from("https://evil.example/").await?;
    ensure!(!unknown.text.contains("evil.example"), "{}", unknown.text);
    Ok(())
}

#[tokio::test]
async fn form_sign_prints_a_valid_form() -> Result<()> {
    let app = TestApp::start().await?;
    let args = [
        "form",
        "sign",
        "--dev",
        "--project",
        &app.keys.id,
        "order_id=7",
        "amount=5.00",
        "currency=EUR",
        "description=Tea & \"cake\"",
    ];
    let html = app.till(&args).await?.map_err(anyhow::Error::msg)?;
    let attribute = |line: &str, name: &str| -> Option<String> {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        let value = rest.split_once('"')?.0;
        Some(
            value
                .replace("&quot;", "\"")
                .replace("&lt;", "<")
                .replace("&amp;", "&"),
        )
    };
    let inputs = html.lines().filter(|line| line.contains("<input"));
    let fields: Option<Fields> = inputs
        .map(|line| Some((attribute(line, " name")?, attribute(line, " value")?)))
        .collect();
    let fields = fields.context("an input without name or value")?;
    ensure!(fields.len() == 6, "{html}");
    let accepted = post(&app, &fields).await?;
    ensure!(accepted.status == 303, "{accepted:?}");
    Ok(())
}
