//! A frame in the page's HTML, which loads side by side with the script.

use super::{Page, Site};
use anyhow::{Result, ensure};
use till_tests::browser::ONE_PROCESS;
use till_tests::cards::APPROVED;

const ESCAPE: &str = "\u{e00c}";
const BUTTONS: &str =
    "<button id=buy data-till-invoice=A_INVOICE data-till-token=A_TOKEN>Buy</button>
    <button id=other data-till-invoice=B_INVOICE data-till-token=B_TOKEN>Buy another</button>";

/// The HTML of docs/widget.md.
const FRAME: &str = include_str!("../../../../../docs/snippets/page-frame.html");

/// The frame of invoice A, with more parameters of its URL, and the buttons.
fn frame(parameters: &str) -> String {
    let html = FRAME
        .replace("https://pay.example", "TILL")
        .replace("https://shop.example", &format!("ORIGIN{parameters}"))
        .replace("inv_...", "A_INVOICE")
        .replace("ct_...", "A_TOKEN");
    html + BUTTONS
}

async fn open(body: &str, attributes: &str, without_script: bool) -> Result<Page> {
    let site = Site {
        body,
        attributes,
        without_script,
        switches: ONE_PROCESS,
        ..Site::default()
    };
    site.open().await
}

/// The frame has loaded when the script arrives, and has posted messages that nobody heard.
#[tokio::test]
async fn the_frame_of_the_page_is_taken_over() -> Result<()> {
    let page = open(&frame("&amp;locale=de"), "", true).await?;
    let browser = &page.browser;
    browser.enter_frame("dialog iframe").await?;
    browser
        .until(
            "the form",
            "return Boolean(document.querySelector('#number'))",
        )
        .await?;
    page.run("window.mark = 1").await?;
    browser.leave_frames().await?;
    page.assert("return document.activeElement === document.body && !document.querySelector('dialog').checkVisibility()")
        .await?;
    page.add_script().await?;
    // The settings of the page are those of the frame.
    page.run("window.handle = Till({ locale: 'de' }).open(A); listen(handle)")
        .await?;
    page.wait_for_events("open A, ready A").await?;
    browser
        .until(
            "what the frame has posted",
            "const frame = document.querySelector('dialog[open] iframe');
            return frame.title === 'Zahlung' && frame.style.height !== '640px'",
        )
        .await?;
    page.enter("dialog[open] iframe").await?;
    page.assert("return window.mark === 1").await?;
    browser
        .until("focus", "return document.activeElement.id === 'number'")
        .await?;
    // A reload shows the invoice again: the page's `open` is not lost.
    page.run("location.reload()").await?;
    browser.leave_frames().await?;
    browser.enter_frame("dialog[open] iframe").await?;
    browser
        .until(
            "the form again",
            "return !window.mark && document.querySelector('#till')?.checkVisibility()",
        )
        .await?;
    page.pay(APPROVED).await?;
    browser.wait_for("main [data-screen=paid]").await?;
    browser.click("#done").await?;
    browser.leave_frames().await?;
    page.wait_for_events("open A, ready A, fixation A, paid A, close A")
        .await?;
    page.assert("return !document.querySelector('dialog')")
        .await?;
    // It opens again, in a dialog of the script.
    page.run("events.length = 0; listen(Till({ locale: 'de' }).open(A))")
        .await?;
    page.wait_for_events("open A, ready A, paid A").await?;
    page.close().await
}

/// What is typed before the code of the widget has arrived is kept.
#[tokio::test]
async fn early_input_in_the_frame_of_the_page_is_kept() -> Result<()> {
    let page = open(&frame(""), "", true).await?;
    let source = &page.script;
    // The page is loaded only once the frame's code has run, so the buyer is part of the page.
    let buyer = format!(
        "if (location.pathname.startsWith('/pay/')) {{
            const real = window.fetch, typed = new Promise((done) => (window.typed = done));
            window.fetch = async (...args) => {{
                if (String(args[0].url ?? args[0]).endsWith('.wasm')) await typed;
                return real(...args);
            }};
            addEventListener('message', ({{ data }}) => data.till === 'open' && setTimeout(() => {{
                window.focused = document.activeElement.id;
                for (const key of '{APPROVED}') document.execCommand('insertText', false, key);
                window.typed();
            }}));
        }} else {{
            document.addEventListener('till:loaded', () => setTimeout(() => buy.click()));
            addEventListener('DOMContentLoaded', () =>
                document.body.append(document.createRange().createContextualFragment(`{source}`)));
        }}"
    );
    page.browser.run_on_new_pages(&buyer).await?;
    page.run("location.reload()").await?;
    page.wait_for_events("open A, ready A").await?;
    page.enter("dialog[open] iframe").await?;
    let found = page
        .run("return [window.focused, document.querySelector('#number').value]")
        .await?;
    ensure!(
        found == serde_json::json!(["early-number", "4242 4242 4242 4242"]),
        "{found}"
    );
    page.press(ESCAPE).await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, ready A, close A").await?;
    page.close().await
}

/// A frame for another invoice, with other settings, or of another origin is not used, and what it
/// posts is dropped.
#[tokio::test]
async fn a_frame_of_something_else_is_dropped() -> Result<()> {
    let message = "{ till: 'paid', invoice: A.invoice, status: 'paid' }";
    let foreign =
        format!("<dialog data-till-frame><iframe src=/stranger></iframe></dialog>{BUTTONS}");
    for (body, button, name) in [
        (frame(""), "#other", "B"),
        (frame("&amp;theme=dark"), "#buy", "A"),
        (foreign, "#buy", "A"),
        (
            format!("<dialog data-till-frame><iframe></iframe></dialog>{BUTTONS}"),
            "#buy",
            "A",
        ),
    ] {
        let page = open(&body, "data-preload=none", false).await?;
        page.run("window.old = document.querySelector('iframe')")
            .await?;
        page.browser.click(button).await?;
        page.run(&format!(
            "dispatchEvent(new MessageEvent('message', {{ origin: location.origin, source: old.contentWindow, data: {message} }}))"
        ))
        .await?;
        page.wait_for_events(&format!("open {name}, ready {name}"))
            .await?;
        page.assert("return document.querySelectorAll('dialog[open]').length === 1 && !old.contentWindow === Boolean(old.src)")
            .await?;
        page.close().await?;
    }
    Ok(())
}

/// Esc closes at once, in every state of the frame.
#[tokio::test]
async fn a_frame_that_is_closed_before_it_has_loaded() -> Result<()> {
    let page = open(&frame(""), "", true).await?;
    page.browser.block(&["*.wasm"]).await?;
    page.run("location.reload()").await?;
    page.add_script().await?;
    page.browser.click("#buy").await?;
    page.press(ESCAPE).await?;
    page.wait_for_events("open A, close A").await?;
    page.assert("return !document.querySelector('dialog[open]')")
        .await?;
    page.close().await
}
