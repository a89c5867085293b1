//! Single-page apps: the page changes while the widget is open. `close` never throws and is told once.

use super::{Page, Site};
use anyhow::Result;
use till_tests::cards::VERIFIED;

/// Opens an invoice as `handle` and waits until it is ready.
async fn ready(page: &Page, options: &str) -> Result<()> {
    page.run(&format!(
        "events.length = 0; window.handle = listen(Till().open(A, {options}))"
    ))
    .await?;
    page.wait_for_events("open A, ready A").await
}

async fn is_clean(page: &Page) -> Result<()> {
    page.assert(
        "return !document.querySelector('dialog[open]') && document.documentElement.style.overflow === ''",
    )
    .await
}

#[tokio::test]
async fn what_is_removed_is_closed() -> Result<()> {
    let body = "<div id=app><div id=here></div></div><div id=host></div>
        <script>window.box = here; window.inner = host.attachShadow({ mode: 'open' }).appendChild(document.createElement('div'))</script>";
    let page = Site {
        body,
        ..Site::default()
    }
    .open()
    .await?;
    for (options, removal) in [
        ("{}", "document.querySelector('dialog[open]').remove()"),
        ("{ container: box }", "box.innerHTML = ''"),
        ("{ container: box }", "box.querySelector('iframe').remove()"),
        ("{ container: box }", "box.remove()"),
        ("{ container: inner }", "inner.remove()"),
        (
            "{}",
            "document.body.replaceWith(document.createElement('body'))",
        ),
    ] {
        ready(&page, options).await?;
        page.run(removal).await?;
        page.wait_for_events("open A, ready A, close A").await?;
        is_clean(&page).await?;
        page.run("handle.close(); handle.close()").await?;
        // The page can open it again.
        ready(&page, "{}").await?;
        page.run("handle.close()").await?;
        page.wait_for_events("open A, ready A, close A").await?;
        page.run("if (!document.body.contains(box)) document.body.append(box)")
            .await?;
    }
    page.close().await
}

/// The route is gone before the cleanup of an effect calls `close`.
#[tokio::test]
async fn close_does_not_throw() -> Result<()> {
    let body = "<div id=app><div id=here></div></div><script>window.box = here; window.outer = app</script>";
    let page = Site {
        body,
        ..Site::default()
    }
    .open()
    .await?;
    for script in [
        // In one task with the removal, before the script can notice it.
        "box.remove(); handle.close(); outer.append(box)",
        "box.querySelector('iframe').remove(); handle.close()",
        "document.documentElement.remove(); handle.close(); document.append(document.createElement('html'))",
    ] {
        let root = "window.root ??= document.documentElement; if (!document.contains(root)) document.replaceChildren(root)";
        page.run(root).await?;
        ready(&page, "{ container: box }").await?;
        page.run(&format!(
            "{script}; window.calls = 0; handle.on('close', () => calls++); handle.close()"
        ))
        .await?;
        page.wait_for_events("open A, ready A, close A").await?;
    }
    page.close().await
}

/// `close` before the widget is there, in handlers, and twice.
#[tokio::test]
async fn close_can_be_called_at_any_time() -> Result<()> {
    let page = Site {
        body: "<div id=here></div>",
        ..Site::default()
    }
    .open()
    .await?;
    for (options, script, events) in [
        ("{}", "handle.close(); handle.close()", "close A"),
        ("{ container: here }", "handle.close()", "close A"),
        ("{}", "handle.on('open', handle.close)", "open A, close A"),
        (
            "{}",
            "handle.on('ready', handle.close)",
            "open A, ready A, close A",
        ),
        (
            "{}",
            "handle.on('close', handle.close); handle.close()",
            "close A",
        ),
        (
            "{}",
            "handle.on('close', () => { throw Error('the page') }); handle.on('close', () => events.push('last')); handle.close()",
            "close A, last",
        ),
    ] {
        page.run(&format!(
            "events.length = 0; window.handle = listen(Till().open(A, {options})); {script}"
        ))
        .await?;
        page.wait_for_events(events).await?;
        is_clean(&page).await?;
    }
    // Before the order or the popup is known.
    page.run("events.length = 0; const handle = listen(Till({ mode: 'popup' }).open(new Promise(() => {}))); handle.close()")
        .await?;
    page.wait_for_events("close").await?;
    page.close().await
}

/// A page that closes every dialog on a change of route does not end a payment without a question.
#[tokio::test]
async fn the_page_closes_the_dialog() -> Result<()> {
    let page = Site::default().open().await?;
    ready(&page, "{}").await?;
    page.run("document.querySelector('dialog[open]').close()")
        .await?;
    page.wait_for_events("open A, ready A, close A").await?;
    is_clean(&page).await?;

    ready(&page, "{}").await?;
    page.enter("dialog[open] iframe").await?;
    page.pay(VERIFIED).await?;
    page.browser.wait_for("[data-screen=verification]").await?;
    page.browser.leave_frames().await?;
    page.run("document.querySelector('dialog[open]').close()")
        .await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.browser.wait_for("[data-screen=confirm-close]").await?;
    page.browser.click("#close-anyway").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, ready A, fixation A, verification A, close A")
        .await?;
    is_clean(&page).await?;
    page.close().await
}

/// A framework replaces the button while the buyer pays.
#[tokio::test]
async fn a_removed_button_still_reports_its_events() -> Result<()> {
    let body = "<button id=buy data-till-invoice=A_INVOICE data-till-token=A_TOKEN>Buy</button>";
    let page = Site {
        body,
        ..Site::default()
    }
    .open()
    .await?;
    page.browser.click("#buy").await?;
    page.wait_for_events("open A, ready A").await?;
    page.run("buy.replaceWith(buy.cloneNode(true))").await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.press("\u{e00c}").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, ready A, close A").await?;
    page.close().await
}
