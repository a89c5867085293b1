//! The security headers of pages.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use std::collections::BTreeMap;
use till_tests::TestApp;
use till_tests::cards::VERIFIED;
use till_tests::client::{Answer, Api, card, send, text};

/// Features that no page has: they read a device or the buyer's surroundings.
const NEVER: [&str; 11] = [
    "camera",
    "clipboard-read",
    "display-capture",
    "geolocation",
    "hid",
    "local-fonts",
    "microphone",
    "midi",
    "publickey-credentials-create",
    "serial",
    "usb",
];

const FROM_SHOP: &str = "origin=https://shop.example";

async fn get(app: &TestApp, path: &str) -> Result<Answer> {
    let request = app.api.request(Method::GET, path);
    send(request.header("accept", "text/html")).await
}

/// The features in a page's policy, with the origins that have them.
fn features(page: &Answer) -> Result<BTreeMap<&str, &str>> {
    let policy = page.header("permissions-policy").split(", ");
    policy
        .map(|feature| feature.split_once('=').context("no list"))
        .collect()
}

#[tokio::test]
async fn pages_have_what_they_need_and_no_more() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.pay(&opened, &card(VERIFIED)).await?;
    ensure!(fixed.status == 201, "{fixed:?}");
    let back = text(&fixed.json()["payment"]["id"])?;
    let (id, pk) = (&opened.id, &app.keys.pk);
    // Pages that take a card: (path, COOP). The popup and the page that opened it post messages to each other.
    let of_widget = [
        (format!("/pay/{id}"), "same-origin-allow-popups"),
        (
            format!("/pay/{id}?mode=iframe&{FROM_SHOP}"),
            "same-origin-allow-popups",
        ),
        (
            format!("/pay/frame?project={pk}&mode=inline&{FROM_SHOP}"),
            "same-origin-allow-popups",
        ),
        (format!("/pay/{id}?mode=popup&{FROM_SHOP}"), "unsafe-none"),
    ];
    let others = [
        // The window of a verification, and of a popup that comes back.
        (
            format!("/pay/{id}/return?payment={back}&state=x"),
            404,
            "unsafe-none",
        ),
        ("/pay/inv_0".into(), 404, "unsafe-none"),
        ("/no-such-page".into(), 404, "unsafe-none"),
        ("/problems/not-found".into(), 200, "same-origin"),
    ];
    let of_widget = of_widget.map(|(path, opener)| (path, 200, opener, "(self)"));
    let others = others.map(|(path, status, opener)| (path, status, opener, "()"));
    for (path, status, opener, payment) in of_widget.into_iter().chain(others) {
        let page = get(&app, &path).await?;
        ensure!(page.status == status, "{path}: {page:?}");
        let given = page.header("cross-origin-opener-policy");
        ensure!(given == opener, "{path}: {given}");
        let features = features(&page)?;
        ensure!(features.get("payment") == Some(&payment), "{path}");
        for feature in NEVER {
            ensure!(features.get(feature) == Some(&"()"), "{path}: {feature}");
        }
        // A bank's page in a frame keeps what any page has.
        ensure!(!features.contains_key("sync-xhr"), "{path}");
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
            "report-uri /pay/csp-reports",
            "report-to csp",
        ] {
            ensure!(
                policy.split("; ").any(|p| p.trim() == part),
                "{path}: {policy}"
            );
        }
        let endpoints = page.header("reporting-endpoints");
        ensure!(
            endpoints == "csp=\"/pay/csp-reports\"",
            "{path}: {endpoints}"
        );
        ensure!(
            page.header("strict-transport-security").is_empty(),
            "{path}"
        );
    }
    Ok(())
}

/// A server that browsers reach by https asks them to use nothing else.
#[tokio::test]
async fn https_is_kept() -> Result<()> {
    let settings = [
        "--public-url",
        "https://till.example",
        "--operator-listen",
        "127.0.0.1:0",
    ];
    let app = TestApp::with_settings(&[], &settings).await?;
    let opened = app.api.invoice("1").await?;
    let page = format!("/pay/{}", opened.id);
    for path in [page.as_str(), "/till.js", "/v1/invoices", "/no-such-page"] {
        let answer = get(&app, path).await?;
        let given = answer.header("strict-transport-security");
        ensure!(given == "max-age=63072000", "{path}: {given}");
    }
    // Browsers do not reach the operator's listener at the public URL.
    let operator = Api::new(&app.operator_url()?, &app.keys)?;
    let docs = send(operator.request(Method::GET, "/docs/")).await?;
    ensure!(docs.status == 200, "{docs:?}");
    ensure!(docs.header("strict-transport-security").is_empty());
    Ok(())
}
