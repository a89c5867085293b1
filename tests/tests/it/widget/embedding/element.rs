//! `<till-pay>` follows its attributes and its place in the document.

use super::{Page, Site};
use anyhow::Result;
use axum::response::IntoResponse;
use till_tests::cards::VERIFIED;

const FRAME: &str = "#pay iframe";

async fn open() -> Result<Page> {
    let body = "<div id=here><till-pay id=pay invoice=A_INVOICE token=A_TOKEN></till-pay></div><div id=there></div>
        <script>window.set = (values) => {
            for (const [name, value] of Object.entries(values)) pay.setAttribute(name, value);
        }</script>";
    let page = Site {
        body,
        ..Site::default()
    }
    .open()
    .await?;
    page.wait_for_events("open A, ready A").await?;
    page.run("events.length = 0").await?;
    Ok(page)
}

/// The invoice was replaced while its payment waits for verification. Inside the frame, which asks.
async fn replaced_during_a_payment() -> Result<Page> {
    let page = open().await?;
    let browser = &page.browser;
    page.enter(FRAME).await?;
    page.pay(VERIFIED).await?;
    browser.wait_for("[data-screen=verification]").await?;
    browser.leave_frames().await?;
    page.run("set(B)").await?;
    browser.enter_frame(FRAME).await?;
    Ok(page)
}

/// The buyer confirms at the bank and closes the widget.
async fn finish(page: &Page) -> Result<()> {
    page.confirm(&page.invoices[0]).await?;
    page.browser.enter_frame(FRAME).await?;
    page.browser.click("#done").await?;
    page.browser.leave_frames().await
}

async fn shows(page: &Page, name: &str) -> Result<()> {
    page.assert(&format!(
        "const frames = pay.querySelectorAll('iframe');
        return frames.length === 1 && frames[0].src.includes({name}.invoice)"
    ))
    .await
}

#[tokio::test]
async fn both_attributes_open_another_invoice() -> Result<()> {
    let page = open().await?;
    page.run("set({ invoice: B.invoice, token: B.token })")
        .await?;
    page.wait_for_events("close A, open B, ready B").await?;
    shows(&page, "B").await?;

    // In the other order, in two tasks, and with the values set before.
    page.run("events.length = 0; set({ invoice: B.invoice, token: B.token })")
        .await?;
    page.run("set({ token: C.token })").await?;
    shows(&page, "B").await?;
    page.run("set({ invoice: C.invoice })").await?;
    page.wait_for_events("close B, open C, ready C").await?;

    // Twice at once: only the last is opened.
    page.run("events.length = 0; set(A); set(B)").await?;
    page.wait_for_events("close C, open B, ready B").await?;
    shows(&page, "B").await?;

    // Twice quickly: the one between may have begun.
    page.run("events.length = 0; set(A); return Promise.resolve().then(() => set(C))")
        .await?;
    page.wait_for_events("close A, close B, open C, ready C")
        .await?;
    shows(&page, "C").await?;
    page.close().await
}

#[tokio::test]
async fn attributes_that_are_missing_at_first_are_awaited() -> Result<()> {
    let body = "<till-pay id=pay></till-pay>";
    let page = Site {
        body,
        ..Site::default()
    }
    .open()
    .await?;
    page.run("pay.setAttribute('token', A.token)").await?;
    page.assert("return !pay.querySelector('iframe')").await?;
    page.run("pay.setAttribute('invoice', A.invoice)").await?;
    page.wait_for_events("open A, ready A").await?;
    page.close().await
}

#[tokio::test]
async fn a_payment_in_progress_is_asked_about_first() -> Result<()> {
    let page = replaced_during_a_payment().await?;
    let browser = &page.browser;
    browser.wait_for("[data-screen=confirm-close]").await?;
    browser.click("#stay").await?;
    browser.leave_frames().await?;
    // The buyer stays. The invoice that waited is no longer wanted.
    page.run("set(C)").await?;
    page.wait_for_events("fixation A, verification A, close B")
        .await?;
    shows(&page, "A").await?;
    finish(&page).await?;
    page.wait_for_events("fixation A, verification A, close B, paid A, close A, open C, ready C")
        .await?;
    shows(&page, "C").await?;
    page.close().await
}

#[tokio::test]
async fn the_invoice_of_before_is_kept() -> Result<()> {
    let page = replaced_during_a_payment().await?;
    let browser = &page.browser;
    browser.click("#stay").await?;
    browser.leave_frames().await?;
    page.run("set(A)").await?;
    page.wait_for_events("fixation A, verification A, close B")
        .await?;
    finish(&page).await?;
    page.wait_for_events("fixation A, verification A, close B, paid A, close A")
        .await?;
    page.close().await
}

#[tokio::test]
async fn removed_attributes_close_the_widget() -> Result<()> {
    let page = open().await?;
    // One alone may be removed by a page that hides the token.
    page.run("pay.removeAttribute('token')").await?;
    shows(&page, "A").await?;
    page.run("pay.removeAttribute('invoice')").await?;
    page.wait_for_events("close A").await?;
    page.run("set(A)").await?;
    page.wait_for_events("close A, open A, ready A").await?;
    page.close().await
}

#[tokio::test]
async fn the_element_is_moved_removed_and_inserted_again() -> Result<()> {
    let page = open().await?;
    page.run("there.append(pay); pay.querySelector('iframe').dataset.moved = 1")
        .await?;
    // The browser loads a frame again that is moved.
    page.enter("#there iframe[data-moved]").await?;
    page.browser.leave_frames().await?;
    page.run("window.element = pay; pay.remove()").await?;
    page.wait_for_events("close A").await?;
    page.run("here.append(element)").await?;
    page.wait_for_events("close A, open A, ready A").await?;
    shows(&page, "A").await?;
    // Attributes that change outside of the document count when it is back.
    page.run("element.remove(); set.call(null, {}); element.setAttribute('invoice', B.invoice); element.setAttribute('token', B.token)")
        .await?;
    page.wait_for_events("close A, open A, ready A, close A")
        .await?;
    page.run("there.append(element)").await?;
    page.wait_for_events("close A, open A, ready A, close A, open B, ready B")
        .await?;
    page.close().await
}

#[tokio::test]
async fn an_order_is_followed() -> Result<()> {
    let body = r#"<till-pay id=pay order='{"order_id":"1","amount":"19.99","currency":"EUR"}'></till-pay>"#;
    let site = Site {
        body,
        project: &["--check-url", "PROJECT/check"],
        ..Site::default()
    };
    let page = site.open().await?;
    page.app
        .project
        .respond_to_checks(|_| r#"{"accept":true,"amount":1999,"currency":"EUR"}"#.into_response());
    let opened = "return events.join(' ').replace(/ inv_\\w+/g, '')";
    let is = |events: &str| format!("{} === '{events}'", opened);
    page.browser.until("the order", &is("open ready")).await?;
    // The same order, written in another way.
    let again =
        r#"pay.setAttribute('order', '{ "currency": "EUR", "amount": "19.99", "order_id": "1" }')"#;
    page.run(again).await?;
    let other =
        r#"pay.setAttribute('order', '{"order_id":"2","amount":"19.99","currency":"EUR"}')"#;
    page.run(other).await?;
    page.browser
        .until("the other order", &is("open ready close open ready"))
        .await?;
    // What is not JSON is reported, and the widget stays.
    page.run("pay.setAttribute('order', '{')").await?;
    page.browser
        .until(
            "the error",
            &is("open ready close open ready error not-opened"),
        )
        .await?;
    page.assert("return pay.querySelectorAll('iframe').length === 1")
        .await?;
    page.close().await
}
