//! A captcha for suspicious attempts, and a provider that answers as it likes.

use super::{THIEF, ended, refused};
use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::{APPROVED, CARD_DECLINED};
use till_tests::client::{Answer, Opened, card, send};
use till_tests::metrics::Metrics;
use till_tests::providers::captcha::{CaptchaProvider, SECRET, SITE_KEY};

/// The settings of a server that shows captchas.
const SETTINGS: [&str; 4] = [
    "--trusted-proxy",
    "127.0.0.1",
    "--captcha-url",
    CAPTCHA_ORIGIN,
];
/// The origin of the captchas' pages.
const CAPTCHA_ORIGIN: &str = "http://captcha.till.example:8787";

/// A project that asks for a captcha after two declines of an invoice, and has one with a decline.
async fn suspicious(provider: &CaptchaProvider) -> Result<(TestApp, Opened)> {
    let file = provider.file("turnstile")?;
    let args = ["--captcha", &file, "--attempts-per-invoice", "4"];
    let app = TestApp::with_settings(&args, &SETTINGS).await?;
    let opened = app.api.invoice("1").await?;
    for _ in 0..2 {
        ended(&pay(&app, &opened, CARD_DECLINED, None).await?, "declined")?;
    }
    Ok((app, opened))
}

async fn pay(app: &TestApp, opened: &Opened, number: &str, token: Option<&str>) -> Result<Answer> {
    let mut body = card(number);
    if let Some(token) = token {
        body["captcha_token"] = token.into();
    }
    let request = app.api.widget(Method::POST, opened, "/payments");
    send(request.header("x-forwarded-for", THIEF).json(&body)).await
}

#[tokio::test]
async fn a_captcha_is_asked_for_when_suspicion_rises() -> Result<()> {
    let provider = CaptchaProvider::start().await?;
    let (app, opened) = suspicious(&provider).await?;
    ensure!(provider.forms().is_empty(), "asked too early");
    let made = app.ledger().await?.len();
    let answer = pay(&app, &opened, APPROVED, None).await?;
    answer.problem(403, "captcha-required")?;
    let captcha = &answer.json()["captcha"];
    let page = format!("{CAPTCHA_ORIGIN}/pay/{}/captcha", opened.id);
    ensure!(
        *captcha
            == json!({ "kind": "turnstile", "site_key": SITE_KEY,
            "script_url": provider.script_url(), "page_url": page }),
        "{captcha}"
    );
    ensure!(
        app.ledger().await?.len() == made,
        "the payment system was called"
    );
    // A token that the provider rejects.
    provider.respond(|| {
        json!({ "success": false, "error-codes": ["timeout-or-duplicate"] }).to_string()
    });
    let answer = pay(&app, &opened, APPROVED, Some("used")).await?;
    answer.problem(403, "captcha-required")?;
    provider.respond(|| json!({ "success": true }).to_string());
    ended(
        &pay(&app, &opened, CARD_DECLINED, Some("fresh")).await?,
        "declined",
    )?;
    let forms = provider.forms();
    let [rejected, confirmed] = &forms[..] else {
        anyhow::bail!("{forms:?}");
    };
    let form = |token: &str| json!({ "secret": SECRET, "response": token, "remoteip": THIEF, "sitekey": SITE_KEY });
    ensure!(
        *rejected == form("used") && *confirmed == form("fresh"),
        "{forms:?}"
    );
    // A long token is not even sent.
    let long = "x".repeat(9000);
    let answer = pay(&app, &opened, APPROVED, Some(&long)).await?;
    answer.problem(403, "captcha-required")?;
    ensure!(provider.forms().len() == 2);

    // A solved captcha does not shorten the wait.
    ended(
        &pay(&app, &opened, CARD_DECLINED, Some("more")).await?,
        "declined",
    )?;
    refused(&pay(&app, &opened, APPROVED, Some("more")).await?, 60)?;
    let metrics = Metrics::of(&app).await?;
    for (outcome, count) in [("required", 1.0), ("rejected", 2.0), ("solved", 2.0)] {
        let counted = metrics.sum("till_captchas_total", &[("outcome", outcome)]);
        ensure!(counted == count, "{outcome}: {counted}");
    }
    // The secret is encrypted at rest, never shown and never logged.
    let bytes = app.bytes()?;
    let found = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    ensure!(!found(SECRET), "the secret is stored in the clear");
    ensure!(!app.log().contains(SECRET) && !app.log().contains("fresh"));
    let shown = app.till(&["project", "show", &app.keys.id]).await?;
    let shown = shown.map_err(anyhow::Error::msg)?;
    ensure!(
        shown.contains(SITE_KEY) && !shown.contains(SECRET),
        "{shown}"
    );
    Ok(())
}

