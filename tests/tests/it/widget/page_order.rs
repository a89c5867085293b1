//! Orders created by a page, the inline widget, and the result page.

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::json;
use till_tests::TestApp;
use till_tests::browser::shop;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::{APPROVED, VERIFIED_BY_REDIRECT};
use till_tests::client::send;
use till_tests::wait::until;

/// A page with the script, a button and a list of received events.
const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><title>Shop</title>
<script src="TILL/till.js" data-project="PK" data-mode="iframe" async></script>
<h1>Shop</h1>
<button id="buy" data-till-order='{"order_id":"42","amount":"19.99","currency":"EUR","description":"A print"}'>Buy</button>
<p id="received"></p>
<script>
for (const name of ["open", "ready", "fixation", "verification", "paid", "declined", "error", "close"]) {
  document.addEventListener("till:" + name, (e) => {
    document.getElementById("received").append(name + (e.detail.code ? "(" + e.detail.code + ")" : "") + " ");
  });
}
</script>"#;

struct Page {
    app: TestApp,
    browser: Browser,
    origin: String,
}

impl Page {
    async fn open(html: &str, project_args: &[&str]) -> Result<Self> {
        let app = TestApp::with(project_args).await?;
        let origin = shop::serve(&html.replace("PK", &app.keys.pk), &app.api.url).await?;
        let path = format!("/v1/projects/{}", app.keys.id);
        let allow = json!({ "allowed_origins": [origin] });
        let allowed = send(app.operator(Method::PATCH, &path).json(&allow)).await?;
        ensure!(allowed.status == 200, "{allowed:?}");
        let browser = Browser::start(Screen::Desk).await?;
        browser.goto(&origin).await?;
        until("till.js to load", async || {
            Ok(browser.run("return typeof Till === 'function'").await? == true)
        })
        .await?;
        Ok(Self {
            app,
            browser,
            origin,
        })
    }

    async fn pay(&self) -> Result<()> {
        self.browser.type_into("#number", APPROVED).await?;
        self.browser.type_into("#expiry", "1239").await?;
        self.browser.type_into("#cvc", "123").await?;
        self.browser.click("#pay").await?;
        self.browser.wait_for("[data-screen=paid]").await?;
        Ok(())
    }

    /// Waits until the button has received these events in order.
    async fn wait_for_events(&self, events: &str) -> Result<()> {
        let mut received = String::new();
        let waited = until(events, async || {
            let script = "return document.getElementById('received').textContent";
            received = self
                .browser
                .run(script)
                .await?
                .as_str()
                .unwrap_or_default()
                .trim()
                .to_owned();
            Ok(received == events)
        });
        waited
            .await
            .with_context(|| format!("received {received:?}"))
    }
}

#[tokio::test]
async fn a_button_pays_an_accepted_order() -> Result<()> {
    let page = Page::open(PAGE, &["--check-url", "PROJECT/check"]).await?;
    let refuse = |_| r#"{"accept":false,"reason":"sold out"}"#.into_response();
    page.app.project.respond_to_checks(refuse);
    page.browser.click("#buy").await?;
    page.wait_for_events("open error(order-rejected)").await?;
    let failed = page.browser.wait_for("dialog[open] [data-till=failed]");
    let shown = failed.await?.text().await?;
    let title = "The shop does not accept this order";
    ensure!(
        shown.contains(title) && shown.contains("sold out"),
        "{shown}"
    );
    page.browser.screenshot("order-rejected").await?;
    let retry = page.browser.active_element().await?;
    retry.send_keys("\u{e00c}").await?;
    page.wait_for_events("open error(order-rejected) close")
        .await?;
    page.browser
        .run("document.getElementById('received').textContent = ''")
        .await?;

    // The project's server is down, then up again.
    let down = |_| StatusCode::INTERNAL_SERVER_ERROR.into_response();
    page.app.project.respond_to_checks(down);
    let before = page.app.project.checks().len();
    page.browser.click("#buy").await?;
    page.wait_for_events("open error(order-check-unavailable)")
        .await?;
    let failed = page.browser.wait_for("dialog[open] [data-till=failed]");
    let shown = failed.await?.text().await?;
    let title = "The shop could not confirm the order. Try again in a moment.";
    ensure!(shown.contains(title), "{shown}");
    page.browser
        .active_element()
        .await?
        .send_keys("\u{e00c}")
        .await?;
    page.wait_for_events("open error(order-check-unavailable) close")
        .await?;
    let down = page.app.project.checks().len() - before;
    page.browser
        .run("document.getElementById('received').textContent = ''")
        .await?;

    page.app.project.confirm_orders();
    page.browser.click("#buy").await?;
    page.browser.enter_frame("dialog iframe").await?;
    page.pay().await?;
    page.browser.click("#done").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open ready fixation paid close")
        .await?;
    let checks = page.app.project.checks();
    ensure!(
        checks.len() == 3 + down,
        "one rejected check, one before the invoice, one before the payment: {}",
        checks.len()
    );
    ensure!(page.app.net_captured().await? == 1999);
    until("the callbacks", async || {
        Ok(page.app.project.callbacks().len() == 2)
    })
    .await?;
    page.browser.close().await
}

