//! The choice of payment methods: card, iDEAL and PayPal, each with its own provider.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use till_tests::browser::hosted::Hosted;
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::APPROVED;
use till_tests::providers::mollie::Mollie;
use till_tests::providers::paypal::PayPal;
use till_tests::providers::{PaymentSystem, Plan};

/// Providers and their account files.
struct Systems {
    mollie: Mollie,
    paypal: PayPal,
    files: TempDir,
}

impl Systems {
    async fn start() -> Result<Self> {
        let systems = Self {
            mollie: Mollie::start().await?,
            paypal: PayPal::start().await?,
            files: tempfile::tempdir()?,
        };
        // Payments succeed after confirmation.
        systems.mollie.pay(Plan::Verify);
        systems.paypal.pay(Plan::Verify);
        let ideal = json!(["ideal"]);
        systems.write("mollie", systems.mollie.credentials(), ideal)?;
        systems.write("paypal", systems.paypal.credentials(), json!(["paypal"]))?;
        Ok(systems)
    }

    fn write(&self, kind: &str, credentials: Value, methods: Value) -> Result<()> {
        let account = json!({ "kind": kind, "account": kind, "credentials": credentials, "methods": methods });
        Ok(std::fs::write(self.file(kind), account.to_string())?)
    }

    fn file(&self, kind: &str) -> String {
        self.files.path().join(kind).display().to_string()
    }
}

async fn choose(browser: &Browser, method: &str, label: &str) -> Result<()> {
    browser.click(&format!("[value={method}]")).await?;
    let pay = browser.wait_for("#pay").await?;
    ensure!(pay.text().await? == label, "{}", pay.text().await?);
    Ok(pay.click().await?)
}

const IDEAL: &str = "Continue to iDEAL · €19.99";
const PAYPAL: &str = "Continue to PayPal · €19.99";
/// The events when iDEAL is canceled at the bank and PayPal succeeds.
const EVENTS: &str = "open ready fixation verification declined fixation verification paid";

async fn only_paypal_took_money(systems: &Systems) -> Result<()> {
    ensure!(systems.mollie.payments().await? == 1 && systems.mollie.net_captured().await? == 0);
    ensure!(systems.paypal.payments().await? == 1 && systems.paypal.net_captured().await? == 1999);
    Ok(())
}

async fn assert_not_completed(browser: &Browser) -> Result<()> {
    let banner = browser.wait_for("#error-banner").await?.text().await?;
    ensure!(banner.contains("not completed"), "{banner}");
    Ok(())
}

/// The method's page opens in a window that closes after the payment.
#[tokio::test]
async fn another_method_is_paid_from_the_frame() -> Result<()> {
    let systems = Systems::start().await?;
    let (mollie, paypal) = (systems.file("mollie"), systems.file("paypal"));
    let accounts = ["--connector", &mollie, "--connector", &paypal];
    let shop = Shop::open("", &accounts).await?;
    let browser = Browser::start(Screen::Desk).await?;
    browser.goto(&shop.url).await?;
    let page = browser.window().await?;
    let frame = "dialog[open] iframe";
    browser.click("#buy").await?;
    browser.enter_frame(frame).await?;
    for (method, label, answer) in [("ideal", IDEAL, "#cancel"), ("paypal", PAYPAL, "#confirm")] {
        choose(&browser, method, label).await?;
        browser.switch_to_newest_window(2).await?;
        browser.click(answer).await?;
        browser.switch_to_newest_window(1).await?;
        browser.switch_to_window(page.clone()).await?;
        browser.enter_frame(frame).await?;
        if method == "ideal" {
            assert_not_completed(&browser).await?;
        }
    }
    browser.wait_for("main [data-screen=paid]").await?;
    browser.leave_frames().await?;
    shop.wait_for_events(&browser, EVENTS).await?;
    shop.app.api.until_status(&shop.opened.id, "paid").await?;
    only_paypal_took_money(&systems).await?;
    browser.close().await
}

