//! The hosted page has a way back to the shop in every state, and messages that are over are gone.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use till_tests::browser::Screen;
use till_tests::browser::hosted::{Hosted, STATES};
use till_tests::browser::shop;
use till_tests::cards::INSUFFICIENT_FUNDS;

const SHOP: &str = "https://shop.example";

/// Without URLs the shop's own address is known.
#[tokio::test]
async fn every_state_has_a_way_back() -> Result<()> {
    let hosted = Hosted::start(Screen::Phone).await?;
    let browser = &hosted.browser;
    let back = "const back = document.getElementById('back');
        return [back.href, back.textContent, back.checkVisibility(), back.parentElement.previousElementSibling.id]";
    for state in STATES {
        let (screen, opened) = hosted.invoice_in_state(state, "back").await?;
        hosted.show(&opened, "?locale=de", screen).await?;
        browser
            .until(
                "the link behind the widget",
                "return document.getElementById('back').parentElement.previousElementSibling?.id === 'till'",
            )
            .await?;
        let found = browser.run(back).await?;
        let expected = json!([format!("{SHOP}/"), "Zurück zum Shop", true, "till"]);
        ensure!(found == expected, "{state}: {found}");
    }
    // Where the code does not arrive.
    let opened = hosted.app.api.invoice("blocked").await?;
    browser.block(&["*.wasm"]).await?;
    browser.goto("about:blank").await?;
    browser.goto(&hosted.address(&opened, "")).await?;
    browser.wait_for("#not-loaded:not([hidden])").await?;
    let found = browser.run("return document.getElementById('back').checkVisibility()");
    ensure!(found.await? == true);
    browser.block(&[]).await?;
    // An outcome with an address of the project's has its own button.
    hosted
        .set_setting("$.success_url", "\"https://shop.example/thanks\"")
        .await?;
    let (screen, opened) = hosted.invoice_in_state("paid", "thanks").await?;
    hosted.show(&opened, "", screen).await?;
    browser.wait_for("#continue").await?;
    let found = browser.run("return document.getElementById('back').checkVisibility()");
    ensure!(found.await? == false);
    hosted.browser.close().await
}

/// The page that the buyer came from, if it is the shop's.
#[tokio::test]
async fn the_way_back_leads_where_the_buyer_came_from() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    let link = format!(
        "<!doctype html><a id=pay href='{}'>Pay</a>",
        hosted.address(&opened, "")
    );
    let origin = shop::serve(&link, &hosted.app.api.url).await?;
    for allowed in [false, true] {
        if allowed {
            let setting = json!([SHOP, origin]).to_string();
            hosted.set_setting("$.allowed_origins", &setting).await?;
        }
        browser.goto(&origin).await?;
        browser.click("#pay").await?;
        browser.wait_for("main [data-screen=form]").await?;
        let link = browser.wait_for("#back").await?;
        let href = link.attr("href").await?.context("no address")?;
        let expected = if allowed {
            format!("{origin}/")
        } else {
            SHOP.to_owned()
        };
        ensure!(href == expected, "{href}");
        if allowed {
            link.click().await?;
            browser.wait_for("#pay").await?;
        }
    }
    hosted.browser.close().await
}

/// The message about the last payment is gone when the next press finds something else.
#[tokio::test]
async fn a_decline_is_not_shown_beside_an_error() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    browser.type_into("#number", INSUFFICIENT_FUNDS).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.wait_for("#error-banner").await?;
    // The security code has to be entered again.
    browser
        .until("the form", "return !document.querySelector('#pay').disabled && document.querySelector('#cvc').value === ''")
        .await?;
    browser.click("#pay").await?;
    browser
        .until(
            "the new message alone",
            "return document.querySelector('#cvc-error').textContent && !document.querySelector('#error-banner')",
        )
        .await?;
    hosted.browser.close().await
}
