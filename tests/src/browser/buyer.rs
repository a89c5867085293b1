//! A buyer in the demo shop.

use crate::browser::{Browser, Screen};
use crate::demo::Demo;
use crate::wait::until;
use anyhow::{Result, ensure};

/// Approved at once.
pub const APPROVED: &str = "4242424242424242";
/// Approved after verification, in a frame.
pub const VERIFIED: &str = "4000000000003220";
/// Approved after verification, on a page that refuses frames.
pub const NO_FRAMES: &str = "4000000000003063";
/// Declined: insufficient funds.
pub const DECLINED: &str = "4000000000009995";

/// A browser that shows the demo shop.
pub struct Buyer {
    /// The demo.
    pub demo: Demo,
    /// The browser.
    pub browser: Browser,
    /// The prefix of the screenshots.
    name: &'static str,
}

impl Buyer {
    /// Opens the shop.
    pub async fn comes(name: &'static str, screen: Screen) -> Result<Self> {
        Self::comes_with(name, screen, &[]).await
    }

    /// Opens the shop in a browser with additional switches.
    pub async fn comes_with(name: &'static str, screen: Screen, switches: &[&str]) -> Result<Self> {
        let demo = Demo::start().await?;
        let browser = Browser::with(screen, switches).await?;
        browser.goto(&demo.url).await?;
        Ok(Self {
            demo,
            browser,
            name,
        })
    }

    /// Takes a screenshot.
    pub async fn keep(&self, state: &str) -> Result<()> {
        self.browser.keep(&format!("{}-{state}", self.name)).await
    }

    /// Clicks Buy and enters the widget's frame.
    pub async fn opens_the_frame(&self) -> Result<()> {
        self.browser.click("#buy-iframe").await?;
        self.browser.enter("dialog[open] iframe").await
    }

    /// Clicks Buy and switches to the popup.
    pub async fn opens_the_popup(&self) -> Result<()> {
        self.browser.click("#buy-popup").await?;
        self.browser.newest_window(2).await
    }

    /// Fills in the email address and the card.
    pub async fn fills_in(&self, number: &str) -> Result<()> {
        self.browser
            .type_into("#buyer-email", "buyer@shop.example")
            .await?;
        self.types_card(number).await
    }

    /// Fills in the card.
    pub async fn types_card(&self, number: &str) -> Result<()> {
        self.browser.type_into("#number", number).await?;
        self.browser.type_into("#expiry", "1239").await?;
        self.browser.type_into("#cvc", "123").await
    }

    /// Waits for a screen of the widget.
    pub async fn sees(&self, screen: &str) -> Result<()> {
        self.browser.see(&format!("[data-screen={screen}]")).await?;
        Ok(())
    }

    /// Waits until the shop's newest order has a status.
    pub async fn shop_shows(&self, status: &str) -> Result<()> {
        until(status, async || {
            let orders = self.demo.orders().await?;
            Ok(orders.first().is_some_and(|o| o["status"] == status))
        })
        .await
    }

    /// Checks the sandbox's ledger: the status and the net amount of each payment.
    pub async fn ledger_is(&self, expected: &[(&str, i64)]) -> Result<()> {
        let ledger = self.demo.ledger().await?;
        let same = ledger
            .iter()
            .map(|(s, n)| (s.as_str(), *n))
            .eq(expected.iter().copied());
        ensure!(same, "{ledger:?}");
        Ok(())
    }

    /// Returns the widget's events, as the shop's page shows them.
    pub async fn said(&self) -> Result<String> {
        let status = self.browser.see("#status").await?;
        Ok(status.text().await?)
    }

    /// Closes the browser.
    pub async fn leaves(self) -> Result<()> {
        self.browser.close().await
    }
}

/// The mode of the widget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In a frame over the shop's page.
    Frame,
    /// In a popup window.
    Popup,
}

impl Buyer {
    /// Clicks Buy and enters the widget.
    pub async fn opens(&self, way: Way) -> Result<()> {
        match way {
            Way::Frame => self.opens_the_frame().await,
            Way::Popup => self.opens_the_popup().await,
        }
    }

    /// Returns from the bank's frame to the widget.
    pub async fn back_in_the_widget(&self, way: Way) -> Result<()> {
        self.browser.leave_frames().await?;
        match way {
            Way::Frame => self.browser.enter("dialog[open] iframe").await,
            Way::Popup => Ok(()),
        }
    }

    /// Clicks Done and returns to the shop.
    pub async fn presses_done(&self, way: Way) -> Result<()> {
        self.browser.click("#done").await?;
        match way {
            Way::Frame => self.browser.leave_frames().await,
            Way::Popup => self.browser.newest_window(1).await,
        }
    }
}