/// The popup redirects to the method's page and back.
#[tokio::test]
async fn another_method_is_paid_from_the_popup() -> Result<()> {
    let systems = Systems::start().await?;
    let (mollie, paypal) = (systems.file("mollie"), systems.file("paypal"));
    let accounts = ["--connector", &mollie, "--connector", &paypal];
    let shop = Shop::open("data-mode=popup", &accounts).await?;
    let browser = Browser::start(Screen::Desk).await?;
    browser.goto(&shop.url).await?;
    let page = browser.window().await?;
    browser.click("#buy").await?;
    browser.switch_to_newest_window(2).await?;
    choose(&browser, "ideal", IDEAL).await?;
    browser.click("#cancel").await?;
    assert_not_completed(&browser).await?;
    choose(&browser, "paypal", PAYPAL).await?;
    browser.click("#confirm").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    browser.click("#done").await?;
    browser.switch_to_newest_window(1).await?;
    browser.switch_to_window(page).await?;
    shop.wait_for_events(&browser, &format!("{EVENTS} close"))
        .await?;
    shop.app.api.until_status(&shop.opened.id, "paid").await?;
    only_paypal_took_money(&systems).await?;
    browser.close().await
}

/// The card fields keep their values when another method is selected.
#[tokio::test]
async fn another_method_needs_no_card() -> Result<()> {
    let systems = Systems::start().await?;
    let (mollie, paypal) = (systems.file("mollie"), systems.file("paypal"));
    let accounts = ["--connector", &mollie, "--connector", &paypal];
    let hosted = Hosted::with(Screen::Desk, &accounts, &[]).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    let shown = "return [...document.querySelectorAll('.method')].map((m) =>
        [m.textContent, m.querySelector('input').checked])";
    let shown = browser.run(shown).await?;
    ensure!(
        shown == json!([["Card", true], ["PayPal", false], ["iDEAL", false]]),
        "{shown}"
    );
    browser.type_into("#number", "4242").await?;
    browser.click("[value=paypal]").await?;
    browser
        .until(
            "no card fields",
            "return !document.querySelector('#number')",
        )
        .await?;
    browser.click("[value=card]").await?;
    let number = browser.wait_for("#number").await?;
    let typed = number.prop("value").await?.context("no value")?;
    ensure!(typed == "4242", "{typed}");
    number.clear().await?;
    number.send_keys(APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    ensure!(hosted.app.net_captured().await? == 1999);
    hosted.browser.close().await
}

/// Screenshots of the choice in every size, theme and direction.
#[tokio::test]
async fn methods_render_in_every_theme_and_language() -> Result<()> {
    let systems = Systems::start().await?;
    let (mollie, paypal) = (systems.file("mollie"), systems.file("paypal"));
    let accounts = ["--connector", &mollie, "--connector", &paypal];
    for (size, screen) in [("360", Screen::Phone), ("1280", Screen::Desk)] {
        let hosted = Hosted::with(screen, &accounts, &[]).await?;
        let opened = hosted.app.api.invoice("1").await?;
        for language in ["en", "de", "ar"] {
            let query = format!("?locale={language}");
            hosted.show(&opened, &query, "form").await?;
            for theme in ["light", "dark"] {
                let scheme = [("prefers-color-scheme", theme)];
                hosted.browser.emulate_media(&scheme).await?;
                for method in ["card", "paypal"] {
                    hosted.browser.click(&format!("[value={method}]")).await?;
                    let name = format!("method-{method}-{size}-{theme}-{language}");
                    hosted.browser.screenshot(&name).await?;
                }
                let found = hosted.browser.axe_violations().await?;
                ensure!(found.is_empty(), "{theme} {language}: {found:#?}");
            }
        }
        hosted.browser.close().await?;
    }
    Ok(())
}

/// One method shows no choice. A method without fields shows one button.
#[tokio::test]
async fn a_single_method_shows_no_choice() -> Result<()> {
    let systems = Systems::start().await?;
    let mollie = systems.file("mollie");
    let hosted = Hosted::with(Screen::Phone, &["--connector", &mollie], &[]).await?;
    let opened = hosted.app.api.invoice("1").await?;
    let left = "return [document.querySelectorAll('[name=method]').length,
        document.querySelectorAll('input').length, document.querySelector('#pay').textContent]";
    for (removed, expected) in [
        ("mollie", json!([0, 4, "Pay €19.99"])),
        ("sandbox", json!([0, 0, IDEAL])),
    ] {
        let change = format!("removed = case kind when '{removed}' then 1 else 0 end");
        hosted.app.change_accounts(&change).await?;
        hosted.show(&opened, "", "form").await?;
        let left = hosted.browser.run(left).await?;
        ensure!(left == expected, "without {removed}: {left}");
    }
    hosted.browser.close().await
}
