//! An invoice on the hosted page, in any state, for tests of what is on the screen.

use crate::app::World;
use crate::browser::{Browser, Screen};
use crate::client::{Api, Opened};
use anyhow::Result;
use serde_json::{Value, json};

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

/// Everything that a buyer may be shown.
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

    /// A new invoice in one of the [`STATES`], and the word of the screen that shows it. `number`
    /// keeps it apart from others. Only `form` still lacks the buyer's data.
    pub async fn in_state(
        &self,
        state: &'static str,
        number: &str,
    ) -> Result<(&'static str, Opened)> {
        let api = &self.world.api;
        let mut order = Api::order(&format!("{state}-{number}"));
        order["items"] = json!([
            { "name": "Harbour at Dawn, signed", "quantity": 2, "amount": 750 },
            { "name": "Postage", "quantity": 1, "amount": 499 },
        ]);
        if state != "form" {
            order["buyer"] = json!({ "email": "buyer@shop.example", "country": "DE" });
        }
        let opened = api.invoice_of(&order).await?;
        let card = match state {
            "declined" => DECLINED,
            "verification" => VERIFIED,
            "redirect" => NO_FRAMES,
            "processing" => SLOW,
            "paid" => APPROVED,
            _ => "",
        };
        if !card.is_empty() {
            api.paid_with(&opened, card).await?;
        }
        if state == "processing" {
            // Nobody asks after it, so that it stays what it is.
            sqlx::query("update payments set next_check_at = null where invoice = $1")
                .bind(&opened.id)
                .execute(&self.world.store().await?)
                .await?;
        }
        let screen = match state {
            "declined" => "form",
            "redirect" => "verification",
            state => state,
        };
        match state {
            "expired" => {
                self.world.let_expire(&opened.id).await?;
                api.until_status(&opened.id, "expired").await?;
            }
            // What the project's own calls lead to, written straight into the store.
            "canceled" | "refunded" => {
                sqlx::query("update invoices set status = $1 where id = $2")
                    .bind(state)
                    .bind(&opened.id)
                    .execute(&self.world.store().await?)
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

    /// Changes one of the project's settings, as JSON, in the store. The path is `$.widget.theme` or
    /// the like.
    pub async fn set(&self, path: &str, value: &str) -> Result<()> {
        let store = self.world.store().await?;
        let settings: String = sqlx::query_scalar("select settings from projects")
            .fetch_one(&store)
            .await?;
        let mut settings: Value = serde_json::from_str(&settings)?;
        let mut place = &mut settings;
        for name in path.split('.').skip(1) {
            place = &mut place[name];
        }
        *place = serde_json::from_str(value)?;
        sqlx::query("update projects set settings = $1")
            .bind(settings.to_string())
            .execute(&store)
            .await?;
        Ok(())
    }
}
