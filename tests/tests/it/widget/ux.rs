//! User experience: layout stability, closing, expiry, offline mode and background tabs.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use till_tests::browser::buyer::{Buyer, Mode};
use till_tests::browser::hosted::Hosted;
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::{APPROVED, VERIFIED};

/// The frame is as high as its content.
#[tokio::test]
async fn the_frame_grows_with_its_content() -> Result<()> {
    for screen in [Screen::Desk, Screen::Phone] {
        let buyer = Buyer::start("grows", screen).await?;
        let browser = &buyer.browser;
        let fits = "const root = document.documentElement;
            return root.scrollHeight <= innerHeight && root.scrollWidth <= innerWidth";
        buyer.open(Mode::Frame).await?;
        buyer.wait_for_screen("form").await?;
        browser.until("the form fits", fits).await?;
        browser.click(".items summary").await?;
        browser.click("#pay").await?;
        browser.wait_for("#number[aria-invalid=true]").await?;
        browser.until("errors and details fit", fits).await?;
        buyer.fill_in(VERIFIED).await?;
        browser.click("#pay").await?;
        buyer.wait_for_screen("verification").await?;
        browser.until("the bank's page fits", fits).await?;
        browser.leave_frames().await?;
        let page = "return document.documentElement.scrollWidth <= innerWidth
            && document.querySelector('dialog').getBoundingClientRect().height <= innerHeight";
        ensure!(
            browser.run(page).await? == true,
            "the dialog is larger than the window"
        );
        buyer.close().await?;
    }
    Ok(())
}

/// Returns the cumulative layout shift and the moved elements.
async fn shift(browser: &Browser) -> Result<(f64, Value)> {
    let script = "return new Promise((done) => {
        const box = ({ x, y, width, height }) => [x, y, width, height].join(' ');
        let sum = 0, moved = [];
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
            sum += entry.value;
            for (const { node, previousRect, currentRect } of entry.sources)
                moved.push([node?.id || node?.className || node?.nodeName, box(previousRect), box(currentRect)]);
        })).observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => done([sum, moved]), 500);
    })";
    let found = browser.run(script).await?;
    Ok((found[0].as_f64().context("no number")?, found[1].clone()))
}

/// The overlay with and without preloading.
#[tokio::test]
async fn nothing_shifts_when_the_overlay_opens() -> Result<()> {
    for attributes in ["", "data-preload=none"] {
        let shop = Shop::open(attributes, &[]).await?;
        let browser = Browser::start(Screen::Desk).await?;
        shop.open_dialog(&browser).await?;
        browser.type_into("#number", APPROVED).await?;
        let within = shift(&browser).await?;
        browser.leave_frames().await?;
        for (sum, moved) in [within, shift(&browser).await?] {
            ensure!(sum < 0.01, "{attributes}: {sum} {moved}");
        }
        browser.close().await?;
    }
    Ok(())
}

/// From the first paint to the completed form.
#[tokio::test]
async fn nothing_shifts_after_the_first_paint() -> Result<()> {
    let hosted = Hosted::start(Screen::Phone).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    let (sum, moved) = shift(browser).await?;
    ensure!(sum < 0.01, "{sum} {moved}");
    hosted.browser.close().await
}

/// A click outside and Esc close the form at once, and require confirmation during a payment.
#[tokio::test]
async fn closing_requires_confirmation_during_a_payment() -> Result<()> {
    let buyer = Buyer::start("outside", Screen::Desk).await?;
    let browser = &buyer.browser;
    let outside = "const dialog = document.querySelector('dialog[open]');
        dialog.dispatchEvent(new MouseEvent('click', { clientX: 2, clientY: 2, bubbles: true }))";
    buyer.open(Mode::Frame).await?;
    buyer.wait_for_screen("form").await?;
    browser.leave_frames().await?;
    browser.run(outside).await?;
    browser.wait_for("#status[data-event=close]").await?;

    buyer.open(Mode::Frame).await?;
    buyer.fill_in(VERIFIED).await?;
    browser.click("#pay").await?;
    buyer.wait_for_screen("verification").await?;
    browser.leave_frames().await?;
    browser.run(outside).await?;
    browser.enter_frame("dialog[open] iframe").await?;
    buyer.wait_for_screen("confirm-close").await?;
    browser
        .until("the focus", "return document.activeElement.id === 'stay'")
        .await?;
    // Esc dismisses the confirmation, and a second Esc shows it again.
    browser
        .active_element()
        .await?
        .send_keys("\u{e00c}")
        .await?;
    browser
        .until(
            "the confirmation to close",
            "return !document.querySelector('.question')
                && document.activeElement.className === 'heading'",
        )
        .await?;
    browser
        .active_element()
        .await?
        .send_keys("\u{e00c}")
        .await?;
    browser.click("#close-anyway").await?;
    browser.leave_frames().await?;
    browser
        .until("closed", "return !document.querySelector('dialog[open]')")
        .await?;
    buyer.close().await
}

/// The remaining time is shown near expiry and announced a few times.
#[tokio::test]
async fn the_time_left_is_counted_down() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let far = hosted.app.api.invoice("far").await?;
    hosted.show(&far, "", "form").await?;
    let shown = browser
        .run("return document.querySelector('.expiry').textContent")
        .await?;
    ensure!(shown == "", "an hour before expiry: {shown}");

    let near = hosted.app.api.invoice("near").await?;
    hosted.app.expires_in(&near.id, 119).await?;
    hosted.show(&near, "", "form").await?;
    let left = "const text = document.querySelector('.expiry').textContent;
        return /^Time left to pay: 1:5\\d$/.test(text)";
    browser.until("the time left", left).await?;
    let before = browser
        .run("return document.querySelector('.expiry').textContent")
        .await?;
    browser
        .until(
            "the time to decrease",
            &format!("return document.querySelector('.expiry').textContent !== {before}"),
        )
        .await?;
    let announced = browser
        .run("return document.querySelector('.visually-hidden').textContent")
        .await?;
    ensure!(announced == "2 minutes left to pay", "{announced}");
    browser.screenshot("expiry").await?;
    // Two minutes later, on the server and in the browser.
    hosted.app.expire(&near.id).await?;
    browser
        .run("const now = Date.now; Date.now = () => now() + 120_000")
        .await?;
    browser.wait_for("main [data-screen=expired]").await?;
    hosted.browser.close().await
}

