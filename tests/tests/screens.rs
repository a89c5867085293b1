//! Every state of the widget on a phone and on a desk, kept as pictures in `target/screenshots`.

use anyhow::{Result, ensure};
use reqwest::Method;
use till_tests::World;
use till_tests::api::{Api, Opened, send};
use till_tests::browser::{Browser, Screen};

const SLOW: &str = "4000000000009185";
const VERIFIED: &str = "4000000000003220";
const NO_FRAMES: &str = "4000000000003063";
const DECLINED: &str = "4000000000009995";
const APPROVED: &str = "4242424242424242";

struct Pictures {
    world: World,
    browser: Browser,
    size: &'static str,
}

impl Pictures {
    fn address(&self, opened: &Opened) -> String {
        format!(
            "{}/pay/{}#token={}",
            self.world.api.url, opened.id, opened.token
        )
    }

    /// Opens the hosted page of an invoice, waits for a screen and takes its picture.
    async fn take(&self, opened: &Opened, screen: &str, name: &str) -> Result<()> {
        // The address may differ in its fragment only, which would load nothing.
        self.browser.goto("about:blank").await?;
        self.browser.goto(&self.address(opened)).await?;
        self.browser.see(&format!("[data-screen={screen}]")).await?;
        self.browser
            .keep(&format!("hosted-{}-{name}", self.size))
            .await?;
        let wide = "return document.documentElement.scrollWidth > innerWidth";
        ensure!(
            self.browser.run(wide).await? == false,
            "{name} scrolls sideways"
        );
        Ok(())
    }
}

async fn pictures(size: &'static str, screen: Screen) -> Result<()> {
    let required = [
        "--require",
        "email",
        "--require",
        "name",
        "--require",
        "phone",
        "--require",
        "country",
    ];
    let all = Pictures {
        world: World::start().await?,
        browser: Browser::start(screen).await?,
        size,
    };
    let api = &all.world.api;

    let opened = api.invoice("form").await?;
    all.take(&opened, "form", "form").await?;
    all.browser.click("#pay").await?;
    all.browser.see(".wrong #number").await?;
    all.browser.keep(&format!("hosted-{size}-errors")).await?;

    let opened = api.invoice("failed").await?;
    all.browser.block(&["*/v1/widget/*"]).await?;
    all.take(&opened, "loading", "loading").await?;
    all.browser.see("[data-screen=failed]").await?;
    all.browser.keep(&format!("hosted-{size}-failed")).await?;
    all.browser.block(&[]).await?;
    all.browser.click("#retry").await?;
    all.browser.see("[data-screen=form]").await?;
    let wrong = Opened {
        token: "ct_wrong".into(),
        ..opened
    };
    all.take(&wrong, "failed", "bad-link").await?;

    let opened = api.invoice("declined").await?;
    api.paid_with(&opened, DECLINED).await?;
    all.take(&opened, "form", "declined").await?;

    let opened = api.invoice("verification").await?;
    api.paid_with(&opened, VERIFIED).await?;
    all.take(&opened, "verification", "verification").await?;

    let opened = api.invoice("redirect").await?;
    api.paid_with(&opened, NO_FRAMES).await?;
    all.take(&opened, "verification", "redirect").await?;

    let opened = api.invoice("processing").await?;
    api.paid_with(&opened, SLOW).await?;
    all.take(&opened, "processing", "processing").await?;

    let opened = api.invoice("paid").await?;
    api.paid_with(&opened, APPROVED).await?;
    all.take(&opened, "paid", "paid").await?;

    let opened = api.invoice("expired").await?;
    all.world.let_expire(&opened.id).await?;
    api.until_status(&opened.id, "expired").await?;
    all.take(&opened, "expired", "expired").await?;

    // Until a project can cancel and refund, the store is told what it would hold then.
    for status in ["canceled", "refunded"] {
        let opened = api.invoice(status).await?;
        sqlx::query("update invoices set status = $1 where id = $2")
            .bind(status)
            .bind(&opened.id)
            .execute(&all.world.store().await?)
            .await?;
        all.take(&opened, status, status).await?;
    }
    all.browser.close().await?;

    let all = Pictures {
        world: World::with(&required).await?,
        browser: Browser::start(screen).await?,
        size,
    };
    let mut order = Api::order("buyer");
    order["description"] = "A subscription with a rather long description, so that it wraps".into();
    order["items"] = serde_json::json!([
        { "name": "A print of the harbour at dawn, signed", "quantity": 2, "amount": 750 },
        { "name": "Postage", "quantity": 1, "amount": 499 },
    ]);
    let opened = all.world.api.invoice_of(&order).await?;
    all.take(&opened, "form", "buyer").await?;
    all.browser.close().await
}

#[tokio::test]
async fn every_state_on_a_phone() -> Result<()> {
    pictures("360", Screen::Phone).await
}

#[tokio::test]
async fn every_state_on_a_desk() -> Result<()> {
    pictures("1280", Screen::Desk).await
}

/// A wrong token shows nothing of the invoice, in the API as on the page.
#[tokio::test]
async fn a_page_without_its_token_tells_nothing() -> Result<()> {
    let world = World::start().await?;
    let opened = world.api.invoice("1").await?;
    let page = send(
        world
            .api
            .request(Method::GET, &format!("/pay/{}", opened.id)),
    )
    .await?;
    ensure!(page.status == 200, "{page:?}");
    ensure!(
        !page.text.contains("19.99") && !page.text.contains("A print"),
        "{}",
        page.text
    );
    Ok(())
}