/// A page on an origin that is not allowed.
#[tokio::test]
async fn an_unknown_origin_is_rejected() -> Result<()> {
    let page = Page::open(PAGE, &["--check-url", "PROJECT/check"]).await?;
    let foreign = shop::serve(&PAGE.replace("PK", &page.app.keys.pk), &page.app.api.url).await?;
    ensure!(foreign != page.origin);
    page.browser.goto(&foreign).await?;
    until("till.js to load", async || {
        Ok(page
            .browser
            .run("return typeof Till === 'function'")
            .await?
            == true)
    })
    .await?;
    page.browser.click("#buy").await?;
    page.wait_for_events("open error(forbidden)").await?;
    let failed = page.browser.wait_for("dialog[open] [data-till=failed]");
    let shown = failed.await?.text().await?;
    let title = "This site is not allowed to show this payment";
    ensure!(shown.contains(title), "{shown}");
    ensure!(page.app.project.checks().is_empty());
    page.browser.close().await
}

#[tokio::test]
async fn an_element_embeds_the_widget() -> Result<()> {
    let html = PAGE.replace(
        "<p id=\"received\">",
        "<div id=\"here\"></div><p id=\"received\">",
    );
    let page = Page::open(&html, &[]).await?;
    let opened = page.app.api.invoice("7").await?;
    let element = format!(
        "document.getElementById('here').innerHTML = '<till-pay invoice=\"{}\" token=\"{}\"></till-pay>'",
        opened.id, opened.token
    );
    page.browser.run(&element).await?;
    page.browser.enter_frame("till-pay iframe").await?;
    page.browser.wait_for("[data-screen=form]").await?;
    page.browser.screenshot("inline-form").await?;
    page.pay().await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open ready fixation paid").await?;
    let inner = "const f = document.querySelector('till-pay iframe');
        return document.querySelectorAll('dialog[open]').length === 0 && f.clientHeight > 200;";
    ensure!(page.browser.run(inner).await? == true);
    page.browser.close().await
}

/// Without a `success_url`, Till's page shows the result.
#[tokio::test]
async fn without_a_success_url_the_result_is_shown() -> Result<()> {
    let page = Page::open(PAGE, &[]).await?;
    let opened = page.app.api.invoice("8").await?;
    let address = format!(
        "{}/pay/{}#token={}",
        page.app.api.url, opened.id, opened.token
    );
    page.browser.goto(&address).await?;
    page.browser
        .type_into("#number", VERIFIED_BY_REDIRECT)
        .await?;
    page.browser.type_into("#expiry", "1239").await?;
    page.browser.type_into("#cvc", "123").await?;
    page.browser.click("#pay").await?;
    // The window redirects to the bank and back.
    page.browser.click("#confirm").await?;
    page.browser.wait_for("[data-screen=paid]").await?;
    let url = page.browser.current_url().await?;
    ensure!(url.as_str().starts_with(&page.app.api.url), "{url}");
    page.browser.close().await
}

/// A signed HTML form: payment, resubmission, and a changed amount.
#[tokio::test]
async fn a_signed_form_is_paid_once() -> Result<()> {
    let page = Page::open(PAGE, &["--require", "email"]).await?;
    let keys = &page.app.keys;
    let args = [
        "form",
        "sign",
        "--dev",
        "--project",
        &keys.id,
        "--public-url",
        &page.app.api.url,
        "order_id=9",
        "amount=19.99",
        "currency=EUR",
        "locale=en",
    ];
    let form = page.app.till(&args).await?.map_err(anyhow::Error::msg)?;
    let plain = format!("<!doctype html><title>Shop</title>{form}");
    let shop = shop::serve(&plain, &page.app.api.url).await?;
    page.browser.goto(&shop).await?;
    page.browser.click("form button").await?;
    page.browser
        .type_into("#buyer-email", "buyer@shop.example")
        .await?;
    page.pay().await?;
    ensure!(page.app.net_captured().await? == 1999);

    page.browser.goto(&shop).await?;
    page.browser.click("form button").await?;
    page.browser.wait_for("[data-screen=paid]").await?;
    ensure!(
        page.app.net_captured().await? == 1999,
        "the same form created another payment"
    );

    page.browser.goto(&shop).await?;
    page.browser
        .run("document.querySelector('[name=amount]').value = '0.01'")
        .await?;
    page.browser.click("form button").await?;
    page.browser.wait_for("#back").await?;
    page.browser.screenshot("form-refused").await?;
    page.browser.click("#back").await?;
    page.browser.wait_for("form button").await?;
    page.browser.close().await
}
