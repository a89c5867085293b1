//! People who open an address for programs.

use anyhow::{Result, ensure};
use reqwest::Method;
use till_tests::TestApp;
use till_tests::client::{Answer, send};

/// What Chromium and Firefox send when a person opens an address.
const BROWSERS: [&str; 2] = [
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
];

async fn open(app: &TestApp, method: &Method, path: &str, accept: &str) -> Result<Answer> {
    let request = app
        .api
        .request(method.clone(), path)
        .header("accept", accept);
    send(request.header("accept-language", "de")).await
}

#[tokio::test]
async fn a_browser_gets_a_page() -> Result<()> {
    let app = TestApp::start().await?;
    for (method, path, status, kind) in [
        (Method::GET, "/", 404, "not-found"),
        (Method::GET, "/pay", 405, "method-not-allowed"),
        (Method::GET, "/pay/", 404, "not-found"),
        (Method::GET, "/favicon.txt", 404, "not-found"),
        (Method::GET, "/v1/invoices", 401, "unauthorized"),
        (Method::GET, "/v1/projects", 401, "unauthorized"),
        (
            Method::GET,
            "/v1/connectors/sandbox/a/webhooks",
            405,
            "method-not-allowed",
        ),
        (Method::POST, "/v1/invoices", 401, "unauthorized"),
    ] {
        for accept in BROWSERS {
            let page = open(&app, &method, path, accept).await?;
            ensure!(page.status == status, "{path}: {page:?}");
            ensure!(
                page.header("content-type").starts_with("text/html"),
                "{path}: {page:?}"
            );
            ensure!(
                page.text.contains("Hier ist keine Seite"),
                "{path}: {page:?}"
            );
            ensure!(page.text.contains("id=\"back\""), "{path}: {page:?}");
            ensure!(
                page.text.contains(page.header("x-request-id")),
                "{path}: {page:?}"
            );
            ensure!(
                !page.header("content-security-policy").is_empty(),
                "{path}: {page:?}"
            );
        }
        let same = [
            "*/*",
            "application/json",
            "application/json, text/html",
            "text/html;q=0.5, application/json",
        ];
        for accept in same {
            open(&app, &method, path, accept)
                .await?
                .problem(status, kind)?;
        }
    }
    let challenge = open(&app, &Method::GET, "/v1/invoices", BROWSERS[0]).await?;
    ensure!(
        challenge.header("www-authenticate") == "Bearer",
        "{challenge:?}"
    );
    let allowed = open(&app, &Method::GET, "/pay", BROWSERS[0]).await?;
    ensure!(allowed.header("allow").contains("POST"), "{allowed:?}");
    Ok(())
}

#[tokio::test]
async fn a_slash_after_the_invoice_does_no_harm() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let path = format!("/pay/{}", opened.id);
    let redirect = open(&app, &Method::GET, &format!("{path}/?theme=dark"), "*/*").await?;
    ensure!(redirect.status == 308, "{redirect:?}");
    ensure!(
        redirect.header("location") == format!("{path}?theme=dark"),
        "{redirect:?}"
    );
    let none = open(&app, &Method::GET, "/v1/invoices/", "*/*").await?;
    none.problem(404, "not-found")?;
    ensure!(none.text.contains("Leave out the slash"), "{none:?}");
    Ok(())
}
