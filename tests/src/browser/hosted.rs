//! Invoices in any state on the hosted page.

use crate::app::TestApp;
use crate::browser::{Browser, Screen};
use crate::cards::{APPROVED, INSUFFICIENT_FUNDS, VERIFIED, VERIFIED_BY_REDIRECT, WEBHOOK_NEVER};
use crate::client::{Api, Opened};
use anyhow::Result;
use serde_json::{Value, json};

/// The states of the widget.
pub const STATES: [&str; 10] = [
    "form",
    "declined",
    "verification",
    "redirect",
    "processing",
    "paid",
    "expired",
    "canceled",
    "refunded",
    "failed",
];

/// An app and a browser.
pub struct Hosted {
    /// The app.
    pub app: TestApp,
    /// The browser.
    pub browser: Browser,
}

impl Hosted {
    /// Starts an app and a browser.
    pub async fn start(screen: Screen) -> Result<Self> {
        Self::with(screen, &[], &[]).await
    }

    /// Starts an app and a browser with additional arguments and switches.
    pub async fn with(screen: Screen, project: &[&str], switches: &[&str]) -> Result<Self> {
        Ok(Self {
            app: TestApp::with(project).await?,
            browser: Browser::with(screen, switches).await?,
        })
    }

    /// Returns an invoice's payment URL. `query` starts with a question mark or is empty.
    pub fn address(&self, opened: &Opened, query: &str) -> String {
        let Opened { id, token } = opened;
        format!("{}/pay/{id}{query}#token={token}", self.app.api.url)
    }

    /// Opens an invoice and waits for a screen.
    pub async fn show(&self, opened: &Opened, query: &str, screen: &str) -> Result<()> {
        // A URL that differs in its fragment only would not be loaded.
        self.browser.goto("about:blank").await?;
        self.browser.goto(&self.address(opened, query)).await?;
        self.browser
            .wait_for(&format!(
                "main [data-screen={screen}], #skeleton[data-screen={screen}]"
            ))
            .await?;
        Ok(())
    }

    /// Creates an invoice in one of the [`STATES`]. Returns its screen and the invoice. `number` makes
    /// its order id unique. All states but `form` have the buyer's data.
    pub async fn invoice_in_state(
        &self,
        state: &'static str,
        number: &str,
    ) -> Result<(&'static str, Opened)> {
        let api = &self.app.api;
        let mut order = Api::order(&format!("{state}-{number}"));
        order["items"] = json!([
            { "name": "Harbor at Dawn, signed", "quantity": 2, "amount": 750 },
            { "name": "Postage", "quantity": 1, "amount": 499 },
        ]);
        if state != "form" {
            order["buyer"] = json!({ "email": "buyer@shop.example", "country": "DE" });
        }
        let opened = api.invoice_of(&order).await?;
        let card = match state {
            "declined" => INSUFFICIENT_FUNDS,
            "verification" => VERIFIED,
            "redirect" => VERIFIED_BY_REDIRECT,
            "processing" => WEBHOOK_NEVER,
            "paid" => APPROVED,
            _ => "",
        };
        if !card.is_empty() {
            api.paid_with(&opened, card).await?;
        }
        if state == "processing" {
            // Without status polls, the payment stays in processing.
            sqlx::query("update payments set next_check_at = null where invoice = $1")
                .bind(&opened.id)
                .execute(&self.app.store().await?)
                .await?;
        }
        let screen = match state {
            "declined" => "form",
            "redirect" => "verification",
            state => state,
        };
        match state {
            "expired" => {
                self.app.expire(&opened.id).await?;
                api.until_status(&opened.id, "expired").await?;
            }
            // Written directly to the store.
            "canceled" | "refunded" => {
                sqlx::query("update invoices set status = $1 where id = $2")
                    .bind(state)
                    .bind(&opened.id)
                    .execute(&self.app.store().await?)
                    .await?;
            }
            "failed" => {
                let token = "ct_wrong".into();
                return Ok((screen, Opened { token, ..opened }));
            }
            _ => {}
        }
        Ok((screen, opened))
    }

    /// Changes a project setting in the store. The path is, for example, `$.widget.theme`, and the
    /// value is JSON.
    pub async fn set_setting(&self, path: &str, value: &str) -> Result<()> {
        let store = self.app.store().await?;
        let settings: String = sqlx::query_scalar("select settings from projects")
            .fetch_one(&store)
            .await?;
        let mut settings: Value = serde_json::from_str(&settings)?;
        let mut place = &mut settings;
        for name in path.split('.').skip(1) {
            place = &mut place[name];
        }
        *place = serde_json::from_str(value)?;
        sqlx::query("update projects set settings = $1, version = version + 1")
            .bind(settings.to_string())
            .execute(&store)
            .await?;
        Ok(())
    }
}