/// A provider that gives no usable answer does not stop buyers. The waits hold.
#[tokio::test]
async fn a_provider_that_fails_does_not_stop_buyers() -> Result<()> {
    let provider = CaptchaProvider::start().await?;
    let (app, opened) = suspicious(&provider).await?;
    let answers: [fn() -> Response; 6] = [
        || StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        || (StatusCode::BAD_GATEWAY, r#"{"success": true}"#).into_response(),
        || "<html>".into_response(),
        || "[".repeat(1_000_000).into_response(),
        || Redirect::to("http://169.254.169.254/").into_response(),
        || {
            json!({ "success": false, "error-codes": ["invalid-input-secret"] })
                .to_string()
                .into_response()
        },
    ];
    for answer in answers {
        provider.respond(answer);
        let other = app
            .api
            .invoice(&format!("other-{}", provider.forms().len()))
            .await?;
        for _ in 0..2 {
            ended(&pay(&app, &other, CARD_DECLINED, None).await?, "declined")?;
        }
        // Without a token it is still asked for.
        let answer = pay(&app, &other, APPROVED, None).await?;
        answer.problem(403, "captcha-required")?;
        ended(&pay(&app, &other, APPROVED, Some("t")).await?, "succeeded")?;
    }
    for _ in 0..2 {
        ended(
            &pay(&app, &opened, CARD_DECLINED, Some("t")).await?,
            "declined",
        )?;
    }
    refused(&pay(&app, &opened, APPROVED, Some("t")).await?, 60)?;
    let metrics = Metrics::of(&app).await?;
    let unavailable = metrics.sum("till_captchas_total", &[("outcome", "unavailable")]);
    ensure!(unavailable == 8.0, "{unavailable}");
    Ok(())
}

/// Friendly Captcha takes its key in a header.
#[tokio::test]
async fn each_kind_is_asked_in_its_own_way() -> Result<()> {
    let provider = CaptchaProvider::start().await?;
    let file = provider.file("friendly_captcha")?;
    let args = ["--attempts-per-invoice", "2", "--captcha", &file];
    let app = TestApp::with_settings(&args, &["--captcha-url", CAPTCHA_ORIGIN]).await?;
    let opened = app.api.invoice("1").await?;
    ended(&pay(&app, &opened, CARD_DECLINED, None).await?, "declined")?;
    ended(
        &pay(&app, &opened, APPROVED, Some("solution")).await?,
        "succeeded",
    )?;
    let address = "127.0.0.1";
    let form =
        json!({ "key": SECRET, "response": "solution", "remoteip": address, "sitekey": SITE_KEY });
    ensure!(provider.forms() == [form], "{:?}", provider.forms());
    Ok(())
}

/// Only the payment pages of this project may show the page, and only the provider's script runs in it. Its
/// origin has nothing else.
#[tokio::test]
async fn the_page_has_an_origin_of_its_own() -> Result<()> {
    let provider = CaptchaProvider::start().await?;
    let (app, opened) = suspicious(&provider).await?;
    let at = async |host: &str, path: &str| {
        send(app.api.request(Method::GET, path).header("host", host)).await
    };
    let (own, public) = ("captcha.till.example:8787", "till.example");
    let path = format!("/pay/{}/captcha", opened.id);
    let elsewhere = at(public, &path).await?;
    ensure!(elsewhere.status == 303, "{elsewhere:?}");
    ensure!(elsewhere.header("location") == format!("{CAPTCHA_ORIGIN}{path}"));

    let shown = at("CAPTCHA.till.example:8787", &path).await?;
    ensure!(shown.status == 200, "{shown:?}");
    let policy = shown.header("content-security-policy");
    let directive = |name: &str| {
        let mut all = policy.split(';').map(str::trim);
        all.find(|d| d.starts_with(name))
            .map(str::to_owned)
            .context(name.to_owned())
    };
    let ancestors = format!("frame-ancestors {} https://shop.example", app.api.url);
    ensure!(directive("frame-ancestors")? == ancestors, "{policy}");
    for name in ["script-src", "frame-src", "connect-src"] {
        ensure!(directive(name)?.contains(&provider.url), "{policy}");
    }
    ensure!(
        !directive("script-src")?.contains("unsafe-inline"),
        "{policy}"
    );
    ensure!(!shown.text.contains(SECRET));
    // The page with the card's fields does not admit it.
    let form = at(public, &format!("/pay/{}", opened.id)).await?;
    ensure!(
        form.status == 200
            && !form
                .header("content-security-policy")
                .contains(&provider.url)
    );
    for path in [
        &format!("/pay/{}", opened.id),
        "/pay/frame",
        "/till.js",
        "/healthz",
        "/v1/projects",
        "/v1/invoices",
        "/docs/",
        "/",
    ] {
        let other = at(own, path).await?;
        ensure!(other.status == 404, "{path}: {other:?}");
    }

    let without = app.another_project().await?.invoice("1").await?;
    for host in [own, public] {
        let missing = at(host, &format!("/pay/{}/captcha", without.id)).await?;
        ensure!(missing.status == 404, "{host}: {missing:?}");
    }
    Ok(())
}

/// A repeated call, under the idempotency key of the call that was told to solve a captcha, is not answered
/// with that.
#[tokio::test]
async fn the_token_may_come_under_the_same_idempotency_key() -> Result<()> {
    let provider = CaptchaProvider::start().await?;
    let (app, opened) = suspicious(&provider).await?;
    let pay = async |token: Option<&str>| {
        let mut body = card(APPROVED);
        body["captcha_token"] = token.into();
        let request = app.api.widget(Method::POST, &opened, "/payments");
        let request = request.header("idempotency-key", "one-press");
        send(request.header("x-forwarded-for", THIEF).json(&body)).await
    };
    pay(None).await?.problem(403, "captcha-required")?;
    ended(&pay(Some("solved")).await?, "succeeded")?;
    let first = pay(Some("solved")).await?;
    ended(&first, "succeeded")?;
    ensure!(provider.forms().len() == 1, "{:?}", provider.forms());
    Ok(())
}

/// Without an origin for it, a captcha is not asked for: nobody could solve it.
#[tokio::test]
async fn a_server_without_the_origin_asks_for_no_captcha() -> Result<()> {
    let provider = CaptchaProvider::start().await?;
    let file = provider.file("hcaptcha")?;
    let app = TestApp::with(&["--captcha", &file, "--attempts-per-invoice", "2"]).await?;
    let opened = app.api.invoice("1").await?;
    ended(&pay(&app, &opened, CARD_DECLINED, None).await?, "declined")?;
    ended(&pay(&app, &opened, APPROVED, None).await?, "succeeded")?;
    let path = format!("/v1/projects/{}", app.keys.id);
    let shown = send(app.operator(Method::GET, &path)).await?;
    let warnings = shown.json()["warnings"].to_string();
    ensure!(warnings.contains("TILL_CAPTCHA_URL"), "{warnings}");
    Ok(())
}

/// The browser separates origins by scheme, host and port.
#[tokio::test]
async fn the_origin_must_be_another_one() -> Result<()> {
    let app = TestApp::start().await?;
    for (url, reason) in [
        (app.api.url.as_str(), "another host name"),
        (
            "https://captcha.till.example/path",
            "a scheme and a host name",
        ),
        (
            "https://captcha.till.example/?a",
            "a scheme and a host name",
        ),
        ("ftp://captcha.till.example", "https"),
    ] {
        let args = [
            "project",
            "list",
            "--public-url",
            &app.api.url,
            "--captcha-url",
            url,
        ];
        let error = app.till(&args).await?.err().unwrap_or_default();
        ensure!(error.contains(reason), "{url}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_captchas_settings_are_validated() -> Result<()> {
    let app = TestApp::start().await?;
    let path = format!("/v1/projects/{}", app.keys.id);
    let patch = async |captcha: Value| {
        let body = json!({ "captcha": captcha });
        send(app.operator(Method::PATCH, &path).json(&body)).await
    };
    let good = json!({ "kind": "hcaptcha", "site_key": "k", "secret": SECRET });
    let with = |field: &str, value: Value| {
        let mut captcha = good.clone();
        captcha[field] = value;
        captcha
    };
    for (captcha, field) in [
        (with("kind", json!("recaptcha")), "captcha.kind"),
        (with("site_key", json!("a b")), "captcha.site_key"),
        (with("site_key", json!("")), "captcha.site_key"),
        (with("secret", Value::Null), "captcha.secret"),
        (
            with("verify_url", json!("ftp://a.example")),
            "captcha.verify_url",
        ),
        (with("script_url", json!("no url")), "captcha.script_url"),
        (with("theme", json!("dark")), "captcha.theme"),
    ] {
        let fields = patch(captcha.clone())
            .await?
            .problem(422, "invalid-request")?;
        ensure!(fields == [field], "{captcha}: {fields:?}");
    }
    let shown = patch(good.clone()).await?.json()["captcha"].clone();
    let expected =
        json!({ "kind": "hcaptcha", "site_key": "k", "verify_url": null, "script_url": null });
    ensure!(shown == expected, "{shown}");
    ensure!(patch(Value::Null).await?.json()["captcha"] == Value::Null);
    Ok(())
}
