//! What the widget says after too many attempts to pay.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use till_tests::browser::Screen;
use till_tests::browser::hosted::Hosted;
use till_tests::cards::{APPROVED, CARD_DECLINED};
use till_tests::client::{card, send};

#[tokio::test]
async fn the_buyer_is_told_when_to_try_again() -> Result<()> {
    let args = ["--attempts-per-invoice", "1"];
    let hosted = Hosted::with(Screen::Phone, &args, &[]).await?;
    let (api, browser) = (&hosted.app.api, &hosted.browser);
    let opened = api.invoice("1").await?;
    api.pay(&opened, &card(CARD_DECLINED)).await?;
    hosted.show(&opened, "?locale=de", "form").await?;
    for (css, text) in [("#number", APPROVED), ("#expiry", "1239"), ("#cvc", "123")] {
        browser.type_into(css, text).await?;
    }
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
