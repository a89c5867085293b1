//! Banks that forbid frames, the hosted page, blocked popups, and closing.

use anyhow::{Result, ensure};
use till_tests::browser::Screen;
use till_tests::browser::buyer::{Buyer, Mode};
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS, VERIFIED, VERIFIED_BY_REDIRECT};

#[tokio::test]
async fn a_bank_that_forbids_frames_opens_in_a_window() -> Result<()> {
    let buyer = Buyer::start("second-window", Screen::Desk).await?;
    buyer.open(Mode::Frame).await?;
    buyer.fill_in(VERIFIED_BY_REDIRECT).await?;
    let shop = buyer.browser.window().await?;
    buyer.browser.click("#pay").await?;
    buyer.wait_for_screen("verification").await?;
    buyer.screenshot("verification").await?;
    buyer.browser.switch_to_newest_window(2).await?;
    buyer.browser.click("#confirm").await?;
    // The window closes after the confirmation.
    buyer.browser.switch_to_newest_window(1).await?;
    buyer.browser.switch_to_window(shop).await?;
    buyer.return_to_widget(Mode::Frame).await?;
    buyer.wait_for_screen("paid").await?;
    buyer.wait_for_order("paid").await?;
    buyer.assert_ledger(&[("succeeded", 1999)]).await?;
    buyer.close().await
}

#[tokio::test]
async fn a_blocked_window_is_opened_by_a_click() -> Result<()> {
    let buyer = Buyer::start("blocked", Screen::Desk).await?;
    buyer.open(Mode::Frame).await?;
    buyer.fill_in(VERIFIED_BY_REDIRECT).await?;
    buyer
        .browser
        .run("window.really = window.open; window.open = () => null")
        .await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.wait_for("#this-tab").await?;
    buyer.screenshot("verification").await?;
    buyer.browser.run("window.open = window.really").await?;
    let shop = buyer.browser.window().await?;
    buyer.browser.click("#open-window").await?;
    buyer.browser.switch_to_newest_window(2).await?;
    buyer.browser.click("#confirm").await?;
    buyer.browser.switch_to_newest_window(1).await?;
    buyer.browser.switch_to_window(shop).await?;
    buyer.return_to_widget(Mode::Frame).await?;
    buyer.wait_for_screen("paid").await?;
    buyer.close().await
}

#[tokio::test]
async fn a_bank_that_forbids_frames_can_open_in_the_tab() -> Result<()> {
    let buyer = Buyer::start("tab", Screen::Phone).await?;
    buyer.open(Mode::Frame).await?;
    buyer.fill_in(VERIFIED_BY_REDIRECT).await?;
    buyer.browser.run("window.open = () => null").await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.click("#this-tab").await?;
    buyer.browser.leave_frames().await?;
    buyer.browser.click("#confirm").await?;
    buyer.browser.wait_for("#thanks[data-status=paid]").await?;
    buyer.close().await
}

#[tokio::test]
async fn a_popup_redirects_to_the_bank_and_back() -> Result<()> {
    let buyer = Buyer::start("popup-redirect", Screen::Desk).await?;
    buyer.open(Mode::Popup).await?;
    buyer.fill_in(VERIFIED_BY_REDIRECT).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.click("#cancel").await?;
    // The widget shows the error, and the buyer pays again.
    let banner = buyer
        .browser
        .wait_for("#error-banner")
        .await?
        .text()
        .await?;
    ensure!(banner.contains("not completed"), "{banner}");
    buyer.fill_card(VERIFIED_BY_REDIRECT).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.click("#confirm").await?;
    buyer.wait_for_screen("paid").await?;
    buyer.wait_for_order("paid").await?;
    buyer.finish(Mode::Popup).await?;
    buyer
        .assert_ledger(&[("declined", 0), ("succeeded", 1999)])
        .await?;
    buyer.close().await
}

#[tokio::test]
async fn the_hosted_page_returns_the_buyer() -> Result<()> {
    let buyer = Buyer::start("hosted", Screen::Desk).await?;
    buyer.browser.click("#buy-link").await?;
    buyer.fill_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.enter_frame("#verification-frame").await?;
    buyer.browser.click("#confirm").await?;
    buyer.browser.leave_frames().await?;
    buyer.wait_for_screen("paid").await?;
    buyer.browser.wait_for("#continue").await?;
    buyer.screenshot("paid").await?;
    // The page redirects after five seconds.
    buyer.browser.wait_for("#thanks[data-status=paid]").await?;
    buyer.screenshot("thanks").await?;
    buyer.close().await
}

#[tokio::test]
async fn the_hosted_page_redirects_to_a_bank_that_forbids_frames() -> Result<()> {
    let buyer = Buyer::start("hosted-redirect", Screen::Phone).await?;
    buyer.browser.click("#buy-link").await?;
    buyer.fill_in(VERIFIED_BY_REDIRECT).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.click("#confirm").await?;
    buyer.browser.wait_for("#thanks[data-status=paid]").await?;
    buyer.close().await
}

#[tokio::test]
async fn a_blocked_popup_opens_the_overlay() -> Result<()> {
    let buyer = Buyer::start("no-popup", Screen::Desk).await?;
    buyer.browser.run("window.open = () => null").await?;
    buyer.browser.click("#buy-popup").await?;
    buyer.browser.enter_frame("dialog iframe").await?;
    buyer.fill_in(APPROVED).await?;
    buyer.browser.click("#pay").await?;
    buyer.wait_for_screen("paid").await?;
    buyer.browser.click("#done").await?;
    buyer.browser.leave_frames().await?;
    let events = buyer.events().await?;
    ensure!(
        events == "open → popup_blocked → ready → fixation → paid → close",
        "{events}"
    );
    buyer.close().await
}

#[tokio::test]
async fn escape_closes_the_form() -> Result<()> {
    let buyer = Buyer::start("escape", Screen::Desk).await?;
    buyer.open(Mode::Frame).await?;
    buyer.fill_in(INSUFFICIENT_FUNDS).await?;
    buyer.browser.type_into("#holder", "\u{e00c}").await?;
    buyer.browser.leave_frames().await?;
    let events = buyer.events().await?;
    ensure!(events == "open → ready → close", "{events}");
    let left =
        "return [document.querySelector('dialog[open]'), document.documentElement.style.overflow,
        document.activeElement.id]";
    let left = buyer.browser.run(left).await?;
    ensure!(
        left == serde_json::json!([null, "", "buy-iframe"]),
        "{left}"
    );
    buyer.assert_ledger(&[]).await?;
    buyer.close().await
}

#[tokio::test]
async fn closing_the_popup_is_reported_and_the_payment_continues() -> Result<()> {
    let buyer = Buyer::start("by-hand", Screen::Desk).await?;
    let shop = buyer.browser.window().await?;
    buyer.open(Mode::Popup).await?;
    buyer.fill_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.wait_for_screen("verification").await?;
    buyer.browser.close_window().await?;
    buyer.browser.switch_to_window(shop).await?;
    buyer.browser.wait_for("#status[data-event=close]").await?;
    let events = buyer.events().await?;
    ensure!(
        events == "open → ready → fixation → verification → close",
        "{events}"
    );
    buyer.assert_ledger(&[("requires_verification", 0)]).await?;
    buyer.close().await
}
