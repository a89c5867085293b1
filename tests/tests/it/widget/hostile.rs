//! Pages around and inside the widget that mean harm: the site that opened it, a site that frames it, and
//! the payment system's page.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde_json::json;
use till_tests::TestApp;
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, CHROMIUM, Screen};
use till_tests::cards::{APPROVED, VERIFIED};
use tokio::net::TcpListener;

/// Serves an empty page of another site and returns its origin.
async fn evil() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://evil.localhost:{}", listener.local_addr()?.port());
    let page = get(async || Html("<!doctype html><title>Evil</title><div id=here></div>"));
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(page)).await });
    Ok(origin)
}

async fn pay(browser: &Browser, card: &str) -> Result<()> {
    for (css, text) in [("#number", card), ("#expiry", "1239"), ("#cvc", "123")] {
        browser.type_into(css, text).await?;
    }
    browser.click("#pay").await
}

/// The site that opened the hosted page can neither read, move nor close it.
#[tokio::test]
async fn the_opener_has_no_access_to_the_hosted_page() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let address = format!("{}/pay/{}#token={}", app.api.url, opened.id, opened.token);
    let browser = Browser::with(Screen::Desk, &[CHROMIUM]).await?;
    browser.goto(&evil().await?).await?;
    let site = browser.window().await?;
    let open = format!(
        "const link = document.createElement('button'); link.id = 'go'; link.textContent = 'Go';
        link.onclick = () => window.shop = open('{address}'); document.body.append(link)"
    );
    browser.run(&open).await?;
    browser.click("#go").await?;
    browser.switch_to_newest_window(2).await?;
    browser.wait_for("main [data-screen=form]").await?;
    let page = browser.window().await?;
    ensure!(browser.run("return window.opener").await?.is_null());

    browser.switch_to_window(site).await?;
    let attack = "const tried = [];
        for (const attempt of [() => shop.document.title, () => shop.location.href,
            () => (shop.location = location.origin + '/phishing', 'moved'),
            () => (shop.postMessage({ till: 'close' }, '*'), 'posted'), () => (shop.close(), 'closed'),
            () => shop.length]) {
            try { tried.push(attempt()) } catch (error) { tried.push(error.name) }
        }
        return [shop.closed, ...tried]";
    let tried = browser.run(attack).await?;
    // The window reads as closed; what is sent to it goes nowhere.
    ensure!(tried[0] == true && tried[6] == 0, "{tried}");
    browser.switch_to_window(page).await?;
    pay(&browser, APPROVED).await?;
    browser.wait_for("main [data-screen=paid]").await?;
    let now = browser.current_url().await?;
    ensure!(now.as_str().starts_with(&app.api.url), "{now}");
    browser.close().await
}

/// A site that the project does not allow cannot show the payment form in a frame, whichever site it says
/// that it is.
#[tokio::test]
async fn another_site_cannot_frame_the_payment_form() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let browser = Browser::start(Screen::Desk).await?;
    let site = evil().await?;
    browser.goto(&site).await?;
    let (till, invoice, pk) = (&app.api.url, &opened.id, &app.keys.pk);
    for path in [
        format!("/pay/{invoice}"),
        format!("/pay/{invoice}?mode=iframe&origin=https://shop.example"),
        format!("/pay/{invoice}?mode=inline&origin={site}"),
        format!("/pay/{invoice}?mode=popup&origin={site}"),
        format!("/pay/frame?project={pk}&mode=iframe&origin=https://shop.example"),
        format!("/pay/frame?project={pk}&mode=iframe&origin={site}"),
    ] {
        let show = format!(
            "const frame = document.createElement('iframe'); window.loaded = false;
            frame.onload = () => loaded = true;
            frame.src = '{till}{path}#token={}'; here.replaceChildren(frame)",
            opened.token
        );
        browser.run(&show).await?;
        browser.until("the frame", "return loaded").await?;
        browser.enter_frame("#here iframe").await?;
        let shown = "return [location.protocol, document.querySelectorAll('form, input, #skeleton').length]";
        let shown = browser.run(shown).await?;
        browser.leave_frames().await?;
        // A message that the origin is not allowed has no form.
        ensure!(shown[1] == 0, "{path}: {shown}");
        let lies = !path.contains(&site);
        ensure!(!lies || shown[0] == "chrome-error:", "{path}: {shown}");
    }
    browser.close().await
}

/// The payment system's page in the widget's frame cannot read the pages around it, move them, or report
/// an outcome that the server did not.
#[tokio::test]
async fn the_payment_systems_page_cannot_touch_the_pages_around_it() -> Result<()> {
    let shop = Shop::open("", &[]).await?;
    let browser = Browser::start(Screen::Desk).await?;
    shop.open_dialog(&browser).await?;
    pay(&browser, VERIFIED).await?;
    browser.wait_for("main [data-screen=verification]").await?;
    let payment = shop.app.api.read(&shop.opened.id).await?["payments"][0]["id"].clone();
    browser.enter_frame("#verification-frame").await?;
    browser.wait_for("#confirm").await?;
    let event = json!({ "invoice": shop.opened.id, "payment": payment, "status": "succeeded" });
    let attack = format!(
        "const event = {event}, tried = [];
        for (const around of [parent, top]) {{
            for (const attempt of [() => around.document.body, () => around.location.href,
                () => around.localStorage, () => around.Till, () => around.frameElement]) {{
                try {{ attempt(); tried.push('reached') }} catch (error) {{ tried.push(error.name) }}
            }}
            try {{ around.location = 'about:blank' }} catch (error) {{ tried.push(error.name) }}
            for (const till of ['paid', 'declined', 'close', 'error', 'expired', 'navigate', 'resize', 'ready'])
                around.postMessage({{ till, ...event, url: 'https://evil.example/', height: 5 }}, '*');
            around.postMessage({{ till: 'open', invoice: event.invoice, token: 'x' }}, '*');
            around.postMessage({{ till_returned: {{ payment: event.payment }} }}, '*');
            around.postMessage({{ till_captcha: {{ height: 5, token: 'x' }} }}, '*');
        }}
        return tried"
    );
    let tried = browser.run(&attack).await?;
    let tried = tried.as_array().context("no list")?;
    ensure!(
        tried.iter().all(|name| name == "SecurityError"),
        "{tried:?}"
    );
    browser.click("#confirm").await?;
    browser.leave_frames().await?;
    shop.wait_for_events(&browser, "open ready fixation verification paid")
        .await?;
    browser.enter_frame("dialog[open] iframe").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    browser.close().await
}
