//! Reports of violations of the content security policy: counted, and logged without what names a buyer.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::client::{Answer, send};
use till_tests::metrics::Metrics;
use till_tests::wait::until;

const PATH: &str = "/pay/csp-reports";
const SINGLE: &str = "application/csp-report";
const LIST: &str = "application/reports+json";
const SECRET: &str = "ct_secret";

async fn report(app: &TestApp, kind: &str, body: String) -> Result<Answer> {
    let request = app.api.request(Method::POST, PATH);
    send(request.header("content-type", kind).body(body)).await
}

async fn taken(app: &TestApp, kind: &str, body: Value) -> Result<()> {
    let answer = report(app, kind, body.to_string()).await?;
    ensure!(answer.status == 204 && answer.text.is_empty(), "{answer:?}");
    Ok(())
}

/// As `report-uri` sends it, in Firefox and Safari.
fn single(directive: &str, blocked: &str) -> Value {
    json!({ "csp-report": {
        "document-uri": format!("https://till.example/pay/inv_1?{SECRET}"),
        "referrer": format!("https://shop.example/{SECRET}"),
        "violated-directive": directive,
        "effective-directive": directive,
        "original-policy": "default-src 'none'",
        "blocked-uri": blocked,
        "source-file": format!("https://till.example/{SECRET}"),
        "line-number": 1,
        "script-sample": SECRET,
        "status-code": 200
    } })
}

/// A member of what `report-to` sends, in Chromium.
fn violation(directive: &str, blocked: &str) -> Value {
    json!({
        "type": "csp-violation",
        "age": 10,
        "url": format!("https://till.example/pay/inv_1?{SECRET}"),
        "user_agent": "Mozilla/5.0",
        "body": {
            "documentURL": format!("https://till.example/pay/inv_1?{SECRET}"),
            "effectiveDirective": directive,
            "blockedURL": blocked,
            "disposition": "enforce",
            "sample": SECRET,
            "statusCode": 200
        }
    })
}

async fn counts(app: &TestApp) -> Result<impl Fn(&str) -> f64> {
    let metrics = Metrics::of(app).await?;
    Ok(move |directive: &str| metrics.sum("till_csp_reports_total", &[("directive", directive)]))
}

#[tokio::test]
async fn reports_are_counted_and_logged_by_directive_and_origin() -> Result<()> {
    let settings = ["--log-format", "json"];
    let app = TestApp::with_settings(&[], &settings).await?;
    let evil = format!("https://evil.example:8443/{SECRET}?{SECRET}");
    taken(&app, SINGLE, single("img-src", &evil)).await?;
    let mut old = single("script-src 'self' https://cdn.example", "inline");
    old["csp-report"]["effective-directive"].take();
    taken(&app, &format!("{SINGLE}; charset=utf-8"), old).await?;
    let deprecated = json!({ "type": "deprecation", "body": { "id": SECRET } });
    let list = json!([
        violation("script-src-elem", &evil),
        deprecated,
        violation("script-src-elem", "eval"),
        violation("connect-src", "data"),
        violation("\n\u{1b}[31m", &format!("javascript:{SECRET}")),
        violation(&"x".repeat(200), &format!("{SECRET}@evil.example/")),
        violation("", &format!("https://{}.example/", "a".repeat(400))),
        violation(
            "style-src-attr",
            &format!("https://user:{SECRET}@evil.example/")
        ),
    ]);
    taken(&app, LIST, list).await?;
    taken(&app, LIST, json!([])).await?;
    let count = counts(&app).await?;
    for (directive, n) in [
        ("img-src", 1.0),
        ("script-src", 1.0),
        ("script-src-elem", 2.0),
        ("connect-src", 1.0),
        ("style-src-attr", 1.0),
        ("other", 3.0),
        ("frame-src", 0.0),
    ] {
        ensure!(count(directive) == n, "{directive}: {}", count(directive));
    }
    let logged = || -> Vec<(String, String)> {
        let log = app.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        lines
            .filter(|line| line["blocked"].is_string())
            .map(|line| (text(&line["directive"]), text(&line["blocked"])))
            .collect()
    };
    until("the log", async || Ok(logged().len() == 9)).await?;
    let expected = [
        ("img-src", "https://evil.example:8443"),
        ("script-src", "inline"),
        ("script-src-elem", "https://evil.example:8443"),
        ("script-src-elem", "eval"),
        ("connect-src", "data"),
        ("other", "other"),
        ("other", "other"),
        ("other", "other"),
        ("style-src-attr", "https://evil.example"),
    ];
    let expected = expected.map(|(directive, blocked)| (directive.into(), blocked.into()));
    ensure!(logged() == expected, "{:?}", logged());
    let log = app.log();
    ensure!(!log.contains(SECRET) && !log.contains("inv_1"), "{log}");
    Ok(())
}

#[tokio::test]
async fn what_is_no_report_is_refused() -> Result<()> {
    let app = TestApp::start().await?;
    let fine = single("img-src", "inline").to_string();
    for kind in ["application/json", "text/plain", ""] {
        let answer = report(&app, kind, fine.clone()).await?;
        answer.problem(415, "unsupported-media-type")?;
    }
    for (kind, body) in [
        (SINGLE, ""),
        (SINGLE, "{"),
        (SINGLE, "[]"),
        (SINGLE, r#"{"csp-report": 5}"#),
        (SINGLE, r#"{"csp-report": {"effective-directive": 5}}"#),
        (LIST, &fine),
        (LIST, r#"[{"type": "csp-violation"}]"#),
        (LIST, r#"[{"type": "csp-violation", "body": []}]"#),
        (LIST, "[5]"),
        (LIST, &"[".repeat(10_000)),
    ] {
        let answer = report(&app, kind, body.into()).await?;
        answer.problem(422, "invalid-request")?;
    }
    let large = single("img-src", &"x".repeat(33_000)).to_string();
    let answer = report(&app, SINGLE, large).await?;
    answer.problem(413, "payload-too-large")?;
    ensure!(answer.text.contains("32768 bytes"), "{answer:?}");
    let read = send(app.api.request(Method::GET, PATH)).await?;
    read.problem(405, "method-not-allowed")?;
    ensure!(counts(&app).await?("img-src") == 0.0);
    Ok(())
}

/// However many reports come, the log does not grow with them.
#[tokio::test]
async fn a_flood_of_reports_does_not_fill_the_log() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--log-format", "json"]).await?;
    let many: Vec<_> = (0..80).map(|_| violation("img-src", "inline")).collect();
    for part in many.chunks(40) {
        taken(&app, LIST, part.into()).await?;
        taken(&app, LIST, part.into()).await?;
    }
    ensure!(counts(&app).await?("img-src") == 160.0);
    let logged = app.log().matches("content security policy").count();
    ensure!((60..100).contains(&logged), "{logged}");
    Ok(())
}
