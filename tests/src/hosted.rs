//! An invoice on the hosted page, in any state, for tests of what is on the screen.

use crate::World;
use crate::api::{Api, Opened};
use crate::browser::{Browser, Screen};
use anyhow::Result;
use serde_json::json;

/// Approved at once.
pub const APPROVED: &str = "4242424242424242";
/// Declined: insufficient funds.
pub const DECLINED: &str = "4000000000009995";
/// Its fate stays open for a while.
pub const SLOW: &str = "4000000000009185";
/// Approved after verification, in a frame.
pub const VERIFIED: &str = "4000000000003220";
/// Approved after verification, on a page that refuses frames.
pub const NO_FRAMES: &str = "4000000000003063";

/// A server, a browser, and invoices to show.
pub struct Hosted {
    /// The server.
    pub world: World,
    /// The browser.
    pub browser: Browser,
}

impl Hosted {
    /// Starts both.
    pub async fn start(screen: Screen) -> Result<Self> {
        Self::with(screen, &[], &[]).await
    }

    /// Starts both, with further arguments.
    pub async fn with(screen: Screen, project: &[&str], switches: &[&str]) -> Result<Self> {
        Ok(Self {
            world: World::with(project).await?,
            browser: Browser::with(screen, switches).await?,
        })
    }

    /// Where an invoice is paid; `query` begins with a question mark or is empty.
    pub fn address(&self, opened: &Opened, query: &str) -> String {
        let Opened { id, token } = opened;
        format!("{}/pay/{id}{query}#token={token}", self.world.api.url)
    }

    /// Shows it and waits for a screen.
    pub async fn shows(&self, opened: &Opened, query: &str, screen: &str) -> Result<()> {
        // The address may differ in its fragment only, which would load nothing.
        self.browser.goto("about:blank").await?;
        self.browser.goto(&self.address(opened, query)).await?;
        self.browser
            .see(&format!(
                "main [data-screen={screen}], #skeleton[data-screen={screen}]"
            ))
            .await?;
        Ok(())
    }

    /// Invoices in every state, each with the word of the screen that shows it. `number` keeps one
    /// set from another.
    pub async fn every_state(&self, number: &str) -> Result<Vec<(&'static str, Opened)>> {
        self.states(number, json!({})).await
    }

    /// The same where the buyer's data are required: only the first form asks for them.
    pub async fn every_state_with_buyer(
        &self,
        number: &str,
    ) -> Result<Vec<(&'static str, Opened)>> {
        let buyer = json!({ "email": "buyer@shop.example", "country": "DE" });
        self.states(number, buyer).await
    }

    async fn states(
        &self,
        number: &str,
        buyer: serde_json::Value,
    ) -> Result<Vec<(&'static str, Opened)>> {
        let api = &self.world.api;
        let invoice = async |name: &str| {
            let mut order = Api::order(&format!("{name}-{number}"));
            if name != "form" {
                order["buyer"] = buyer.clone();
            }
            order["items"] = json!([
                { "name": "Harbour at Dawn, signed", "quantity": 2, "amount": 750 },
                { "name": "Postage", "quantity": 1, "amount": 499 },
            ]);
            api.invoice_of(&order).await
        };
        let mut all = vec![("form", invoice("form").await?)];
        for (name, screen, card) in [
            ("declined", "form", DECLINED),
            ("verification", "verification", VERIFIED),
            ("redirect", "verification", NO_FRAMES),
            ("processing", "processing", SLOW),
            ("paid", "paid", APPROVED),
        ] {
            let opened = invoice(name).await?;
            api.paid_with(&opened, card).await?;
            all.push((screen, opened));
        }
        let opened = invoice("expired").await?;
        self.world.let_expire(&opened.id).await?;
        api.until_status(&opened.id, "expired").await?;
        all.push(("expired", opened));
        // What the project's own calls lead to, written straight into the store.
        for status in ["canceled", "refunded"] {
            let opened = invoice(status).await?;
            sqlx::query("update invoices set status = $1 where id = $2")
                .bind(status)
                .bind(&opened.id)
                .execute(&self.world.store().await?)
                .await?;
            all.push((status, opened));
        }
        let wrong = Opened {
            token: "ct_wrong".into(),
            ..invoice("wrong").await?
        };
        all.push(("failed", wrong));
        Ok(all)
    }

    /// Changes one of the project's settings, as JSON, in the store.
    pub async fn set(&self, path: &str, value: &str) -> Result<()> {
        sqlx::query("update projects set settings = json_set(settings, $1, json($2))")
            .bind(path)
            .bind(value)
            .execute(&self.world.store().await?)
            .await?;
        Ok(())
    }
}
