//! Preloading: the frame is loaded before the click and stays hidden until then.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use till_tests::TestApp;
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::APPROVED;
use till_tests::client::send;

struct Page {
    shop: Shop,
    browser: Browser,
}

async fn page(attributes: &str) -> Result<Page> {
    let shop = Shop::open(attributes, &[]).await?;
    let browser = Browser::start(Screen::Desk).await?;
    browser.goto(&shop.url).await?;
    Ok(Page { shop, browser })
}

const CALLS: &str = "return performance.getEntriesByType('resource')
    .map((e) => new URL(e.name).pathname).filter((p) => p.startsWith('/v1/'))";

#[tokio::test]
async fn the_frame_is_preloaded() -> Result<()> {
    let page = page("").await?;
    let browser = &page.browser;
    browser.enter_frame("dialog:not([open]) iframe").await?;
    browser
        .until(
            "the form",
            "return Boolean(document.querySelector('#number'))",
        )
        .await?;
    let calls = browser.run(CALLS).await?;
    let expected = format!("/v1/widget/invoices/{}", page.shop.opened.id);
    ensure!(calls == json!([expected]), "{calls}");
    browser.run("window.mark = 1").await?;
    browser.leave_frames().await?;
    ensure!(
        browser.run("return events").await? == json!([]),
        "an event was sent before the click"
    );

    // The hidden frame is not focusable and not announced.
    let tabs = "return [document.activeElement.id, document.querySelector('dialog').checkVisibility({ visibilityProperty: true })]";
    for focused in ["buy", ""] {
        let active = browser.active_element().await?;
        active.send_keys("\u{e004}").await?;
        let found = browser.run(tabs).await?;
        ensure!(found == json!([focused, false]), "{found}");
    }

    browser.click("#buy").await?;
    browser.enter_frame("dialog[open] iframe").await?;
    browser
        .until("the focus", "return document.activeElement.id === 'number'")
        .await?;
    ensure!(
        browser.run("return window.mark").await? == 1,
        "the frame was loaded again"
    );
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    // The frame's URL is the invoice's, so a reload shows the invoice.
    browser.run("location.reload()").await?;
    browser.leave_frames().await?;
    browser.enter_frame("dialog[open] iframe").await?;
    browser
        .until(
            "a fresh form",
            "return document.querySelector('#number')?.value === ''",
        )
        .await?;
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    browser.click("#done").await?;
    browser.leave_frames().await?;
    browser
        .until("closed", "return events.at(-1) === 'close'")
        .await?;
    ensure!(page.shop.app.net_captured().await? == 1999);
    page.browser.close().await
}

/// Changes after the preload are shown on click.
#[tokio::test]
async fn the_preloaded_frame_is_refreshed() -> Result<()> {
    let page = page("").await?;
    let browser = &page.browser;
    browser.enter_frame("dialog:not([open]) iframe").await?;
    browser
        .until(
            "the form",
            "return Boolean(document.querySelector('#number'))",
        )
        .await?;
    browser.leave_frames().await?;
    page.shop
        .app
        .api
        .paid_with(&page.shop.opened, APPROVED)
        .await?;
    browser.click("#buy").await?;
    browser.enter_frame("dialog[open] iframe").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    page.browser.close().await
}

#[tokio::test]
async fn preloading_can_be_disabled() -> Result<()> {
    let page = page("data-preload=none").await?;
    let browser = &page.browser;
    browser
        .until("the script", "return Boolean(window.Till)")
        .await?;
    // The script prepares in an idle callback after the page has loaded. Idle callbacks run in the
    // order they were requested, so this one runs after the script's.
    let idle = "return new Promise((done) => {
        const later = () => requestIdleCallback(done, { timeout: 4000 });
        document.readyState === 'complete' ? later() : addEventListener('load', () => setTimeout(later));
    })";
    browser.run(idle).await?;
    let frames = browser
        .run("return document.querySelectorAll('iframe').length")
        .await?;
    ensure!(frames == 0, "{frames} frames");
    browser.click("#buy").await?;
    browser.enter_frame("dialog[open] iframe").await?;
    browser.wait_for("#number").await?;
    page.browser.close().await
}

/// The preload page requires an allowed origin and contains no invoice.
#[tokio::test]
async fn the_preload_page_requires_an_allowed_origin() -> Result<()> {
    let app = TestApp::start().await?;
    let pk = &app.keys.pk;
    for (query, status) in [
        (
            format!("?project={pk}&mode=iframe&origin=https%3A%2F%2Fshop.example"),
            200,
        ),
        (
            format!("?project={pk}&mode=iframe&origin=https%3A%2F%2Fevil.example"),
            403,
        ),
        (format!("?project={pk}&mode=iframe"), 403),
        (format!("?project={pk}"), 404),
        (
            "?project=pk_0&mode=iframe&origin=https%3A%2F%2Fshop.example".to_owned(),
            404,
        ),
        (String::new(), 404),
    ] {
        let request = app.api.request(Method::GET, &format!("/pay/frame{query}"));
        let answer = send(request).await?;
        ensure!(answer.status == status, "{query}: {answer:?}");
        if status == 200 {
            let policy = answer.header("content-security-policy");
            ensure!(
                policy.contains("frame-ancestors 'self' https://shop.example"),
                "{policy}"
            );
        }
    }
    Ok(())
}
