//! What is open is remembered: a second press focuses it.

use super::{Page, Site};
use anyhow::{Result, ensure};
use fantoccini::actions::{InputSource, MouseActions, PointerAction};
use std::time::Duration;
use till_tests::browser::ONE_PROCESS;
use till_tests::cards::{APPROVED, VERIFIED};

const BUTTON: &str = "<button id=buy data-till-invoice=A_INVOICE data-till-token=A_TOKEN>Buy</button><div id=here></div>";

/// Clicks twice at a point of the page.
async fn double_click(page: &Page, x: f64, y: f64) -> Result<()> {
    let press = || PointerAction::Down { button: 0 };
    let release = || PointerAction::Up { button: 0 };
    let mouse = MouseActions::new("mouse".into())
        .then(PointerAction::MoveTo {
            duration: Some(Duration::ZERO),
            x,
            y,
        })
        .then(press())
        .then(release())
        .then(press())
        .then(release());
    Ok(page.browser.perform_actions(mouse).await?)
}

#[tokio::test]
async fn a_double_click_opens_the_widget() -> Result<()> {
    for attributes in ["", "data-preload=none"] {
        let page = Site {
            body: BUTTON,
            attributes,
            ..Site::default()
        }
        .open()
        .await?;
        let (x, y, ..) = page.browser.wait_for("#buy").await?.rectangle().await?;
        double_click(&page, x + 10.0, y + 10.0).await?;
        page.wait_for_events("open A, ready A").await?;
        // Once the widget is ready, the backdrop closes it.
        double_click(&page, x + 10.0, y + 10.0).await?;
        page.browser
            .until("closed", "return events[2] === 'close A'")
            .await?;
        page.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_popup_is_opened_once() -> Result<()> {
    let page = Site {
        body: BUTTON,
        attributes: "data-mode=popup",
        ..Site::default()
    }
    .open()
    .await?;
    let shop = page.browser.window().await?;
    page.run("const open = window.open; window.opened = 0; window.open = (...args) => (opened++, open.apply(window, args))")
        .await?;
    page.browser.click("#buy").await?;
    page.run("buy.click(); buy.click()").await?;
    page.assert("return opened === 1 && Till().open(A) === Till().open(A)")
        .await?;
    page.browser.switch_to_newest_window(2).await?;
    page.browser.wait_for("main [data-screen=form]").await?;
    page.pay(APPROVED).await?;
    page.browser.wait_for("main [data-screen=paid]").await?;
    page.browser.click("#done").await?;
    page.browser.switch_to_window(shop).await?;
    page.wait_for_events("open A, ready A, fixation A, paid A, close A")
        .await?;
    page.close().await
}

#[tokio::test]
async fn the_widget_in_the_page_is_focused() -> Result<()> {
    let page = Site {
        body: BUTTON,
        ..Site::default()
    }
    .open()
    .await?;
    page.run("window.handle = listen(Till().open(A, { container: here }))")
        .await?;
    page.wait_for_events("open A, ready A").await?;
    page.run("buy.focus()").await?;
    page.browser.click("#buy").await?;
    page.assert("return document.activeElement === here.querySelector('iframe') && !document.querySelector('dialog[open]')")
        .await?;
    page.assert("return Till().open(A) === handle").await?;
    // The button is told too, as its press was answered.
    page.run("events.length = 0; handle.close()").await?;
    page.wait_for_events("close A, close A").await?;
    page.close().await
}

/// Where the pages of the project and of the server share a process of the browser, as those of one site do, it takes
/// the focus from a field whose frame is focused again.
#[tokio::test]
async fn the_first_field_keeps_the_focus() -> Result<()> {
    let page = Site {
        switches: ONE_PROCESS,
        ..Site::default()
    }
    .open()
    .await?;
    page.run("listen(Till().open(A))").await?;
    page.wait_for_events("open A, ready A").await?;
    page.run("Till().open(A)").await?;
    page.enter("dialog[open] iframe").await?;
    page.browser
        .until("focus", "return document.activeElement.id === 'number'")
        .await?;
    page.browser.leave_frames().await?;
    page.close().await
}

/// Another invoice waits until the buyer has decided about a payment in progress.
#[tokio::test]
async fn another_invoice_replaces_the_dialog() -> Result<()> {
    let page = Site::default().open().await?;
    page.run("window.till = Till(); listen(till.open(A)); listen(till.open(B))")
        .await?;
    // The first had not been shown yet.
    page.wait_for_events("close A, open B, ready B").await?;
    page.run("events.length = 0; listen(till.open(C))").await?;
    page.wait_for_events("close B, open C, ready C").await?;
    page.enter("dialog[open] iframe").await?;
    page.pay(VERIFIED).await?;
    page.browser.wait_for("[data-screen=verification]").await?;
    page.browser.leave_frames().await?;
    page.run("events.length = 0; listen(till.open(B))").await?;
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.browser.click("#close-anyway").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("close C, open B, ready B").await?;
    let overflow = page
        .run("return document.documentElement.style.overflow")
        .await?;
    ensure!(overflow == "hidden", "{overflow}");
    page.close().await
}

/// Two presses create one order twice; the server gives one invoice.
#[tokio::test]
async fn promises_of_one_invoice_open_it_once() -> Result<()> {
    let page = Site {
        body: BUTTON,
        attributes: "data-mode=popup",
        ..Site::default()
    }
    .open()
    .await?;
    let shop = page.browser.window().await?;
    page.run("window.till = Till(); window.first = listen(till.open(Promise.resolve(A)))")
        .await?;
    page.browser.switch_to_newest_window(2).await?;
    page.browser.wait_for("main [data-screen=form]").await?;
    page.browser.switch_to_window(shop.clone()).await?;
    page.wait_for_events("open, ready A").await?;
    page.run("events.length = 0; till.open(Promise.resolve(A)).on('close', () => events.push('second closed')).on('ready', () => events.push('second'))")
        .await?;
    page.wait_for_events("second closed").await?;
    page.browser.switch_to_newest_window(2).await?;
    page.press("\u{e00c}").await?;
    page.browser.switch_to_window(shop).await?;
    page.wait_for_events("second closed, close A").await?;
    page.close().await
}
