//! A card that the buyer enters on the payment system's page, and what the widget sends with one that
//! it asks for itself.

use anyhow::{Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use till_tests::browser::hosted::Hosted;
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::APPROVED;
use till_tests::providers::mollie::Mollie;
use till_tests::providers::{PaymentSystem, Plan};

/// A payment system with its own page for cards, and its account file.
struct System {
    mollie: Mollie,
    files: TempDir,
}

impl System {
    async fn start() -> Result<Self> {
        let system = Self {
            mollie: Mollie::start().await?,
            files: tempfile::tempdir()?,
        };
        system.mollie.pay(Plan::Verify);
        let account = json!({
            "kind": "mollie", "account": "m", "credentials": system.mollie.credentials(),
            "methods": ["card"],
        });
        std::fs::write(system.file(), account.to_string())?;
        Ok(system)
    }

    fn file(&self) -> String {
        self.files.path().join("mollie").display().to_string()
    }
}

const LABEL: &str = "Continue to card payment · €19.99";
const EVENTS: &str = "open ready fixation verification declined fixation verification paid";

/// Presses the button, which says where it leads.
async fn press(browser: &Browser) -> Result<()> {
    let pay = browser.wait_for("#pay").await?;
    ensure!(pay.text().await? == LABEL, "{}", pay.text().await?);
    let shown = "return [document.querySelectorAll('input').length,
        document.querySelector('.hint').textContent, document.querySelector('.safe').textContent]";
    let shown = browser.run(shown).await?;
    let hint = "You will enter your card details on the payment provider’s secure page.";
    ensure!(shown == json!([0, hint, ""]), "{shown}");
    Ok(pay.click().await?)
}

/// The page opens in a window that closes after the payment.
#[tokio::test]
async fn a_hosted_card_is_paid_from_the_frame() -> Result<()> {
    let system = System::start().await?;
    let shop = Shop::open("", &["--connector", &system.file()]).await?;
    let browser = Browser::start(Screen::Desk).await?;
    shop.open_dialog(&browser).await?;
    browser.wait_for("#pay").await?;
    let found = browser.axe_violations().await?;
    ensure!(found.is_empty(), "{found:#?}");
    browser.screenshot("card-hosted-1280").await?;
    browser.leave_frames().await?;
    let page = browser.window().await?;
    let frame = "dialog[open] iframe";
    browser.enter_frame(frame).await?;
    for answer in ["#cancel", "#confirm"] {
        press(&browser).await?;
        browser.switch_to_newest_window(2).await?;
        browser.click(answer).await?;
        browser.switch_to_newest_window(1).await?;
        browser.switch_to_window(page.clone()).await?;
        browser.enter_frame(frame).await?;
        if answer == "#cancel" {
            browser.wait_for("#error-banner").await?;
        }
    }
    browser.wait_for("main [data-screen=paid]").await?;
    browser.leave_frames().await?;
    shop.wait_for_events(&browser, EVENTS).await?;
    shop.app.api.until_status(&shop.opened.id, "paid").await?;
    ensure!(system.mollie.net_captured().await? == 1999);
    browser.close().await
}

/// The popup goes to the page and back.
#[tokio::test]
async fn a_hosted_card_is_paid_from_the_popup() -> Result<()> {
    let system = System::start().await?;
    let shop = Shop::open("data-mode=popup", &["--connector", &system.file()]).await?;
    let browser = Browser::start(Screen::Desk).await?;
    browser.goto(&shop.url).await?;
    let page = browser.window().await?;
    browser.click("#buy").await?;
    browser.switch_to_newest_window(2).await?;
    press(&browser).await?;
    browser.click("#cancel").await?;
    browser.wait_for("#error-banner").await?;
    press(&browser).await?;
    browser.click("#confirm").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    browser.click("#done").await?;
    browser.switch_to_newest_window(1).await?;
    browser.switch_to_window(page).await?;
    shop.wait_for_events(&browser, &format!("{EVENTS} close"))
        .await?;
    ensure!(system.mollie.net_captured().await? == 1999);
    browser.close().await
}

