//! A popup that the page loses sight of: `closed` reads true while the buyer pays. The dialog follows the payment.

use super::{Page, Site};
use anyhow::Result;
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use till_tests::browser::CHROMIUM;
use till_tests::cards::{APPROVED, VERIFIED_BY_REDIRECT};
use tokio::net::TcpListener;

const BUTTON: &str =
    "<button id=buy data-till-invoice=A_INVOICE data-till-token=A_TOKEN>Buy</button>";

async fn open(headers: &'static [(&'static str, &'static str)]) -> Result<Page> {
    let site = Site {
        body: BUTTON,
        attributes: "data-mode=popup",
        headers,
        switches: &[CHROMIUM],
        ..Site::default()
    };
    site.open().await
}

/// Serves a bank's page that isolates itself from the windows that opened it.
async fn isolated_bank() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://localhost:{}", listener.local_addr()?.port());
    let answer = async || {
        let policy = [("cross-origin-opener-policy", "same-origin")];
        (
            policy,
            Html("<!doctype html><title>Bank</title><h1 id=bank>Your bank</h1>"),
        )
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(get(answer))).await });
    Ok(url)
}

/// The shop isolates itself. The popup works, and cannot be seen or heard.
#[tokio::test]
async fn a_shop_with_an_opener_policy_follows_the_payment() -> Result<()> {
    let page = open(&[("cross-origin-opener-policy", "same-origin")]).await?;
    let shop = page.browser.window().await?;
    page.browser.click("#buy").await?;
    page.browser.wait_for("dialog[open] iframe").await?;
    page.wait_for_events("open A, ready A").await?;
    page.browser.switch_to_newest_window(2).await?;
    page.browser.wait_for("main [data-screen=form]").await?;
    page.pay(APPROVED).await?;
    page.browser.wait_for("main [data-screen=paid]").await?;
    page.browser.switch_to_window(shop).await?;
    page.wait_for_events("open A, ready A, fixation A, paid A")
        .await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.browser.click("#done").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, ready A, fixation A, paid A, close A")
        .await?;
    page.close().await
}

#[tokio::test]
async fn a_shop_with_an_opener_policy_opens_a_promise() -> Result<()> {
    let page = open(&[("cross-origin-opener-policy", "same-origin")]).await?;
    page.run("listen(Till().open(Promise.resolve(A)))").await?;
    page.browser.wait_for("dialog[open] iframe").await?;
    page.wait_for_events("open, ready A").await?;
    page.close().await
}

/// The popup reads as closed from the moment that the bank's page arrives, and forever after.
#[tokio::test]
async fn a_bank_with_an_opener_policy_does_not_close_the_popup() -> Result<()> {
    let bank = isolated_bank().await?;
    let page = open(&[]).await?;
    let shop = page.browser.window().await?;
    page.browser.click("#buy").await?;
    page.browser.switch_to_newest_window(2).await?;
    page.pay(VERIFIED_BY_REDIRECT).await?;
    page.browser.wait_for("#confirm").await?;
    let popup = page.browser.window().await?;
    page.browser.goto(&bank).await?;
    page.browser.wait_for("#bank").await?;
    page.browser.switch_to_window(shop.clone()).await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.browser
        .wait_for("main [data-screen=verification]")
        .await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, ready A, fixation A, verification A")
        .await?;
    page.confirm(&page.invoices[0]).await?;
    page.wait_for_events("open A, ready A, fixation A, verification A, paid A")
        .await?;
    page.browser.switch_to_window(popup).await?;
    page.browser.wait_for("#bank").await?;
    page.browser.switch_to_window(shop).await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.browser.click("#done").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, ready A, fixation A, verification A, paid A, close A")
        .await?;
    page.close().await
}

/// After the return from the bank the popup is known again.
#[tokio::test]
async fn a_popup_that_returned_from_the_bank_is_closed() -> Result<()> {
    let page = open(&[]).await?;
    let shop = page.browser.window().await?;
    page.browser.click("#buy").await?;
    page.browser.switch_to_newest_window(2).await?;
    page.pay(VERIFIED_BY_REDIRECT).await?;
    page.browser.click("#cancel").await?;
    page.browser.wait_for("#error-banner").await?;
    page.browser.close_window().await?;
    page.browser.switch_to_window(shop).await?;
    page.wait_for_events(
        "open A, ready A, fixation A, verification A, declined A verification_abandoned, close A verification_abandoned",
    )
    .await?;
    page.assert("return !document.querySelector('dialog[open]')")
        .await?;
    page.close().await
}

/// A popup whose page never arrives: the dialog opens, and the popup is closed.
#[tokio::test]
async fn a_popup_that_stays_silent_is_replaced() -> Result<()> {
    let page = open(&[]).await?;
    // The popup's own page fails, the dialog's works.
    page.run("const open = window.open; window.open = (url, ...rest) => open.call(window, url.replace('/pay/', '/healthz?'), ...rest)")
        .await?;
    page.browser.click("#buy").await?;
    page.browser.wait_for("dialog[open] iframe").await?;
    page.wait_for_events("open A, ready A").await?;
    page.browser.switch_to_newest_window(1).await?;
    page.close().await
}

/// Nothing was in the popup yet: it is known that the buyer closed it.
#[tokio::test]
async fn an_empty_popup_is_closed_by_the_buyer() -> Result<()> {
    let page = open(&[]).await?;
    let shop = page.browser.window().await?;
    page.run("listen(Till().open(new Promise(() => {})))")
        .await?;
    page.browser.switch_to_newest_window(2).await?;
    page.browser.close_window().await?;
    page.browser.switch_to_window(shop).await?;
    page.wait_for_events("open, close").await?;
    page.close().await
}