/// The offline state is shown, and the current state after reconnecting.
#[tokio::test]
async fn offline_state_is_shown_and_cleared() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    browser.offline(true).await?;
    browser
        .until(
            "the offline message",
            "return document.querySelector('#offline').textContent.startsWith('You are offline')",
        )
        .await?;
    browser.screenshot("offline").await?;
    hosted.app.api.paid_with(&opened, APPROVED).await?;
    browser.offline(false).await?;
    browser.wait_for("main [data-screen=paid]").await?;
    browser
        .until(
            "the offline message to disappear",
            "return document.querySelector('#offline').textContent === ''",
        )
        .await?;
    hosted.browser.close().await
}

/// A payment sent while offline is sent once the network is back.
#[tokio::test]
async fn an_offline_payment_is_retried_with_the_same_key() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    let count = "window.failed = 0;
        const sent = window.fetch;
        window.fetch = (...args) => sent(...args).catch((error) => { failed += 1; throw error; });";
    browser.run_on_new_pages(count).await?;
    hosted.show(&opened, "", "form").await?;
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.offline(true).await?;
    browser.click("#pay").await?;
    browser
        .until("the first attempt fails", "return failed > 0")
        .await?;
    browser.offline(false).await?;
    browser.wait_for("main [data-screen=paid]").await?;
    ensure!(hosted.app.net_captured().await? == 1999);
    hosted.browser.close().await
}

/// The tab is frozen while the buyer is in the bank's app and misses all events.
#[tokio::test]
async fn a_frozen_tab_shows_the_current_state() -> Result<()> {
    let hosted = Hosted::start(Screen::Phone).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.app.api.paid_with(&opened, VERIFIED).await?;
    hosted.show(&opened, "", "verification").await?;
    let sleep = async |state: &str| {
        browser
            .devtools("Page.setWebLifecycleState", json!({ "state": state }))
            .await
    };
    // Events sent while the tab is frozen are lost.
    browser.block(&["*/v1/widget/*"]).await?;
    sleep("frozen").await?;
    let bank = hosted.app.api.widget(reqwest::Method::GET, &opened, "");
    let data = till_tests::client::send(bank).await?.json();
    let form = data["verification"]["url"]
        .as_str()
        .context("no form")?
        .to_owned();
    let form = hosted.app.api.request(reqwest::Method::POST, &form);
    till_tests::client::send(form.form(&[("action", "confirm")])).await?;
    hosted.app.api.until_status(&opened.id, "paid").await?;
    browser.block(&[]).await?;
    sleep("active").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    hosted.browser.close().await
}

/// A proxy blocks live events.
#[tokio::test]
async fn the_widget_polls_without_live_events() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    browser.block(&["*/events"]).await?;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    hosted.app.api.paid_with(&opened, APPROVED).await?;
    browser.wait_for("main [data-screen=paid]").await?;
    hosted.browser.close().await
}

#[tokio::test]
async fn closing_the_popup_is_reported_within_a_second() -> Result<()> {
    let buyer = Buyer::start("within", Screen::Desk).await?;
    let browser = &buyer.browser;
    // The page records the event one second after the popup was closed, because the page's timers run
    // in order on a slow machine too.
    let watch = "const open = window.open;
        window.open = (...args) => {
            const popup = open.apply(window, args);
            const poll = setInterval(() => {
                if (!popup.closed) return;
                clearInterval(poll);
                setTimeout(() => window.known = document.querySelector('#status').dataset.event, 1000);
            }, 20);
            return popup;
        };";
    browser.run(watch).await?;
    let shop = browser.window().await?;
    buyer.open(Mode::Popup).await?;
    buyer.wait_for_screen("form").await?;
    browser.close_window().await?;
    browser.switch_to_window(shop).await?;
    browser
        .until(
            "one second after the close",
            "return window.known !== undefined",
        )
        .await?;
    let known = browser.run("return known").await?;
    ensure!(known == "close", "{known}");
    buyer.close().await
}

/// Neither the back/forward cache nor any storage contains card data.
#[tokio::test]
async fn the_browser_stores_no_card_data() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    let kept = "return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state, document.cookie, location.href])";
    let kept = browser.run(kept).await?.to_string();
    ensure!(!kept.contains("4242"), "{kept}");
    // The fields when the page is left.
    let left = "dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
        await new Promise((done) => setTimeout(done, 50));
        return ['#number', '#expiry', '#cvc'].map((css) => document.querySelector(css).value)";
    let left = browser
        .run(&format!("return (async () => {{ {left} }})()"))
        .await?;
    ensure!(left == json!(["", "", ""]), "{left}");
    browser.type_into("#number", APPROVED).await?;
    browser
        .goto(&format!("{}/till.d.ts", hosted.app.api.url))
        .await?;
    browser.back().await?;
    browser.wait_for("main [data-screen=form]").await?;
    let number = browser.wait_for("#number").await?.prop("value").await?;
    ensure!(number.as_deref() == Some(""), "{number:?}");
    hosted.browser.close().await
}
