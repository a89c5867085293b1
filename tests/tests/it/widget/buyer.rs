//! Payments in the demo shop.

use anyhow::{Context, Result, ensure};
use till_tests::browser::Screen;
use till_tests::browser::buyer::{Buyer, Mode};
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS, VERIFIED};

async fn approved(mode: Mode, name: &'static str, screen: Screen) -> Result<()> {
    let buyer = Buyer::start(name, screen).await?;
    buyer.open(mode).await?;
    buyer.wait_for_screen("form").await?;
    buyer.screenshot("form").await?;
    buyer.fill_in(APPROVED).await?;
    buyer.screenshot("form-filled").await?;
    let label = buyer.browser.wait_for("#pay").await?.text().await?;
    ensure!(label == "Pay €19.99", "{label}");
    buyer.browser.click("#pay").await?;
    buyer.wait_for_screen("paid").await?;
    buyer.screenshot("paid").await?;
    buyer.wait_for_order("paid").await?;
    buyer.finish(mode).await?;
    let events = buyer.events().await?;
    ensure!(
        events == "open → ready → fixation → paid → close",
        "{events}"
    );
    let dialogs = buyer
        .browser
        .run("return document.querySelectorAll('dialog[open]').length")
        .await?;
    ensure!(dialogs == 0, "the overlay is still open");
    buyer.screenshot("shop-paid").await?;
    buyer.assert_ledger(&[("succeeded", 1999)]).await?;
    buyer.close().await
}

#[tokio::test]
async fn approved_in_the_frame() -> Result<()> {
    approved(Mode::Frame, "frame-1280", Screen::Desk).await
}

#[tokio::test]
async fn approved_in_the_frame_on_a_phone() -> Result<()> {
    approved(Mode::Frame, "frame-360", Screen::Phone).await
}

#[tokio::test]
async fn approved_in_the_popup() -> Result<()> {
    approved(Mode::Popup, "popup-1280", Screen::Desk).await
}

async fn verified(mode: Mode, name: &'static str, screen: Screen) -> Result<()> {
    let buyer = Buyer::start(name, screen).await?;
    buyer.open(mode).await?;
    buyer.fill_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.wait_for_screen("verification").await?;
    buyer.browser.enter_frame("#verification-frame").await?;
    buyer.browser.wait_for("#confirm").await?;
    // Banks check passkeys, which every page around has to permit.
    let permitted = "return document.featurePolicy.allowsFeature('publickey-credentials-get')";
    ensure!(buyer.browser.run(permitted).await? == true);
    buyer.screenshot("verification").await?;
    buyer.browser.click("#confirm").await?;
    buyer.return_to_widget(mode).await?;
    buyer.wait_for_screen("paid").await?;
    buyer.wait_for_order("paid").await?;
    buyer.finish(mode).await?;
    let events = buyer.events().await?;
    ensure!(
        events == "open → ready → fixation → verification → paid → close",
        "{events}"
    );
    buyer.assert_ledger(&[("succeeded", 1999)]).await?;
    buyer.close().await
}

#[tokio::test]
async fn verified_in_the_frame() -> Result<()> {
    verified(Mode::Frame, "frame-1280", Screen::Desk).await
}

#[tokio::test]
async fn verified_in_the_frame_on_a_phone() -> Result<()> {
    verified(Mode::Frame, "frame-360", Screen::Phone).await
}

#[tokio::test]
async fn verified_in_the_popup() -> Result<()> {
    verified(Mode::Popup, "popup-1280", Screen::Desk).await
}

async fn declined_then_paid(mode: Mode, name: &'static str, screen: Screen) -> Result<()> {
    let buyer = Buyer::start(name, screen).await?;
    buyer.open(mode).await?;
    buyer.fill_in(INSUFFICIENT_FUNDS).await?;
    buyer.browser.type_into("#holder", "A. Buyer").await?;
    buyer.browser.click("#pay").await?;
    let banner = buyer
        .browser
        .wait_for("#error-banner")
        .await?
        .text()
        .await?;
    ensure!(banner.contains("insufficient funds"), "{banner}");
    buyer.screenshot("declined").await?;

    for (css, kept) in [
        ("#number", "4000 0000 0000 9995"),
        ("#expiry", "12 / 39"),
        ("#holder", "A. Buyer"),
        ("#buyer-email", "buyer@shop.example"),
        ("#cvc", ""),
    ] {
        let field = buyer.browser.wait_for(css).await?;
        let value = field.prop("value").await?.context("no value")?;
        ensure!(value == kept, "{css}: {value}");
    }
    let number = buyer.browser.wait_for("#number").await?;
    number.clear().await?;
    number.send_keys(APPROVED).await?;
    buyer.browser.type_into("#cvc", "123").await?;
    buyer.browser.click("#pay").await?;
    buyer.wait_for_screen("paid").await?;
    buyer.wait_for_order("paid").await?;
    buyer.finish(mode).await?;
    let events = buyer.events().await?;
    let expected =
        "open → ready → fixation → declined (insufficient_funds) → fixation → paid → close";
    ensure!(events == expected, "{events}");
    buyer
        .assert_ledger(&[("declined", 0), ("succeeded", 1999)])
        .await?;
    buyer.close().await
}

