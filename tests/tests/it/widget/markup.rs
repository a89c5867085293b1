//! Texts with markup, in every field that somebody else fills in: they are shown as texts on all pages.

use anyhow::{Result, ensure};
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use till_tests::browser::hosted::Hosted;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::{APPROVED, CARD_DECLINED, VERIFIED};
use till_tests::client::{Api, Opened};
use till_tests::demo::Demo;
use tokio::net::TcpListener;

/// Leaves an attribute, a text, a script and a template, and runs code where any of it is markup.
const MARKUP: &str = "'\"></script></title></textarea><b data-hacked>b</b><img src=x onerror=hacked=1><script>hacked=1</script>{{1}}";
const HACKED: &str =
    "return document.querySelectorAll('[data-hacked]').length || window.hacked || 0";

async fn clean(browser: &Browser, what: &str) -> Result<()> {
    let hacked = browser.run(HACKED).await?;
    ensure!(hacked == 0, "{what}: {hacked}");
    Ok(())
}

/// The page shows the markup as it was written.
async fn shows(browser: &Browser, what: &str) -> Result<()> {
    let shown = format!("return document.body.innerText.includes({})", json!(MARKUP));
    browser.until(what, &shown).await?;
    clean(browser, what).await
}

fn order(number: &str) -> Value {
    let mut order = Api::order(&format!("{number}{MARKUP}"));
    order["description"] = MARKUP.into();
    order["items"] = json!([{ "name": MARKUP, "quantity": 1, "amount": 1999 }]);
    order["buyer"] = json!({ "name": MARKUP, "email": "buyer@shop.example", "country": "DE" });
    order["metadata"] = json!({ "note": MARKUP });
    order["success_url"] = "https://shop.example/?x=%22%3E%3Cb%20data-hacked%3E".into();
    order
}

/// The widget in its states, with the texts of the project and the order.
#[tokio::test]
async fn the_widget_shows_markup_as_text() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    hosted
        .set_setting("$.name", &json!(MARKUP).to_string())
        .await?;
    let (api, browser) = (&hosted.app.api, &hosted.browser);
    for (number, paid_with, screen) in [
        ("form", "", "form"),
        ("declined", CARD_DECLINED, "form"),
        ("verification", VERIFIED, "verification"),
        ("paid", APPROVED, "paid"),
    ] {
        let opened = api.invoice_of(&order(number)).await?;
        if !paid_with.is_empty() {
            api.paid_with(&opened, paid_with).await?;
        }
        hosted.show(&opened, "", screen).await?;
        shows(browser, number).await?;
        if screen == "verification" {
            browser.enter_frame("#verification-frame").await?;
            browser.wait_for("#confirm").await?;
            clean(browser, "the sandbox").await?;
            browser.leave_frames().await?;
        }
    }
    // The address is not from the server.
    let Opened { id, token } = api.invoice_of(&order("address")).await?;
    let markup: String = url::form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    for query in ["locale", "theme", "mode", "origin", "preload", "project"] {
        browser.goto("about:blank").await?;
        let address = format!(
            "{}/pay/{id}?{query}={markup}#token={token}&variables={markup}&{markup}",
            api.url
        );
        browser.goto(&address).await?;
        browser.wait_for("h1, main [data-screen]").await?;
        clean(browser, query).await?;
    }
    hosted.browser.close().await
}

/// The pages that are no widget: messages about links and forms, problems, and the documentation.
#[tokio::test]
async fn pages_show_markup_as_text() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    hosted
        .set_setting("$.name", &json!(MARKUP).to_string())
        .await?;
    let (url, browser) = (&hosted.app.api.url, &hosted.browser);
    let markup: String = url::form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    let path = markup.replace('+', "%20");
    for address in [
        format!("/pay/{path}"),
        format!("/pay/frame?project={markup}&origin={markup}"),
        format!("/pay/frame?project={}&origin={markup}", hosted.app.keys.pk),
        format!("/return/{path}/{path}"),
        format!("/problems/{path}"),
        format!("/{path}"),
        format!("/v1/invoices/{path}?{markup}={markup}"),
    ] {
        browser.goto(&format!("{url}{address}")).await?;
        clean(browser, &address).await?;
    }
    // A form with markup in its names and values.
    let fields = json!({ MARKUP: MARKUP, "project": MARKUP, "order_id": MARKUP, "amount": MARKUP,
        "currency": MARKUP, "description": MARKUP, "signature": MARKUP, "locale": MARKUP,
        "failure_url": MARKUP });
    for project in [MARKUP, &hosted.app.keys.pk] {
        let mut fields = fields.clone();
        fields["project"] = project.into();
        browser.goto("about:blank").await?;
        let submit = format!(
            "const form = document.createElement('form'); form.method = 'post'; form.action = '{url}/pay';
            for (const [name, value] of Object.entries({fields})) {{
                const input = document.createElement('input'); Object.assign(input, {{ name, value }});
                form.append(input);
            }}
            document.body.append(form); form.submit()"
        );
        browser.run(&submit).await?;
        browser.wait_for("h1").await?;
        clean(browser, project).await?;
    }
    let demo = Demo::start().await?;
    for path in ["/thanks?order_id=", "/orders?x=", "/?", "/no/"] {
        browser.goto(&format!("{}{path}{markup}", demo.url)).await?;
        browser.wait_for("h1").await?;
        clean(browser, path).await?;
    }
    hosted.browser.close().await
}

/// The viewer of the OpenAPI document shows this server's document, whatever its address asks for.
#[tokio::test]
async fn the_documentation_loads_no_other_document() -> Result<()> {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let answer = get(async move || {
        count.fetch_add(1, Ordering::Relaxed);
        ([("access-control-allow-origin", "*")], "{}")
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let evil = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let hosted = Hosted::start(Screen::Desk).await?;
    let markup: String = url::form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    let address = format!(
        "{}/docs/?url={evil}/a.json&configUrl={evil}/b.json&urls={evil}&{markup}#/{markup}",
        hosted.app.api.url
    );
    hosted.browser.goto(&address).await?;
    let loaded = "return document.body.innerText.includes('/v1/invoices')";
    hosted.browser.until("the document", loaded).await?;
    clean(&hosted.browser, "the documentation").await?;
    ensure!(asked.load(Ordering::Relaxed) == 0);
    hosted.browser.close().await
}
