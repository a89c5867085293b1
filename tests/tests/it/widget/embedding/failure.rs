//! The widget cannot be loaded: the buyer and the page are told, and the buyer can try again.

use super::{Page, Site};
use anyhow::{Result, ensure};
use till_tests::browser::ONE_PROCESS;
use till_tests::faults::relay::{Fault, Relay};
use till_tests::wait::until;

const PANEL: &str = "[data-till=failed]";
const ESCAPE: &str = "\u{e00c}";

/// Waits for the message in the page and checks its language.
async fn failed(page: &Page, language: &str, texts: [&str; 2]) -> Result<()> {
    let panel = page.browser.wait_for(PANEL).await?;
    let shown = panel.text().await?;
    ensure!(texts.iter().all(|text| shown.contains(text)), "{shown}");
    ensure!(panel.attr("lang").await?.as_deref() == Some(language));
    Ok(())
}

const ENGLISH: [&str; 2] = ["The payment could not be loaded", "Try again"];

/// The network hangs, then works again.
#[tokio::test]
async fn the_page_of_the_widget_is_unreachable() -> Result<()> {
    let relay = Relay::start().await?;
    relay.inject(|_, path| {
        if path.starts_with("/pay/") {
            Fault::DropRequest
        } else {
            Fault::None
        }
    });
    let site = Site {
        body: "<button id=buy data-till-invoice=A_INVOICE data-till-token=A_TOKEN>Buy</button>",
        attributes: "data-preload=none",
        relay: Some(&relay),
        ..Site::default()
    };
    let page = site.open().await?;
    page.run("addEventListener('till:error', (e) => window.message = e.detail.message)")
        .await?;
    page.browser.click("#buy").await?;
    failed(&page, "en", ENGLISH).await?;
    page.browser.screenshot("load-timeout").await?;
    page.wait_for_events("open A, error A load-timeout").await?;
    page.assert("return /allowed_origins.*frame-src allows http/.test(message)")
        .await?;
    page.assert("return document.activeElement.textContent === 'Try again'")
        .await?;
    relay.inject(|_, _| Fault::None);
    page.press("\u{e007}").await?;
    page.enter("dialog[open] iframe").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, error A load-timeout, ready A")
        .await?;
    page.assert(&format!("return !document.querySelector('{PANEL}')"))
        .await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.press(ESCAPE).await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, error A load-timeout, ready A, close A")
        .await?;
    page.close().await
}

/// The code of the frame is blocked: the frame says so itself. Esc, the backdrop and the button work.
#[tokio::test]
async fn the_code_of_the_widget_is_blocked() -> Result<()> {
    let site = Site {
        without_script: true,
        switches: ONE_PROCESS,
        ..Site::default()
    };
    let page = site.open().await?;
    page.browser.block(&["*.wasm"]).await?;
    page.add_script().await?;
    let open = "events.length = 0; listen(Till({ locale: 'de-AT' }).open(A))";
    // What had the focus may be hidden at this moment: the driver sends no keys to it.
    let escape = async || until("Esc", async || Ok(page.press(ESCAPE).await.is_ok())).await;
    // Esc works at once, wherever the focus is.
    page.run(open).await?;
    escape().await?;
    let end = "return events[0] === 'open A' && events.at(-1).startsWith('close A')";
    page.browser.until("the end", end).await?;
    page.run(open).await?;
    page.wait_for_events("open A, error A load-failed").await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    let message = page.browser.wait_for("#not-loaded:not([hidden])").await?;
    let shown = message.text().await?;
    let texts = [
        "Die Zahlung konnte nicht geladen werden",
        "Erneut versuchen",
    ];
    ensure!(texts.iter().all(|text| shown.contains(text)), "{shown}");
    escape().await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, error A load-failed, close A load-failed")
        .await?;
    page.run(open).await?;
    page.wait_for_events("open A, error A load-failed").await?;
    let outside = "document.querySelector('dialog[open]').dispatchEvent(
        new MouseEvent('click', { clientX: 2, clientY: 2, bubbles: true }))";
    page.run(outside).await?;
    page.wait_for_events("open A, error A load-failed, close A load-failed")
        .await?;
    page.run(open).await?;
    page.wait_for_events("open A, error A load-failed").await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.browser.click("#not-loaded [data-text=close]").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, error A load-failed, close A load-failed")
        .await?;
    // The other button loads the frame again.
    page.run(open).await?;
    page.wait_for_events("open A, error A load-failed").await?;
    page.browser.block(&[]).await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.browser
        .click("#not-loaded:not([hidden]) [data-text=retry]")
        .await?;
    page.browser.wait_for("main [data-screen=form]").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, error A load-failed, ready A")
        .await?;
    page.close().await
}

