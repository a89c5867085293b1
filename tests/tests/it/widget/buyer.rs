//! Payments in the demo shop.

use anyhow::{Context, Result, ensure};
use till_tests::browser::Screen;
use till_tests::browser::buyer::{APPROVED, Buyer, DECLINED, VERIFIED, Way};

async fn approved(way: Way, name: &'static str, screen: Screen) -> Result<()> {
    let buyer = Buyer::comes(name, screen).await?;
    buyer.opens(way).await?;
    buyer.sees("form").await?;
    buyer.keep("form").await?;
    buyer.fills_in(APPROVED).await?;
    buyer.keep("form-filled").await?;
    let label = buyer.browser.see("#pay").await?.text().await?;
    ensure!(label == "Pay €19.99", "{label}");
    buyer.browser.click("#pay").await?;
    buyer.sees("paid").await?;
    buyer.keep("paid").await?;
    buyer.shop_shows("paid").await?;
    buyer.presses_done(way).await?;
    let said = buyer.said().await?;
    ensure!(said == "open → ready → fixation → paid → close", "{said}");
    let dialogs = buyer
        .browser
        .run("return document.querySelectorAll('dialog[open]').length")
        .await?;
    ensure!(dialogs == 0, "the overlay is still open");
    buyer.keep("shop-paid").await?;
    buyer.ledger_is(&[("succeeded", 1999)]).await?;
    buyer.leaves().await
}

#[tokio::test]
async fn approved_in_the_frame() -> Result<()> {
    approved(Way::Frame, "frame-1280", Screen::Desk).await
}

#[tokio::test]
async fn approved_in_the_frame_on_a_phone() -> Result<()> {
    approved(Way::Frame, "frame-360", Screen::Phone).await
}

#[tokio::test]
async fn approved_in_the_popup() -> Result<()> {
    approved(Way::Popup, "popup-1280", Screen::Desk).await
}

async fn verified(way: Way, name: &'static str, screen: Screen) -> Result<()> {
    let buyer = Buyer::comes(name, screen).await?;
    buyer.opens(way).await?;
    buyer.fills_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.sees("verification").await?;
    buyer.browser.enter("#verification-frame").await?;
    buyer.browser.see("#confirm").await?;
    buyer.keep("verification").await?;
    buyer.browser.click("#confirm").await?;
    buyer.back_in_the_widget(way).await?;
    buyer.sees("paid").await?;
    buyer.shop_shows("paid").await?;
    buyer.presses_done(way).await?;
    let said = buyer.said().await?;
    ensure!(
        said == "open → ready → fixation → verification → paid → close",
        "{said}"
    );
    buyer.ledger_is(&[("succeeded", 1999)]).await?;
    buyer.leaves().await
}

#[tokio::test]
async fn verified_in_the_frame() -> Result<()> {
    verified(Way::Frame, "frame-1280", Screen::Desk).await
}

#[tokio::test]
async fn verified_in_the_frame_on_a_phone() -> Result<()> {
    verified(Way::Frame, "frame-360", Screen::Phone).await
}

#[tokio::test]
async fn verified_in_the_popup() -> Result<()> {
    verified(Way::Popup, "popup-1280", Screen::Desk).await
}

async fn declined_then_paid(way: Way, name: &'static str, screen: Screen) -> Result<()> {
    let buyer = Buyer::comes(name, screen).await?;
    buyer.opens(way).await?;
    buyer.fills_in(DECLINED).await?;
    buyer.browser.type_into("#holder", "A. Buyer").await?;
    buyer.browser.click("#pay").await?;
    let banner = buyer.browser.see("#error-banner").await?.text().await?;
    ensure!(banner.contains("insufficient funds"), "{banner}");
    buyer.keep("declined").await?;

    for (css, kept) in [
        ("#number", "4000 0000 0000 9995"),
        ("#expiry", "12 / 39"),
        ("#holder", "A. Buyer"),
        ("#buyer-email", "buyer@shop.example"),
        ("#cvc", ""),
    ] {
        let field = buyer.browser.see(css).await?;
        let value = field.prop("value").await?.context("no value")?;
        ensure!(value == kept, "{css}: {value}");
    }
    let number = buyer.browser.see("#number").await?;
    number.clear().await?;
    number.send_keys(APPROVED).await?;
    buyer.browser.type_into("#cvc", "123").await?;
    buyer.browser.click("#pay").await?;
    buyer.sees("paid").await?;
    buyer.shop_shows("paid").await?;
    buyer.presses_done(way).await?;
    let said = buyer.said().await?;
    let expected =
        "open → ready → fixation → declined (insufficient_funds) → fixation → paid → close";
    ensure!(said == expected, "{said}");
    buyer
        .ledger_is(&[("declined", 0), ("succeeded", 1999)])
        .await?;
    buyer.leaves().await
}

