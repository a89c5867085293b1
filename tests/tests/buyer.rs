//! What a buyer does, in a real browser, in the demo shop.

use anyhow::{Context, Result, ensure};
use till_tests::browser::{Browser, Screen};
use till_tests::demo::Demo;
use till_tests::world::until;

const APPROVED: &str = "4242424242424242";
const VERIFIED: &str = "4000000000003220";
const DECLINED: &str = "4000000000009995";

/// A shop and a browser that has it open.
struct Buyer {
    demo: Demo,
    browser: Browser,
    /// The prefix of this buyer's screenshots.
    name: &'static str,
}

impl Buyer {
    async fn comes(name: &'static str, screen: Screen) -> Result<Self> {
        let demo = Demo::start().await?;
        let browser = Browser::start(screen).await?;
        browser.goto(&demo.url).await?;
        Ok(Self {
            demo,
            browser,
            name,
        })
    }

    async fn keep(&self, state: &str) -> Result<()> {
        self.browser.keep(&format!("{}-{state}", self.name)).await
    }

    /// Presses Buy and gets into the frame of the widget.
    async fn opens_the_frame(&self) -> Result<()> {
        self.browser.click("#buy-iframe").await?;
        self.browser.enter("dialog iframe").await
    }

    /// Presses Buy and gets into the popup.
    async fn opens_the_popup(&self) -> Result<()> {
        self.browser.click("#buy-popup").await?;
        self.browser.newest_window(2).await
    }

    async fn fills_in(&self, number: &str) -> Result<()> {
        self.browser
            .type_into("#buyer-email", "buyer@shop.example")
            .await?;
        self.types_card(number).await
    }

    async fn types_card(&self, number: &str) -> Result<()> {
        self.browser.type_into("#number", number).await?;
        self.browser.type_into("#expiry", "1239").await?;
        self.browser.type_into("#cvc", "123").await
    }

    async fn sees(&self, screen: &str) -> Result<()> {
        self.browser.see(&format!("[data-screen={screen}]")).await?;
        Ok(())
    }

    /// Waits until the shop has heard of it by a signed callback.
    async fn shop_shows(&self, status: &str) -> Result<()> {
        until(status, async || {
            let orders = self.demo.orders().await?;
            Ok(orders.first().is_some_and(|o| o["status"] == status))
        })
        .await
    }

    async fn ledger_is(&self, expected: &[(&str, i64)]) -> Result<()> {
        let ledger = self.demo.ledger().await?;
        let same = ledger
            .iter()
            .map(|(s, n)| (s.as_str(), *n))
            .eq(expected.iter().copied());
        ensure!(same, "{ledger:?}");
        Ok(())
    }

    async fn said(&self) -> Result<String> {
        let status = self.browser.see("#status").await?;
        Ok(status.text().await?)
    }

    async fn leaves(self) -> Result<()> {
        self.browser.close().await
    }
}

/// How a widget is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Frame,
    Popup,
}

impl Buyer {
    async fn opens(&self, way: Way) -> Result<()> {
        match way {
            Way::Frame => self.opens_the_frame().await,
            Way::Popup => self.opens_the_popup().await,
        }
    }

    /// From the bank's frame back into the widget.
    async fn back_in_the_widget(&self, way: Way) -> Result<()> {
        self.browser.leave_frames().await?;
        match way {
            Way::Frame => self.browser.enter("dialog iframe").await,
            Way::Popup => Ok(()),
        }
    }

    async fn presses_done(&self, way: Way) -> Result<()> {
        self.browser.click("#done").await?;
        match way {
            Way::Frame => self.browser.leave_frames().await,
            Way::Popup => self.browser.newest_window(1).await,
        }
    }
}

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
        .run("return document.querySelectorAll('dialog').length")
        .await?;
    ensure!(dialogs == 0, "the overlay is still there");
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
    ensure!(banner.contains("not enough money"), "{banner}");
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

/// The bank's own Cancel, then the widget's, then a close in the middle.
async fn abandoned_verification(way: Way, name: &'static str, screen: Screen) -> Result<()> {
    let buyer = Buyer::comes(name, screen).await?;
    buyer.opens(way).await?;
    buyer.fills_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.enter("#verification-frame").await?;
    buyer.browser.click("#cancel").await?;
    buyer.back_in_the_widget(way).await?;
    let banner = buyer.browser.see("#error-banner").await?.text().await?;
    ensure!(banner.contains("verification was not finished"), "{banner}");

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
    // Faster than any hand: the clicks and the Enter come in one go.
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

/// The frame is reloaded while the bank's page shows; the popup after it.
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
