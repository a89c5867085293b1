//! What a payment system is told about the buyer's browser and address, for 3-D Secure and fraud
//! checks.

use anyhow::{Context, Result, ensure};
use axum::extract::State;
use axum::{Json, Router};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Answer, card, send};
use tokio::net::TcpListener;

const BUYER: &str = "203.0.113.7";
const USER_AGENT: &str = "Unlikely/7.0";

/// The bodies of the calls to `/payments`.
type Bodies = Arc<Mutex<Vec<Value>>>;

/// Starts a server in place of Adyen, which answers every call with a payment in progress.
async fn adyen() -> Result<(Bodies, Value)> {
    let bodies = Bodies::default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}/v71", listener.local_addr()?);
    let answer = async |State(bodies): State<Bodies>, Json(body): Json<Value>| {
        if let Ok(mut bodies) = bodies.lock() {
            bodies.push(body);
        }
        Json(json!({ "resultCode": "Received", "pspReference": "PSP1" }))
    };
    let router = Router::new().fallback(answer).with_state(bodies.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let credentials = json!({
        "api_key": "k", "merchant_account": "Shop", "hmac_key": "4478", "base_url": base,
    });
    Ok((bodies, credentials))
}

fn browser() -> Value {
    json!({
        "user_agent": USER_AGENT, "language": "de-CH", "color_depth": 24, "screen_width": 1440,
        "screen_height": 900, "time_zone_offset": -60, "java_enabled": false,
    })
}

async fn pay(app: &TestApp, order: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let opened = app.api.invoice(order).await?;
    let mut body = card(APPROVED);
    body["browser"] = browser();
    let mut request = app.api.widget(Method::POST, &opened, "/payments");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.json(&body)).await
}

#[tokio::test]
async fn browser_and_address_reach_the_payment_system() -> Result<()> {
    let (bodies, credentials) = adyen().await?;
    let accounts = [("adyen", "a", credentials)];
    let last = || {
        let bodies = bodies.lock().ok().context("a panic")?;
        bodies.last().cloned().context("no call")
    };
    let headers = [
        ("user-agent", USER_AGENT),
        ("accept", "application/json;q=0.9"),
        ("x-forwarded-for", "1.2.3.4, 203.0.113.7"),
    ];
    let untrusting = TestApp::with_accounts(&accounts, &["--connector-timeout-ms", "1500"]).await?;
    let paid = pay(&untrusting, "1", &headers).await?;
    ensure!(paid.status == 201, "{paid:?}");
    let sent = last()?;
    // No proxy is trusted: the address is the connection's.
    ensure!(sent["shopperIP"] == "127.0.0.1", "{sent}");
    ensure!(sent["origin"] == untrusting.api.url.as_str(), "{sent}");
    let info = &sent["browserInfo"];
    ensure!(info["userAgent"] == USER_AGENT, "{sent}");
    ensure!(info["acceptHeader"] == "application/json;q=0.9", "{sent}");
    ensure!(
        info["language"] == "de-CH" && info["timeZoneOffset"] == -60,
        "{sent}"
    );
    ensure!(
        info["screenWidth"] == 1440 && info["screenHeight"] == 900,
        "{sent}"
    );

    let proxies = ["--trusted-proxy", "10.0.0.0/8,127.0.0.1"];
    let app = TestApp::with_accounts(&accounts, &proxies).await?;
    pay(&app, "1", &headers).await?;
    ensure!(last()?["shopperIP"] == BUYER, "{}", last()?);
    let forwarded = [(
        "forwarded",
        "for=1.2.3.4, for=\"203.0.113.7:80\", for=10.1.1.1",
    )];
    pay(&app, "2", &forwarded).await?;
    ensure!(last()?["shopperIP"] == BUYER, "{}", last()?);
    // What the proxy does not know is not told.
    pay(&app, "3", &[("x-forwarded-for", "1.2.3.4, unknown")]).await?;
    ensure!(last()?["shopperIP"].is_null(), "{}", last()?);

    let log = app.log();
    ensure!(log.contains("payment created"), "the log is empty");
    for private in [BUYER, "1.2.3.4", USER_AGENT] {
        ensure!(!log.contains(private), "{private} is in the log");
    }
    Ok(())
}

#[tokio::test]
async fn an_invalid_proxy_is_refused_at_start() -> Result<()> {
    let app = TestApp::start().await?;
    for proxy in ["proxy.example", "10.0.0.0/33", ""] {
        let Err(said) = app
            .till(&["serve", "--dev", "--trusted-proxy", proxy])
            .await?
        else {
            anyhow::bail!("{proxy} was accepted");
        };
        ensure!(said.contains("--trusted-proxy"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn an_invalid_browser_is_reported_by_field() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let with = |field: &str, value: Value| {
        let mut browser = browser();
        browser[field] = value;
        browser
    };
    let long = "x".repeat(2049);
    for (browser, field) in [
        (json!({ "language": "de" }), "browser.user_agent"),
        (json!("Chrome"), "browser"),
        (with("user_agent", json!("")), "browser.user_agent"),
        (with("user_agent", json!(long)), "browser.user_agent"),
        (with("user_agent", json!("a\u{0}b")), "browser.user_agent"),
        (with("user_agent", json!(7)), "browser.user_agent"),
        (with("language", json!("")), "browser.language"),
        (with("language", json!("de CH")), "browser.language"),
        (with("language", json!("x".repeat(36))), "browser.language"),
        (with("color_depth", json!(0)), "browser.color_depth"),
        (with("color_depth", json!(-24)), "browser.color_depth"),
        (
            with("screen_width", json!(1_000_000)),
            "browser.screen_width",
        ),
        (with("screen_height", json!("900")), "browser.screen_height"),
        (
            with("time_zone_offset", json!(1441)),
            "browser.time_zone_offset",
        ),
        (with("java_enabled", json!("no")), "browser.java_enabled"),
        (with("plugins", json!(["x"])), "browser.plugins"),
    ] {
        let mut body = card(APPROVED);
        body["browser"] = browser;
        let answer = app.api.pay(&opened, &body).await?;
        let reported = answer.problem(422, "invalid-request")?;
        ensure!(reported == [field], "{body}: {reported:?}");
    }
    ensure!(app.ledger().await?.is_empty());
    // It is optional.
    let mut body = card(APPROVED);
    body["browser"] = Value::Null;
    let paid = app.api.pay(&opened, &body).await?;
    ensure!(paid.status == 201, "{paid:?}");
    Ok(())
}