#[tokio::test]
async fn declined_then_paid_in_the_frame() -> Result<()> {
    declined_then_paid(Mode::Frame, "frame-1280", Screen::Desk).await
}

#[tokio::test]
async fn declined_then_paid_in_the_popup() -> Result<()> {
    declined_then_paid(Mode::Popup, "popup-1280", Screen::Desk).await
}

/// Cancel at the bank, cancel in the widget, and an attempt to close the widget.
async fn abandoned_verification(mode: Mode, name: &'static str, screen: Screen) -> Result<()> {
    let buyer = Buyer::start(name, screen).await?;
    buyer.open(mode).await?;
    buyer.fill_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.enter_frame("#verification-frame").await?;
    buyer.browser.click("#cancel").await?;
    buyer.return_to_widget(mode).await?;
    let banner = buyer
        .browser
        .wait_for("#error-banner")
        .await?
        .text()
        .await?;
    ensure!(
        banner.contains("verification was not completed"),
        "{banner}"
    );

    buyer.browser.type_into("#cvc", "123").await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.click("#cancel-payment").await?;
    let banner = buyer
        .browser
        .wait_for("#error-banner")
        .await?
        .text()
        .await?;
    ensure!(banner.contains("canceled"), "{banner}");

    buyer.browser.type_into("#cvc", "123").await?;
    buyer.browser.click("#pay").await?;
    buyer.wait_for_screen("verification").await?;
    buyer.browser.click("#close").await?;
    buyer.wait_for_screen("confirm-close").await?;
    buyer.screenshot("confirm-close").await?;
    buyer.browser.click("#stay").await?;
    buyer.browser.enter_frame("#verification-frame").await?;
    buyer.browser.click("#confirm").await?;
    buyer.return_to_widget(mode).await?;
    buyer.wait_for_screen("paid").await?;
    buyer.wait_for_order("paid").await?;
    buyer
        .assert_ledger(&[("declined", 0), ("canceled", 0), ("succeeded", 1999)])
        .await?;
    buyer.close().await
}

#[tokio::test]
async fn abandoned_verification_in_the_frame() -> Result<()> {
    abandoned_verification(Mode::Frame, "frame-1280", Screen::Desk).await
}

#[tokio::test]
async fn abandoned_verification_in_the_popup_on_a_phone() -> Result<()> {
    abandoned_verification(Mode::Popup, "popup-360", Screen::Phone).await
}

async fn double_click(mode: Mode, name: &'static str) -> Result<()> {
    let buyer = Buyer::start(name, Screen::Desk).await?;
    buyer.open(mode).await?;
    buyer.fill_in(APPROVED).await?;
    // The clicks and the Enter key come in one task.
    let many = "const pay = document.querySelector('#pay');
        for (let i = 0; i < 5; i++) pay.click();
        document.querySelector('form').requestSubmit();";
    buyer.browser.run(many).await?;
    buyer.wait_for_screen("paid").await?;
    buyer.wait_for_order("paid").await?;
    buyer.assert_ledger(&[("succeeded", 1999)]).await?;
    buyer.close().await
}

#[tokio::test]
async fn double_click_on_pay_in_the_frame() -> Result<()> {
    double_click(Mode::Frame, "frame-1280").await
}

#[tokio::test]
async fn double_click_on_pay_in_the_popup() -> Result<()> {
    double_click(Mode::Popup, "popup-1280").await
}

/// Reloads during the verification and after the payment.
async fn reload_in_the_middle(mode: Mode, name: &'static str) -> Result<()> {
    let buyer = Buyer::start(name, Screen::Desk).await?;
    buyer.open(mode).await?;
    buyer.fill_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.wait_for_screen("verification").await?;
    buyer.browser.run("location.reload()").await?;
    buyer.return_to_widget(mode).await?;
    buyer.wait_for_screen("verification").await?;
    buyer.browser.enter_frame("#verification-frame").await?;
    buyer.browser.click("#confirm").await?;
    buyer.return_to_widget(mode).await?;
    buyer.wait_for_screen("paid").await?;
    buyer.browser.run("location.reload()").await?;
    buyer.return_to_widget(mode).await?;
    buyer.wait_for_screen("paid").await?;
    buyer.wait_for_order("paid").await?;
    buyer.assert_ledger(&[("succeeded", 1999)]).await?;
    buyer.close().await
}

#[tokio::test]
async fn reload_in_the_middle_in_the_frame() -> Result<()> {
    reload_in_the_middle(Mode::Frame, "frame-1280").await
}

#[tokio::test]
async fn reload_in_the_middle_in_the_popup() -> Result<()> {
    reload_in_the_middle(Mode::Popup, "popup-1280").await
}
