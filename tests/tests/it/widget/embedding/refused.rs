//! The server refuses to show an invoice: the buyer reads why in the widget, and the developer what to
//! change.

use super::{Page, Site};
use anyhow::{Result, ensure};

const ESCAPE: &str = "\u{e00c}";
/// Records what developers read.
const CONSOLE: &str = "window.logged = []; console.error = (...all) => logged.push(all.join(' '));
    addEventListener('till:error', (e) => window.message = e.detail.message);";
const HERE: &str = "<div id=here></div>";

async fn site(foreign: bool) -> Result<Page> {
    let page = Site {
        body: HERE,
        foreign,
        ..Site::default()
    };
    let page = page.open().await?;
    page.run(CONSOLE).await?;
    Ok(page)
}

/// Waits for the heading of the message in a frame.
async fn reads(page: &Page, frame: &str, text: &str) -> Result<()> {
    page.browser.enter_frame(frame).await?;
    let script = format!(
        "return [...document.querySelectorAll('h1')].some((h) => h.checkVisibility() && h.textContent === '{text}')"
    );
    page.browser.until(text, &script).await
}

async fn developer_reads(page: &Page, text: &str) -> Result<()> {
    let logged = page.run("return logged.join('\\n')").await?;
    let logged = logged.as_str().unwrap_or_default();
    ensure!(logged.contains(text), "{logged}");
    Ok(())
}

/// The project does not allow the page's origin. The frame is preloaded in the dialog, and loaded with
/// the invoice in a container. Languages are matched as in the widget.
#[tokio::test]
async fn the_origin_is_not_allowed() -> Result<()> {
    let page = site(true).await?;
    page.browser.wait_for("dialog iframe").await?;
    page.run("listen(Till({ locale: 'zh-HK' }).open(A))")
        .await?;
    reads(&page, "dialog[open] iframe", "此網站不能顯示這筆付款").await?;
    page.browser.screenshot("forbidden").await?;
    page.press(ESCAPE).await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, error A forbidden, close A forbidden")
        .await?;
    developer_reads(&page, "The origin http://shop.localhost:").await?;
    developer_reads(&page, "allowed_origins").await?;

    page.run("events.length = 0; listen(Till().open(B, { container: here }))")
        .await?;
    page.wait_for_events("open B, error B forbidden").await?;
    reads(
        &page,
        "#here iframe",
        "This site is not allowed to show this payment",
    )
    .await?;
    page.browser.click("#close").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open B, error B forbidden, close B forbidden")
        .await?;

    // With the frame of the script tag's settings, which is preloaded.
    page.run("events.length = 0; listen(Till().open(C))")
        .await?;
    page.wait_for_events("open C, error C forbidden").await?;
    page.close().await
}

/// The popup shows the message and closes itself.
#[tokio::test]
async fn the_origin_is_not_allowed_in_a_popup() -> Result<()> {
    let page = site(true).await?;
    let shop = page.browser.window().await?;
    page.run(
        "const b = document.createElement('button'); b.id = 'go'; b.textContent = 'Go';
        b.onclick = () => listen(Till({ mode: 'popup' }).open(A)); document.body.append(b)",
    )
    .await?;
    page.browser.click("#go").await?;
    page.browser.switch_to_newest_window(2).await?;
    page.browser.click("#close").await?;
    page.browser.switch_to_newest_window(1).await?;
    page.browser.switch_to_window(shop).await?;
    page.wait_for_events("open A, error A forbidden, close A forbidden")
        .await?;
    page.close().await
}

/// An invoice that does not exist, one of another token, and what is no invoice at all.
#[tokio::test]
async fn the_invoice_is_wrong() -> Result<()> {
    let page = site(false).await?;
    let unknown = "inv_01a22323e79f71a9b23a045c26b3d2af";
    for (invoice, token, code, says) in [
        (unknown, "A.token", "not-found", "no such invoice"),
        ("42", "A.token", "not-found", "no such invoice"),
        ("", "B.token", "unauthorized", "client token"),
    ] {
        let invoice = if invoice.is_empty() {
            "A.invoice".to_owned()
        } else {
            format!("'{invoice}'")
        };
        for container in ["", ", { container: here }"] {
            page.run(&format!(
                "events.length = logged.length = 0; window.handle = listen(Till().open({{ invoice: {invoice}, token: {token} }}{container}))"
            ))
            .await?;
            page.browser
                .until(
                    "an error",
                    "return events.some((e) => e.startsWith('error'))",
                )
                .await?;
            let frame = if container.is_empty() {
                "dialog[open] iframe"
            } else {
                "#here iframe"
            };
            reads(&page, frame, "This payment link is not valid").await?;
            page.browser.leave_frames().await?;
            let events = page.run("return events.join(', ')").await?;
            let events = events.as_str().unwrap_or_default();
            // The widget itself asks about an unknown invoice with its token.
            ensure!(
                events.contains(code) || events.contains("unauthorized"),
                "{invoice}{container}: {events}"
            );
            let logged = page.run("return logged.join(' ')").await?;
            let logged = logged.as_str().unwrap_or_default();
            ensure!(
                logged.contains(says) || logged.contains("client token"),
                "{invoice}{container}: {logged}"
            );
            page.run("handle.close()").await?;
            page.browser
                .until("the end", "return events.at(-1).startsWith('close')")
                .await?;
        }
    }
    page.close().await
}

/// The publishable key of the script tag belongs to no project: the preloaded frame is refused.
#[tokio::test]
async fn the_key_is_wrong() -> Result<()> {
    let page = site(false).await?;
    page.run("listen(Till({ project: 'pk_wrong', locale: 'de' }).open(Promise.resolve(A)))")
        .await?;
    // The invoice is not known during the press, so the frame is that of the key.
    page.browser
        .until("an answer", "return events.length > 1")
        .await?;
    developer_reads(&page, "publishable key").await?;
    page.wait_for_events("open, error A unauthorized").await?;
    reads(
        &page,
        "dialog[open] iframe",
        "Dieser Zahlungslink ist ungültig",
    )
    .await?;
    page.browser.leave_frames().await?;
    page.close().await
}

/// An invoice that expires while it is open, and one that has expired before.
#[tokio::test]
async fn an_invoice_expires() -> Result<()> {
    let page = site(false).await?;
    page.run("window.handle = listen(Till().open(A))").await?;
    page.wait_for_events("open A, ready A").await?;
    page.app.expire(&page.invoices[0].id).await?;
    page.wait_for_events("open A, ready A, expired A").await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.browser.wait_for("[data-screen=expired]").await?;
    page.browser.leave_frames().await?;
    page.run("handle.close()").await?;
    page.wait_for_events("open A, ready A, expired A, close A")
        .await?;
    page.run(
        "events.length = 0; window.status = ''; handle = Till().open(A);
        handle.on('expired', (e) => window.status = e.status); listen(handle)",
    )
    .await?;
    page.wait_for_events("open A, ready A, expired A").await?;
    page.assert("return window.status === 'expired'").await?;
    page.close().await
}
