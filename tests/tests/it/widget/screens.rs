//! Screenshots of every state of the widget, hosted and as an overlay, in both themes, two sizes and
//! three languages. They are stored in `target/screenshots`.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use till_tests::TestApp;
use till_tests::browser::hosted::{Hosted, STATES};
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Api, Opened, send};

const LANGUAGES: [&str; 3] = ["en", "de", "ar"];
const THEMES: [&str; 2] = ["light", "dark"];

/// Takes a screenshot in each theme and checks that the page does not scroll horizontally.
async fn screenshots(browser: &Browser, size: &str, language: &str, name: &str) -> Result<()> {
    for theme in THEMES {
        browser
            .emulate_media(&[("prefers-color-scheme", theme)])
            .await?;
        let name = format!("{name}-{size}-{theme}-{language}");
        browser.screenshot(&name).await?;
        let wide = "return document.documentElement.scrollWidth > innerWidth";
        ensure!(
            browser.run(wide).await? == false,
            "{name} scrolls horizontally"
        );
    }
    Ok(())
}

async fn every_state(size: &str, screen: Screen) -> Result<()> {
    let hosted = Hosted::start(screen).await?;
    let browser = &hosted.browser;
    for language in LANGUAGES {
        let query = format!("?locale={language}");
        for state in STATES {
            let (screen, opened) = hosted.invoice_in_state(state, language).await?;
            hosted.show(&opened, &query, screen).await?;
            screenshots(browser, size, language, state).await?;
            if state == "form" {
                browser.click("#pay").await?;
                browser.wait_for("#number[aria-invalid=true]").await?;
                screenshots(browser, size, language, "errors").await?;
            }
        }
        transient_states(&hosted, size, language).await?;
    }
    hosted.browser.close().await
}

/// Transient states: loading, unreachable, soon to expire, offline, and paying.
async fn transient_states(hosted: &Hosted, size: &str, language: &str) -> Result<()> {
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice(language).await?;
    let keep = async |name: &str| screenshots(browser, size, language, name).await;
    browser.block(&["*/v1/widget/*"]).await?;
    hosted
        .show(&opened, &format!("?locale={language}"), "loading")
        .await?;
    keep("loading").await?;
    browser.wait_for("main [data-screen=failed]").await?;
    keep("unreachable").await?;
    browser.block(&["*/payments"]).await?;
    hosted.app.expires_in(&opened.id, 299).await?;
    browser.click("#retry").await?;
    browser.wait_for("main [data-screen=form]").await?;
    browser.wait_for(".expiry:not(:empty)").await?;
    keep("expiry").await?;
    browser.offline(true).await?;
    browser.wait_for("#offline:not(:empty)").await?;
    keep("offline").await?;
    browser.offline(false).await?;
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.wait_for("#pay:disabled").await?;
    keep("paying").await?;
    browser.block(&[]).await
}

/// Waits until the frame has had the same height for ten frames.
const STILL: &str = "return new Promise((done) => {
    let [last, same] = [0, 0];
    const look = () => {
        const { height } = document.querySelector('dialog[open] iframe').getBoundingClientRect();
        same = height === last ? same + 1 : 0;
        last = height;
        same < 10 ? requestAnimationFrame(look) : done();
    };
    look();
})";

/// The overlay: the form, the bank's page and the close confirmation.
async fn overlays(size: &str, screen: Screen) -> Result<()> {
    let browser = Browser::with(screen, &["--disable-site-isolation-trials"]).await?;
    for language in LANGUAGES {
        let shop = Shop::open(&format!("data-locale={language}"), &[]).await?;
        let keep = async |name: &str| {
            browser.leave_frames().await?;
            // The frame takes its content's height.
            browser.run(STILL).await?;
            screenshots(&browser, size, language, name).await?;
            browser.enter_frame("dialog[open] iframe").await
        };
        browser.goto(&shop.url).await?;
        browser.click("#buy").await?;
        browser.enter_frame("dialog[open] iframe").await?;
        browser.type_into("#number", VERIFIED).await?;
        browser.type_into("#expiry", "1239").await?;
        keep("overlay-form").await?;
        browser.type_into("#cvc", "123").await?;
        browser.click("#pay").await?;
        browser.enter_frame("#verification-frame").await?;
        browser.wait_for("#confirm").await?;
        keep("overlay-verification").await?;
        browser.click("#close").await?;
        browser.wait_for("[data-screen=confirm-close]").await?;
        keep("overlay-question").await?;
    }
    browser.close().await
}

#[tokio::test]
async fn every_state_on_a_phone() -> Result<()> {
    every_state("360", Screen::Phone).await
}

#[tokio::test]
async fn every_state_on_a_desk() -> Result<()> {
    every_state("1280", Screen::Desk).await
}

#[tokio::test]
async fn the_overlay_on_a_phone() -> Result<()> {
    overlays("360", Screen::Phone).await
}

#[tokio::test]
async fn the_overlay_on_a_desk() -> Result<()> {
    overlays("1280", Screen::Desk).await
}

/// Long names, every buyer field, a logo.
#[tokio::test]
async fn a_full_form() -> Result<()> {
    let required = ["email", "name", "phone", "country"].map(|field| ["--require", field]);
    for (size, screen) in [("360", Screen::Phone), ("1280", Screen::Desk)] {
        let hosted = Hosted::with(screen, required.as_flattened(), &[]).await?;
        let mut order = Api::order("buyer");
        order["description"] =
            "A subscription with a rather long description, so that it wraps".into();
        order["items"] = json!([
            { "name": "A print of the harbor at dawn, signed", "quantity": 2, "amount": 750 },
            { "name": "Postage", "quantity": 1, "amount": 499 },
        ]);
        let opened = hosted.app.api.invoice_of(&order).await?;
        hosted.show(&opened, "", "form").await?;
        hosted.browser.click(".items summary").await?;
        screenshots(&hosted.browser, size, "en", "full").await?;
        hosted.browser.close().await?;
    }
    Ok(())
}

/// The page contains no invoice data without the token.
#[tokio::test]
async fn the_page_shows_nothing_without_the_token() -> Result<()> {
    let app = TestApp::start().await?;
    let opened: Opened = app.api.invoice("1").await?;
    let page = send(app.api.request(Method::GET, &format!("/pay/{}", opened.id))).await?;
    ensure!(page.status == 200, "{page:?}");
    ensure!(
        !page.text.contains("19.99") && !page.text.contains("A print"),
        "{}",
        page.text
    );
    Ok(())
}
