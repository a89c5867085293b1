//! The card is encrypted in the page.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::APPROVED;
use till_tests::client::Opened;
use till_tests::faults::relay::{Fault, Relay};

/// A browser, and the bodies of the payment fixations that reach the server.
struct Wire {
    app: TestApp,
    browser: Browser,
    relay: Relay,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    async fn start() -> Result<Self> {
        let relay = Relay::start().await?;
        let app = TestApp::set_up(Setup {
            server_relay: Some(&relay),
            ..Setup::default()
        })
        .await?;
        let sent = Arc::<Mutex<Vec<String>>>::default();
        let seen = sent.clone();
        relay.inject_by_body(move |method, path, body| {
            if method == Method::POST && path.ends_with("/payments") {
                let mut all = seen.lock().unwrap_or_else(PoisonError::into_inner);
                all.push(String::from_utf8_lossy(body).into_owned());
            }
            Fault::None
        });
        Ok(Self {
            app,
            browser: Browser::start(Screen::Desk).await?,
            relay,
            sent,
        })
    }

    /// Opens the payment page of a new invoice and enters a card.
    async fn open(&self, order: &str) -> Result<()> {
        let Opened { id, token } = self.app.api.invoice(order).await?;
        self.browser.goto("about:blank").await?;
        let page = format!("{}/pay/{id}#token={token}", self.relay.url);
        self.browser.goto(&page).await?;
        self.browser.wait_for("[data-screen=form]").await?;
        self.browser.type_into("#number", APPROVED).await?;
        self.browser.type_into("#expiry", "1239").await?;
        self.browser.type_into("#cvc", "123").await
    }

    /// Presses Pay, and returns the bodies that were sent until the payment succeeded.
    async fn pay(&self) -> Result<Vec<String>> {
        self.browser.click("#pay").await?;
        self.browser.wait_for("[data-screen=paid]").await?;
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *sent))
    }
}

/// Checks that a body has a card that only the server can read.
fn is_encrypted(body: &str) -> Result<()> {
    let read: Value = serde_json::from_str(body)?;
    ensure!(read["card"].is_null(), "{body}");
    let text = read["encrypted_card"].as_str().unwrap_or_default();
    ensure!(text.split('.').count() == 5, "{body}");
    for at in 0..APPROVED.len() - 5 {
        ensure!(!body.contains(&APPROVED[at..at + 6]), "{body}");
    }
    for name in ["\"number\"", "\"cvc\"", "\"123\""] {
        ensure!(!body.contains(name), "{body}");
    }
    Ok(())
}

#[tokio::test]
async fn the_card_is_encrypted_in_the_page() -> Result<()> {
    let wire = Wire::start().await?;
    wire.open("1").await?;
    let sent = wire.pay().await?;
    ensure!(sent.len() == 1, "{sent:?}");
    is_encrypted(&sent[0])?;

    // The page's key has ended: a new one is fetched, and the buyer notices nothing.
    wire.open("2").await?;
    sqlx::query("delete from card_encryption_keys")
        .execute(&wire.app.store().await?)
        .await?;
    let sent = wire.pay().await?;
    ensure!(sent.len() == 2 && sent[0] != sent[1], "{sent:?}");
    for body in &sent {
        is_encrypted(body)?;
    }
    wire.browser.close().await
}

#[tokio::test]
async fn a_card_is_sent_plain_where_nothing_can_encrypt_it() -> Result<()> {
    let wire = Wire::start().await?;
    // A server of before encrypted cards names the field as unknown.
    let script = "const real = window.fetch;
        window.fetch = async (...args) => {
            const request = new Request(...args);
            const body = await request.clone().text();
            if (!body.includes('encrypted_card')) return real(request);
            const errors = [{ field: 'encrypted_card', code: 'unknown_field', message: 'is not a known field' }];
            const problem = { type: '/problems/invalid-request', detail: 'Some fields are invalid.', errors };
            return new Response(JSON.stringify(problem), { status: 422 });
        };";
    wire.browser.run_on_new_pages(script).await?;
    wire.open("1").await?;
    let sent = wire.pay().await?;
    ensure!(sent.len() == 1 && sent[0].contains(APPROVED), "{sent:?}");
    wire.browser.close().await?;

    // Browsers do not encrypt in a page without https.
    let wire = Wire::start().await?;
    let script = "Object.defineProperty(crypto, 'subtle', { value: undefined })";
    wire.browser.run_on_new_pages(script).await?;
    wire.open("1").await?;
    let sent = wire.pay().await?;
    ensure!(sent.len() == 1 && sent[0].contains(APPROVED), "{sent:?}");
    wire.browser.close().await
}
