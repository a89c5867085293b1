//! A buyer in the demo shop.

use crate::browser::{Browser, Screen};
use crate::demo::Demo;
use crate::wait::until;
use anyhow::{Result, ensure};

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
    pub async fn start(name: &'static str, screen: Screen) -> Result<Self> {
        Self::start_with(name, screen, &[]).await
    }

    /// Opens the shop in a browser with additional switches.
    pub async fn start_with(name: &'static str, screen: Screen, switches: &[&str]) -> Result<Self> {
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
    pub async fn screenshot(&self, state: &str) -> Result<()> {
        self.browser
            .screenshot(&format!("{}-{state}", self.name))
            .await
    }

    /// Clicks Buy and enters the widget's frame.
    pub async fn open_frame(&self) -> Result<()> {
        self.browser.click("#buy-iframe").await?;
        self.browser.enter_frame("dialog[open] iframe").await
    }

    /// Clicks Buy and switches to the popup.
    pub async fn open_popup(&self) -> Result<()> {
        self.browser.click("#buy-popup").await?;
        self.browser.switch_to_newest_window(2).await
    }

    /// Fills in the email address and the card.
    pub async fn fill_in(&self, number: &str) -> Result<()> {
        self.browser
            .type_into("#buyer-email", "buyer@shop.example")
            .await?;
        self.fill_card(number).await
    }

    /// Fills in the card.
    pub async fn fill_card(&self, number: &str) -> Result<()> {
        self.browser.type_into("#number", number).await?;
        self.browser.type_into("#expiry", "1239").await?;
        self.browser.type_into("#cvc", "123").await
    }

    /// Waits for a screen of the widget.
    pub async fn wait_for_screen(&self, screen: &str) -> Result<()> {
        self.browser
            .wait_for(&format!("[data-screen={screen}]"))
            .await?;
        Ok(())
    }

    /// Waits until the shop's newest order has a status.
    pub async fn wait_for_order(&self, status: &str) -> Result<()> {
        until(status, async || {
            let orders = self.demo.orders().await?;
            Ok(orders.first().is_some_and(|o| o["status"] == status))
        })
        .await
    }

    /// Checks the sandbox's ledger: the status and the net amount of each payment.
    pub async fn assert_ledger(&self, expected: &[(&str, i64)]) -> Result<()> {
        let ledger = self.demo.ledger().await?;
        let same = ledger
            .iter()
            .map(|(s, n)| (s.as_str(), *n))
            .eq(expected.iter().copied());
        ensure!(same, "{ledger:?}");
        Ok(())
    }

    /// Returns the widget's events, as the shop's page shows them.
    pub async fn events(&self) -> Result<String> {
        let status = self.browser.wait_for("#status").await?;
        Ok(status.text().await?)
    }

    /// Closes the browser.
    pub async fn close(self) -> Result<()> {
        self.browser.close().await
    }
}

/// The mode of the widget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In a frame over the shop's page.
    Frame,
    /// In a popup window.
    Popup,
}

impl Buyer {
    /// Clicks Buy and enters the widget.
    pub async fn open(&self, mode: Mode) -> Result<()> {
        match mode {
            Mode::Frame => self.open_frame().await,
            Mode::Popup => self.open_popup().await,
        }
    }

    /// Returns from the bank's frame to the widget.
    pub async fn return_to_widget(&self, mode: Mode) -> Result<()> {
        self.browser.leave_frames().await?;
        match mode {
            Mode::Frame => self.browser.enter_frame("dialog[open] iframe").await,
            Mode::Popup => Ok(()),
        }
    }

    /// Clicks Done and returns to the shop.
    pub async fn finish(&self, mode: Mode) -> Result<()> {
        self.browser.click("#done").await?;
        match mode {
            Mode::Frame => self.browser.leave_frames().await,
            Mode::Popup => self.browser.switch_to_newest_window(1).await,
        }
    }
}
