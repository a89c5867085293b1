//! A Buy button inside a form, and a press before till.js has arrived.

use super::{Page, Site};
use anyhow::Result;

const ENTER: &str = "\u{e007}";
const SHOWN: &str = "return Boolean(document.querySelector('dialog[open]'))";
const HIDDEN: &str = "return !document.querySelector('dialog[open]')";
/// The queue that docs/widget.md describes.
const QUEUE: &str = include_str!("../../../../../docs/snippets/early-press.html");

#[tokio::test]
async fn enter_in_a_field_does_not_open_the_payment() -> Result<()> {
    let body = "<form id=form><input id=quantity value=1>
        <button id=buy data-till-invoice=A_INVOICE data-till-token=A_TOKEN>Buy</button></form>
        <script>window.submitted = 0; form.onsubmit = (e) => (e.preventDefault(), submitted++)</script>";
    let page = Site {
        body,
        ..Site::default()
    }
    .open()
    .await?;
    // The form handles it.
    page.browser.type_into("#quantity", ENTER).await?;
    page.assert("return submitted === 1").await?;
    page.assert(HIDDEN).await?;
    // The button itself, by keyboard, by a script and by a click, also while a field has the focus.
    for press in ["keyboard", "space", "script", "click"] {
        match press {
            "keyboard" => page.browser.type_into("#buy", ENTER).await?,
            "space" => page.browser.type_into("#buy", " ").await?,
            "script" => drop(page.run("quantity.focus(); buy.click()").await?),
            _ => page.browser.click("#buy").await?,
        }
        page.wait_for_events("open A, ready A").await?;
        page.browser.enter_frame("dialog[open] iframe").await?;
        page.press("\u{e00c}").await?;
        page.browser.leave_frames().await?;
        page.wait_for_events("open A, ready A, close A").await?;
        page.run("events.length = 0").await?;
    }
    page.assert("return submitted === 1").await?;
    page.close().await
}

async fn without_script(body: &str) -> Result<Page> {
    Site {
        body,
        without_script: true,
        ..Site::default()
    }
    .open()
    .await
}

const BUTTONS: &str = "<p id=text>A print</p>
    <button id=buy type=button data-till-invoice=A_INVOICE data-till-token=A_TOKEN><b>Buy</b></button>
    <button id=other type=button data-till-invoice=B_INVOICE data-till-token=B_TOKEN>Buy B</button>";

#[tokio::test]
async fn a_press_before_the_script_is_taken_up() -> Result<()> {
    let page = without_script(BUTTONS).await?;
    page.browser.click("#buy b").await?;
    page.add_script().await?;
    page.wait_for_events("open A, ready A").await?;
    page.close().await
}

/// What is not a press on a button does not open it.
#[tokio::test]
async fn focus_and_other_input_open_nothing() -> Result<()> {
    for input in ["text", "tab", "script", "text and tab", "text and script"] {
        let page = without_script(BUTTONS).await?;
        if input.contains("text") {
            page.browser.click("#text").await?;
        }
        if input.contains("tab") {
            page.press("\u{e004}").await?;
        }
        if input.contains("script") {
            page.run("buy.focus()").await?;
        }
        page.add_script().await?;
        page.assert(HIDDEN).await?;
        // A press after the script opens once.
        page.browser.click("#buy").await?;
        page.wait_for_events("open A, ready A").await?;
        page.close().await?;
    }
    Ok(())
}

/// The queue of the page also has presses by keyboard, and keeps a form from being sent.
#[tokio::test]
async fn a_queued_press_is_taken_up() -> Result<()> {
    let body = format!(
        "{QUEUE}<form action=/elsewhere>{}</form>",
        BUTTONS.replace("type=button", "")
    );
    let page = without_script(&body).await?;
    page.browser.click("#buy").await?;
    page.browser.type_into("#other", ENTER).await?;
    page.add_script().await?;
    page.wait_for_events("open B, ready B").await?;
    page.assert("return location.pathname === '/'").await?;
    page.assert(SHOWN).await?;
    page.close().await
}
