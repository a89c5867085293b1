//! Before the code of the widget has arrived, and when it does not arrive.

use anyhow::{Result, ensure};
use serde_json::json;
use till_tests::browser::hosted::Hosted;
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, ONE_PROCESS, Screen};
use till_tests::cards::APPROVED;

/// On the hosted page, in the buyer's language, with a way to try again.
#[tokio::test]
async fn blocked_code_is_reported_to_the_buyer() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    for blocked in ["*.wasm", "*/till-widget-*.js"] {
        browser.block(&[blocked]).await?;
        browser.goto("about:blank").await?;
        browser.goto(&hosted.address(&opened, "?locale=de")).await?;
        browser
            .until(
                blocked,
                "return document.querySelector('#not-loaded:not([hidden])')?.innerText
                    .includes('Die Zahlung konnte nicht geladen werden')",
            )
            .await?;
        let skeleton = "return document.querySelector('#skeleton').checkVisibility()";
        ensure!(browser.run(skeleton).await? == false, "still loading");
        browser.screenshot("not-loaded-1280").await?;
        browser.block(&[]).await?;
        browser.click("#not-loaded button").await?;
        browser.wait_for("main [data-screen=form]").await?;
        let left = "return document.querySelector('#not-loaded, #skeleton')";
        ensure!(browser.run(left).await?.is_null());
    }
    hosted.browser.close().await
}

/// In a dialog the page hears of it, and Esc closes the dialog.
#[tokio::test]
async fn blocked_code_is_reported_to_the_page() -> Result<()> {
    let shop = Shop::open("data-preload=none", &[]).await?;
    let browser = Browser::with(Screen::Phone, ONE_PROCESS).await?;
    browser.block(&["*.wasm"]).await?;
    browser.goto(&shop.url).await?;
    browser.click("#buy").await?;
    browser
        .until(
            "the error",
            "return events.some((e) => e.includes('error'))",
        )
        .await?;
    browser.enter_frame("dialog[open] iframe").await?;
    browser.wait_for("#not-loaded:not([hidden])").await?;
    browser.screenshot("not-loaded-360").await?;
    browser
        .run("dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))")
        .await?;
    browser.leave_frames().await?;
    browser
        .until(
            "the end",
            "return events.some((e) => e.includes('close')) && !document.querySelector('dialog[open]')",
        )
        .await?;
    browser.close().await
}

/// What is typed while the code is on its way is kept, formatted, and the focus stays.
#[tokio::test]
async fn early_input_is_taken_over() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    // The page is loaded only once the code has run, so the buyer is part of the page.
    let typing = format!(
        "const real = window.fetch, typed = new Promise((done) => (window.typed = done));
        window.fetch = async (...args) => {{
            if (String(args[0].url ?? args[0]).endsWith('.wasm')) await typed;
            return real(...args);
        }};
        addEventListener('DOMContentLoaded', async () => {{
            const type = (id, text) => {{
                document.getElementById(id).focus();
                for (const key of text) document.execCommand('insertText', false, key);
            }};
            const label = document.querySelector('label[for=early-number]');
            while (!label.textContent.trim()) await new Promise((next) => setTimeout(next, 10));
            window.label = label.textContent;
            type('early-number', '{APPROVED}');
            type('early-expiry', '12/2039');
            window.typed();
        }})"
    );
    browser.run_on_new_pages(&typing).await?;
    hosted.show(&opened, "", "form").await?;
    browser
        .until(
            "the fields",
            "return document.querySelector('#number')?.value === '4242 4242 4242 4242'
                && document.querySelector('#expiry').value === '12 / 39'
                && document.activeElement.id === 'expiry' && !document.querySelector('#skeleton')",
        )
        .await?;
    ensure!(browser.run("return window.label").await? == "Card number");
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.wait_for("[data-screen=paid]").await?;
    hosted.browser.close().await
}

/// There is no early field for an order that asks for something else first.
#[tokio::test]
async fn early_fields_are_those_of_the_form() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    browser.block(&["*.wasm"]).await?;
    let first = "return document.documentElement.dataset.first";
    let opened = hosted.app.api.invoice("1").await?;
    browser.goto(&hosted.address(&opened, "")).await?;
    ensure!(browser.run(first).await? == "card");
    hosted
        .set_setting("$.required_buyer_fields", "[\"email\"]")
        .await?;
    browser.goto(&hosted.address(&opened, "?again")).await?;
    ensure!(browser.run(first).await? == "other");
    hosted.browser.close().await
}

/// Without JavaScript there is the sentence alone: nothing looks as if it were loading.
#[tokio::test]
async fn nothing_loads_without_javascript() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    let off = json!({ "value": true });
    browser
        .devtools("Emulation.setScriptExecutionDisabled", off)
        .await?;
    browser.goto(&hosted.address(&opened, "")).await?;
    let message = browser.wait_for("noscript p").await?.text().await?;
    ensure!(message.contains("JavaScript"), "{message}");
    for css in [".placeholder", ".early", "#not-loaded"] {
        let hidden = browser.wait_for(css).await;
        ensure!(hidden.is_err() || !hidden?.is_displayed().await?, "{css}");
    }
    hosted.browser.close().await
}