/// The hosted page goes to the page and back. A reload before that shows where to go on.
#[tokio::test]
async fn a_hosted_card_is_paid_from_the_tab() -> Result<()> {
    let system = System::start().await?;
    let hosted = Hosted::with(Screen::Phone, &["--connector", &system.file()], &[]).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    // There are no fields to type in before the code arrives.
    let first = "return document.documentElement.dataset.first";
    ensure!(browser.run(first).await? == "other");
    press(browser).await?;
    browser.wait_for("#confirm").await?;
    hosted.show(&opened, "", "verification").await?;
    let shown = "return [...document.querySelectorAll('.verification :is(h2, [role=status], #open-window)')]
        .map((e) => e.textContent)";
    let shown = browser.run(shown).await?;
    let hint = "You will enter your card details on the payment provider’s secure page.";
    let (title, label) = ("Continue to card payment", "Continue to card payment");
    ensure!(shown == json!([title, hint, label]), "{shown}");
    browser.click("#open-window").await?;
    browser.click("#confirm").await?;
    hosted.app.api.until_status(&opened.id, "paid").await?;
    ensure!(system.mollie.net_captured().await? == 1999);
    hosted.browser.close().await
}

/// Keeps the body of the payment fixation call, also when the page is left.
const SPY: &str = "const real = window.fetch;
    window.fetch = async (...args) => {
        const request = new Request(...args);
        if (request.method === 'POST') sessionStorage.sent = await request.clone().text();
        return real(request);
    };";

/// A card that the widget asks for comes with the browser's data; one that it does not, without.
#[tokio::test]
async fn the_widget_describes_the_browser() -> Result<()> {
    let sent = "return JSON.parse(sessionStorage.sent)";
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    browser.run_on_new_pages(SPY).await?;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    enter_card(browser).await?;
    browser.click("#pay").await?;
    browser.wait_for("[data-screen=paid]").await?;
    let expected = "return { user_agent: navigator.userAgent, language: navigator.language,
        color_depth: screen.colorDepth, screen_width: screen.width, screen_height: screen.height,
        time_zone_offset: new Date().getTimezoneOffset(), java_enabled: navigator.javaEnabled() }";
    let (sent_here, expected) = (browser.run(sent).await?, browser.run(expected).await?);
    ensure!(sent_here["browser"] == expected, "{sent_here} {expected}");
    ensure!(expected["screen_width"] != 0, "{expected}");
    hosted.browser.close().await?;

    let system = System::start().await?;
    let hosted = Hosted::with(Screen::Desk, &["--connector", &system.file()], &[]).await?;
    let browser = &hosted.browser;
    browser.run_on_new_pages(SPY).await?;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    browser.click("#pay").await?;
    browser.wait_for("#confirm").await?;
    hosted.show(&opened, "", "verification").await?;
    let sent = browser.run(sent).await?;
    ensure!(sent["method"] == "card", "{sent}");
    ensure!(
        sent["card"].is_null() && sent["browser"].is_null(),
        "{sent}"
    );
    hosted.browser.close().await
}

async fn enter_card(browser: &Browser) -> Result<()> {
    for (field, text) in [("#number", APPROVED), ("#expiry", "1239"), ("#cvc", "123")] {
        browser.type_into(field, text).await?;
    }
    Ok(())
}

/// The account's setting changes while the buyer types: the server refuses the card, and the widget
/// says that it is not possible now.
#[tokio::test]
async fn a_card_that_is_no_longer_taken_is_reported() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    enter_card(browser).await?;
    hosted.app.change_accounts("card_entry = 'hosted'").await?;
    browser.click("#pay").await?;
    let banner = browser.wait_for("#error-banner").await?.text().await?;
    ensure!(banner.contains("temporarily unavailable"), "{banner}");
    ensure!(hosted.app.ledger().await?.is_empty());
    // The sandbox's own page can be shown in a frame.
    hosted.show(&opened, "", "form").await?;
    press(browser).await?;
    browser.enter_frame("#verification-frame").await?;
    browser.click("#confirm").await?;
    browser.leave_frames().await?;
    browser.wait_for("main [data-screen=paid]").await?;
    hosted.browser.close().await
}
