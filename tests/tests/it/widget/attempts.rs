//! What the widget does after too many attempts to pay.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use till_tests::app::{Setup, TestApp};
use till_tests::browser::hosted::Hosted;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::{APPROVED, CARD_DECLINED};
use till_tests::client::{card, send};
use till_tests::faults::relay::Relay;
use till_tests::providers::captcha::{CaptchaProvider, SITE_KEY};
use till_tests::wait::until;

async fn enter_card(browser: &Browser) -> Result<()> {
    for (css, text) in [("#number", APPROVED), ("#expiry", "1239"), ("#cvc", "123")] {
        browser.type_into(css, text).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_buyer_is_told_when_to_try_again() -> Result<()> {
    let args = ["--attempts-per-invoice", "1"];
    let hosted = Hosted::with(Screen::Phone, &args, &[]).await?;
    let (api, browser) = (&hosted.app.api, &hosted.browser);
    let opened = api.invoice("1").await?;
    api.pay(&opened, &card(CARD_DECLINED)).await?;
    hosted.show(&opened, "?locale=de", "form").await?;
    enter_card(browser).await?;
    browser.click("#pay").await?;
    let told = "return document.querySelector('#error-banner')?.textContent.startsWith('Zu viele')";
    browser.until("the banner", told).await?;
    let banner = browser.wait_for("#error-banner").await?.text().await?;
    let expected = "Zu viele Zahlungsversuche. Bitte versuchen Sie es in 1 Minute erneut.";
    ensure!(banner == expected, "{banner}");
    browser.screenshot("too-many-attempts-360").await?;

    // Nothing that the buyer entered is lost.
    let request = api.secret(Method::POST, "/v1/test/advance");
    let advanced = send(request.json(&json!({ "seconds": 60 }))).await?;
    ensure!(advanced.status == 200, "{advanced:?}");
    browser.click("#pay").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    hosted.browser.close().await
}

/// The widget shows the project's captcha, and pays with the token of the solution. The provider's script
/// has an origin of its own, and cannot read the card.
#[tokio::test]
async fn a_suspicious_buyer_solves_a_captcha() -> Result<()> {
    let provider = CaptchaProvider::start().await?;
    let file = provider.file("turnstile")?;
    let relay = Relay::start().await?;
    let elsewhere = relay.url.replace("127.0.0.1", "localhost");
    let setup = Setup {
        project_args: &["--attempts-per-invoice", "2", "--captcha", &file],
        settings: &["--captcha-url", &elsewhere],
        server_relay: Some(&relay),
        ..Setup::default()
    };
    let hosted = Hosted {
        app: TestApp::set_up(setup).await?,
        browser: Browser::start(Screen::Phone).await?,
    };
    let (api, browser) = (&hosted.app.api, &hosted.browser);
    let opened = api.invoice("1").await?;
    api.pay(&opened, &card(CARD_DECLINED)).await?;
    // At the public URL, whose pages alone may show the captcha.
    let address = format!("{}/pay/{}#token={}", relay.url, opened.id, opened.token);
    browser.goto(&address).await?;
    browser.wait_for("main [data-screen=form]").await?;
    enter_card(browser).await?;
    browser.click("#pay").await?;
    // The frame changes its process when it gets its origin.
    let shown = async || {
        browser.leave_frames().await?;
        browser.enter_frame("#captcha").await?;
        let stolen = browser.run("return document.querySelector('#solve')?.dataset.stolen");
        Ok(stolen.await? == "SecurityError")
    };
    until("the captcha, which read nothing", shown).await?;
    ensure!(provider.forms().is_empty());
    browser.leave_frames().await?;
    let banner = browser.wait_for("#error-banner").await?.text().await?;
    ensure!(banner == "Please confirm that you are human.", "{banner}");
    browser.screenshot("captcha-360").await?;
    browser.enter_frame("#captcha").await?;
    browser.click("#solve").await?;
    browser.leave_frames().await?;
    browser.wait_for("main [data-screen=paid]").await?;
    let forms = provider.forms();
    let token = format!("solved for {SITE_KEY}");
    ensure!(
        forms.len() == 1 && forms[0]["response"] == token,
        "{forms:?}"
    );
    hosted.browser.close().await
}
