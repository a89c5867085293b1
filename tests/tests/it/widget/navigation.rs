//! Banks that forbid frames, the hosted page, blocked popups, and closing.

use anyhow::{Result, ensure};
use till_tests::browser::Screen;
use till_tests::browser::buyer::{APPROVED, Buyer, DECLINED, NO_FRAMES, VERIFIED, Way};

#[tokio::test]
async fn a_bank_that_forbids_frames_opens_in_a_window() -> Result<()> {
    let buyer = Buyer::comes("beside", Screen::Desk).await?;
    buyer.opens(Way::Frame).await?;
    buyer.fills_in(NO_FRAMES).await?;
    let shop = buyer.browser.window().await?;
    buyer.browser.click("#pay").await?;
    buyer.sees("verification").await?;
    buyer.keep("verification").await?;
    buyer.browser.newest_window(2).await?;
    buyer.browser.click("#confirm").await?;
    // The window closes after the confirmation.
    buyer.browser.newest_window(1).await?;
    buyer.browser.switch_to_window(shop).await?;
    buyer.back_in_the_widget(Way::Frame).await?;
    buyer.sees("paid").await?;
    buyer.shop_shows("paid").await?;
    buyer.ledger_is(&[("succeeded", 1999)]).await?;
    buyer.leaves().await
}

#[tokio::test]
async fn a_blocked_window_is_opened_by_a_click() -> Result<()> {
    let buyer = Buyer::comes("blocked", Screen::Desk).await?;
    buyer.opens(Way::Frame).await?;
    buyer.fills_in(NO_FRAMES).await?;
    buyer
        .browser
        .run("window.really = window.open; window.open = () => null")
        .await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.see("#this-tab").await?;
    buyer.keep("verification").await?;
    buyer.browser.run("window.open = window.really").await?;
    let shop = buyer.browser.window().await?;
    buyer.browser.click("#open-window").await?;
    buyer.browser.newest_window(2).await?;
    buyer.browser.click("#confirm").await?;
    buyer.browser.newest_window(1).await?;
    buyer.browser.switch_to_window(shop).await?;
    buyer.back_in_the_widget(Way::Frame).await?;
    buyer.sees("paid").await?;
    buyer.leaves().await
}

#[tokio::test]
async fn a_bank_that_forbids_frames_can_open_in_the_tab() -> Result<()> {
    let buyer = Buyer::comes("tab", Screen::Phone).await?;
    buyer.opens(Way::Frame).await?;
    buyer.fills_in(NO_FRAMES).await?;
    buyer.browser.run("window.open = () => null").await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.click("#this-tab").await?;
    buyer.browser.leave_frames().await?;
    buyer.browser.click("#confirm").await?;
    buyer.browser.see("#thanks[data-status=paid]").await?;
    buyer.leaves().await
}

#[tokio::test]
async fn a_popup_redirects_to_the_bank_and_back() -> Result<()> {
    let buyer = Buyer::comes("popup-redirect", Screen::Desk).await?;
    buyer.opens(Way::Popup).await?;
    buyer.fills_in(NO_FRAMES).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.click("#cancel").await?;
    // The widget shows the error, and the buyer pays again.
    let banner = buyer.browser.see("#error-banner").await?.text().await?;
    ensure!(banner.contains("not finished"), "{banner}");
    buyer.types_card(NO_FRAMES).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.click("#confirm").await?;
    buyer.sees("paid").await?;
    buyer.shop_shows("paid").await?;
    buyer.presses_done(Way::Popup).await?;
    buyer
        .ledger_is(&[("declined", 0), ("succeeded", 1999)])
        .await?;
    buyer.leaves().await
}

#[tokio::test]
async fn the_hosted_page_returns_the_buyer() -> Result<()> {
    let buyer = Buyer::comes("hosted", Screen::Desk).await?;
    buyer.browser.click("#buy-link").await?;
    buyer.fills_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.enter("#verification-frame").await?;
    buyer.browser.click("#confirm").await?;
    buyer.browser.leave_frames().await?;
    buyer.sees("paid").await?;
    buyer.browser.see("#continue").await?;
    buyer.keep("paid").await?;
    // The page redirects after five seconds.
    buyer.browser.see("#thanks[data-status=paid]").await?;
    buyer.keep("thanks").await?;
    buyer.leaves().await
}

#[tokio::test]
async fn the_hosted_page_redirects_to_a_bank_that_forbids_frames() -> Result<()> {
    let buyer = Buyer::comes("hosted-redirect", Screen::Phone).await?;
    buyer.browser.click("#buy-link").await?;
    buyer.fills_in(NO_FRAMES).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.click("#confirm").await?;
    buyer.browser.see("#thanks[data-status=paid]").await?;
    buyer.leaves().await
}

#[tokio::test]
async fn a_blocked_popup_opens_the_overlay() -> Result<()> {
    let buyer = Buyer::comes("no-popup", Screen::Desk).await?;
    buyer.browser.run("window.open = () => null").await?;
    buyer.browser.click("#buy-popup").await?;
    buyer.browser.enter("dialog iframe").await?;
    buyer.fills_in(APPROVED).await?;
    buyer.browser.click("#pay").await?;
    buyer.sees("paid").await?;
    buyer.browser.click("#done").await?;
    buyer.browser.leave_frames().await?;
    let said = buyer.said().await?;
    ensure!(
        said == "open → popup_blocked → ready → fixation → paid → close",
        "{said}"
    );
    buyer.leaves().await
}

#[tokio::test]
async fn escape_closes_the_form() -> Result<()> {
    let buyer = Buyer::comes("escape", Screen::Desk).await?;
    buyer.opens(Way::Frame).await?;
    buyer.fills_in(DECLINED).await?;
    buyer.browser.type_into("#holder", "\u{e00c}").await?;
    buyer.browser.leave_frames().await?;
    let said = buyer.said().await?;
    ensure!(said == "open → ready → close", "{said}");
    let left =
        "return [document.querySelector('dialog[open]'), document.documentElement.style.overflow,
        document.activeElement.id]";
    let left = buyer.browser.run(left).await?;
    ensure!(
        left == serde_json::json!([null, "", "buy-iframe"]),
        "{left}"
    );
    buyer.ledger_is(&[]).await?;
    buyer.leaves().await
}

#[tokio::test]
async fn closing_the_popup_is_reported_and_the_payment_continues() -> Result<()> {
    let buyer = Buyer::comes("by-hand", Screen::Desk).await?;
    let shop = buyer.browser.window().await?;
    buyer.opens(Way::Popup).await?;
    buyer.fills_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.sees("verification").await?;
    buyer.browser.close_window().await?;
    buyer.browser.switch_to_window(shop).await?;
    buyer.browser.see("#status[data-event=close]").await?;
    let said = buyer.said().await?;
    ensure!(
        said == "open → ready → fixation → verification → close",
        "{said}"
    );
    buyer.ledger_is(&[("requires_verification", 0)]).await?;
    buyer.leaves().await
}