/// The page's own policy forbids the frame.
#[tokio::test]
async fn the_page_forbids_the_frame() -> Result<()> {
    let site = Site {
        body: "<till-pay invoice=A_INVOICE token=A_TOKEN></till-pay>",
        headers: &[("content-security-policy", "frame-src 'none'")],
        attributes: "data-locale=ar",
        ..Site::default()
    };
    let page = site.open().await?;
    failed(&page, "ar", ["تعذّر تحميل عملية الدفع", "إعادة المحاولة"]).await?;
    page.wait_for_events("open A, error A load-timeout").await?;
    page.assert("return document.querySelector('till-pay iframe').checkVisibility() === false")
        .await?;
    page.browser.screenshot("load-timeout-inline").await?;
    page.run("document.querySelector('till-pay').remove()")
        .await?;
    // A removed element tells its own listeners; the document is told by the script.
    page.wait_for_events("open A, error A load-timeout, close A")
        .await?;
    page.close().await
}

/// A slow widget that arrives after all replaces the message.
#[tokio::test]
async fn a_late_widget_is_shown() -> Result<()> {
    let site = Site {
        attributes: "data-preload=none",
        ..Site::default()
    };
    let page = site.open().await?;
    // The page's own server is slow to create the invoice.
    page.run("listen(Till().open(new Promise((resolve) => window.created = () => resolve(A))))")
        .await?;
    failed(&page, "en", ENGLISH).await?;
    page.run("created()").await?;
    page.wait_for_events("open, error load-timeout, ready A")
        .await?;
    page.assert(&format!("return !document.querySelector('{PANEL}')"))
        .await?;
    page.close().await
}

/// The order's call fails: without a network, and with an answer of something that is not Till.
#[tokio::test]
async fn an_order_that_cannot_be_sent() -> Result<()> {
    let site = Site {
        project: &["--check-url", "PROJECT/check"],
        ..Site::default()
    };
    let page = site.open().await?;
    page.browser.block(&["*/v1/widget/invoices"]).await?;
    let open =
        "listen(Till().open({ order: { order_id: '1', amount: '19.99', currency: 'EUR' } }))";
    page.run(open).await?;
    failed(&page, "en", ENGLISH).await?;
    page.wait_for_events("open, error server-unreachable")
        .await?;
    page.browser.block(&[]).await?;
    page.run("window.fetch = () => Promise.resolve(new Response('<h1>Bad gateway</h1>', { status: 502 }))")
        .await?;
    page.browser.click(&format!("{PANEL} button")).await?;
    page.wait_for_events("open, error server-unreachable, error server-unreachable")
        .await?;
    failed(&page, "en", ENGLISH).await?;
    page.press(ESCAPE).await?;
    page.wait_for_events("open, error server-unreachable, error server-unreachable, close")
        .await?;
    page.close().await
}

/// What the page itself does wrong is its own to say.
#[tokio::test]
async fn a_promise_that_fails_closes_the_widget() -> Result<()> {
    let page = Site::default().open().await?;
    for what in [
        "Promise.reject(new Error('sold out'))",
        "Promise.resolve({})",
        "Promise.reject()",
    ] {
        page.run(&format!("events.length = 0; listen(Till().open({what}))"))
            .await?;
        page.wait_for_events("open, error not-opened, close")
            .await?;
    }
    page.close().await
}