#[tokio::test]
async fn declined_then_paid_in_the_frame() -> Result<()> {
    declined_then_paid(Way::Frame, "frame-1280", Screen::Desk).await
}

#[tokio::test]
async fn declined_then_paid_in_the_popup() -> Result<()> {
    declined_then_paid(Way::Popup, "popup-1280", Screen::Desk).await
}

/// Cancel at the bank, cancel in the widget, and an attempt to close the widget.
async fn abandoned_verification(way: Way, name: &'static str, screen: Screen) -> Result<()> {
    let buyer = Buyer::comes(name, screen).await?;
    buyer.opens(way).await?;
    buyer.fills_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.enter("#verification-frame").await?;
    buyer.browser.click("#cancel").await?;
    buyer.back_in_the_widget(way).await?;
    let banner = buyer.browser.see("#error-banner").await?.text().await?;
    ensure!(
        banner.contains("verification was not completed"),
        "{banner}"
    );

    buyer.browser.type_into("#cvc", "123").await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.click("#give-up").await?;
    let banner = buyer.browser.see("#error-banner").await?.text().await?;
    ensure!(banner.contains("canceled"), "{banner}");

    buyer.browser.type_into("#cvc", "123").await?;
    buyer.browser.click("#pay").await?;
    buyer.sees("verification").await?;
    buyer.browser.click("#close").await?;
    buyer.sees("confirm-close").await?;
    buyer.keep("confirm-close").await?;
    buyer.browser.click("#stay").await?;
    buyer.browser.enter("#verification-frame").await?;
    buyer.browser.click("#confirm").await?;
    buyer.back_in_the_widget(way).await?;
    buyer.sees("paid").await?;
    buyer.shop_shows("paid").await?;
    buyer
        .ledger_is(&[("declined", 0), ("canceled", 0), ("succeeded", 1999)])
        .await?;
    buyer.leaves().await
}

#[tokio::test]
async fn abandoned_verification_in_the_frame() -> Result<()> {
    abandoned_verification(Way::Frame, "frame-1280", Screen::Desk).await
}

#[tokio::test]
async fn abandoned_verification_in_the_popup_on_a_phone() -> Result<()> {
    abandoned_verification(Way::Popup, "popup-360", Screen::Phone).await
}

async fn double_click(way: Way, name: &'static str) -> Result<()> {
    let buyer = Buyer::comes(name, Screen::Desk).await?;
    buyer.opens(way).await?;
    buyer.fills_in(APPROVED).await?;
    // The clicks and the Enter key come in one task.
    let many = "const pay = document.querySelector('#pay');
        for (let i = 0; i < 5; i++) pay.click();
        document.querySelector('form').requestSubmit();";
    buyer.browser.run(many).await?;
    buyer.sees("paid").await?;
    buyer.shop_shows("paid").await?;
    buyer.ledger_is(&[("succeeded", 1999)]).await?;
    buyer.leaves().await
}

#[tokio::test]
async fn double_click_on_pay_in_the_frame() -> Result<()> {
    double_click(Way::Frame, "frame-1280").await
}

#[tokio::test]
async fn double_click_on_pay_in_the_popup() -> Result<()> {
    double_click(Way::Popup, "popup-1280").await
}

/// Reloads during the verification and after the payment.
async fn reload_in_the_middle(way: Way, name: &'static str) -> Result<()> {
    let buyer = Buyer::comes(name, Screen::Desk).await?;
    buyer.opens(way).await?;
    buyer.fills_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.sees("verification").await?;
    buyer.browser.run("location.reload()").await?;
    buyer.back_in_the_widget(way).await?;
    buyer.sees("verification").await?;
    buyer.browser.enter("#verification-frame").await?;
    buyer.browser.click("#confirm").await?;
    buyer.back_in_the_widget(way).await?;
    buyer.sees("paid").await?;
    buyer.browser.run("location.reload()").await?;
    buyer.back_in_the_widget(way).await?;
    buyer.sees("paid").await?;
    buyer.shop_shows("paid").await?;
    buyer.ledger_is(&[("succeeded", 1999)]).await?;
    buyer.leaves().await
}

#[tokio::test]
async fn reload_in_the_middle_in_the_frame() -> Result<()> {
    reload_in_the_middle(Way::Frame, "frame-1280").await
}

#[tokio::test]
async fn reload_in_the_middle_in_the_popup() -> Result<()> {
    reload_in_the_middle(Way::Popup, "popup-1280").await
}
