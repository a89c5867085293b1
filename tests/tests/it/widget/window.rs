//! What the widget hears from its window: messages and keys.

use anyhow::{Result, ensure};
use serde_json::json;
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::APPROVED;

const FRAME: &str = "dialog[open] iframe";

async fn opened() -> Result<(Shop, Browser)> {
    let shop = Shop::open("", &[]).await?;
    let browser = Browser::start(Screen::Desk).await?;
    shop.open_dialog(&browser).await?;
    browser.wait_for("main [data-screen=form]").await?;
    Ok((shop, browser))
}

/// Messages from another window, and with unknown content, are dropped: the payment goes on.
#[tokio::test]
async fn unknown_messages_are_dropped() -> Result<()> {
    let (shop, browser) = opened().await?;
    let other = shop.app.api.invoice("2").await?;
    let open = json!({ "till": "open", "invoice": other.id, "token": other.token });
    // From the frame itself, which is not the page.
    let foreign = format!("postMessage({open}, '*'); postMessage({{ till: 'close' }}, '*')");
    browser.run(&foreign).await?;
    browser.leave_frames().await?;
    let unknown = format!(
        "const frame = document.querySelector('{FRAME}').contentWindow;
        const circle = {{ till: 'close' }}; circle.self = circle;
        for (const message of [null, 5, 'close', [], circle, {{ till: 'explode' }}, {{ till: 5 }},
            {{ till: 'open', invoice: 5, token: 'x' }}, {{ till: 'open', invoice: 'inv_1' }},
            {{ till: 'prepare', invoice: '../x', token: 'x' }}, {{ till_returned: {{ payment: 'pay_1' }} }}])
            frame.postMessage(message, '*')"
    );
    browser.run(&unknown).await?;
    browser.enter_frame(FRAME).await?;
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.wait_for("[data-screen=paid]").await?;
    shop.app.api.until_status(&shop.opened.id, "paid").await?;
    browser.leave_frames().await?;
    let events = "return events.filter((name) => name === 'close' || name === 'error')";
    ensure!(browser.run(events).await? == json!([]));
    browser.close().await
}

/// An input method uses Escape to end its composition.
#[tokio::test]
async fn escape_in_a_composition_does_not_close() -> Result<()> {
    let (_shop, browser) = opened().await?;
    let escape = |composing: bool| {
        format!(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown',
                {{ key: 'Escape', isComposing: {composing}, bubbles: true }}))"
        )
    };
    browser.run(&escape(true)).await?;
    // The page has handled every message before this one.
    browser.type_into("#number", "4").await?;
    browser.leave_frames().await?;
    ensure!(browser.run("return events.includes('close')").await? == false);
    browser.enter_frame(FRAME).await?;
    browser.run(&escape(false)).await?;
    browser.leave_frames().await?;
    browser
        .until("the end", "return events.includes('close')")
        .await?;
    browser.close().await
}
