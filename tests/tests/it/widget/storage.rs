//! Browsers that block all storage: payments work and the page receives the events. The page, the
//! server and the bank are on three sites.

use anyhow::{Result, ensure};
use till_tests::browser::buyer::{Buyer, Mode};
use till_tests::browser::hosted::Hosted;
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::{VERIFIED, VERIFIED_BY_REDIRECT};

const FRAME: &str = "dialog[open] iframe";

async fn fill_card(browser: &Browser, number: &str) -> Result<()> {
    browser.type_into("#number", number).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await
}

/// Opens a shop's page in a browser without storage.
async fn shop(mode: &str) -> Result<(Shop, Browser)> {
    let shop = Shop::open(mode, &[]).await?;
    let browser = Browser::without_storage(Screen::Desk).await?;
    browser.goto(&shop.url).await?;
    Ok((shop, browser))
}

/// Checks that the browser blocks storage.
async fn assert_storage_is_blocked(browser: &Browser) -> Result<()> {
    let kept =
        "document.cookie = 'a=b'; try { sessionStorage.a = 1 } catch { return document.cookie }";
    let kept = browser.run(kept).await?;
    ensure!(kept == "", "the browser stores data: {kept}");
    Ok(())
}

#[tokio::test]
async fn a_popup_returns_from_the_bank() -> Result<()> {
    let (shop, browser) = shop("data-mode=popup").await?;
    let page = browser.window().await?;
    browser.click("#buy").await?;
    browser.switch_to_newest_window(2).await?;
    browser.wait_for("main [data-screen=form]").await?;
    assert_storage_is_blocked(&browser).await?;
    fill_card(&browser, VERIFIED_BY_REDIRECT).await?;
    browser.click("#pay").await?;
    browser.click("#cancel").await?;
    let banner = browser.wait_for("#error-banner").await?.text().await?;
    ensure!(banner.contains("not completed"), "{banner}");
    fill_card(&browser, VERIFIED_BY_REDIRECT).await?;
    browser.click("#pay").await?;
    browser.wait_for("#confirm").await?;
    let name = browser.run("return window.name").await?.to_string();
    ensure!(
        !name.contains(&shop.opened.token),
        "the bank can read {name}"
    );
    browser.click("#confirm").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    browser.click("#done").await?;
    browser.switch_to_newest_window(1).await?;
    browser.switch_to_window(page).await?;
    let events = "open ready fixation verification declined fixation verification paid close";
    shop.wait_for_events(&browser, events).await?;
    ensure!(shop.app.net_captured().await? == 1999);
    browser.close().await
}

#[tokio::test]
async fn a_bank_window_returns_to_the_frame() -> Result<()> {
    let (shop, browser) = shop("").await?;
    let page = browser.window().await?;
    browser.click("#buy").await?;
    browser.enter_frame(FRAME).await?;
    browser.wait_for("#number").await?;
    assert_storage_is_blocked(&browser).await?;
    fill_card(&browser, VERIFIED_BY_REDIRECT).await?;
    browser.click("#pay").await?;
    browser.switch_to_newest_window(2).await?;
    browser.click("#confirm").await?;
    // The window closes after the confirmation.
    browser.switch_to_newest_window(1).await?;
    browser.switch_to_window(page).await?;
    browser.enter_frame(FRAME).await?;
    browser.wait_for("main [data-screen=paid]").await?;
    browser.click("#done").await?;
    browser.leave_frames().await?;
    let events = "open ready fixation verification paid close";
    shop.wait_for_events(&browser, events).await?;
    browser.close().await
}

#[tokio::test]
async fn a_bank_in_the_frame_needs_no_storage() -> Result<()> {
    let (shop, browser) = shop("").await?;
    browser.click("#buy").await?;
    browser.enter_frame(FRAME).await?;
    fill_card(&browser, VERIFIED).await?;
    browser.click("#pay").await?;
    browser.enter_frame("#verification-frame").await?;
    browser.click("#confirm").await?;
    browser.leave_frames().await?;
    browser.enter_frame(FRAME).await?;
    browser.wait_for("main [data-screen=paid]").await?;
    browser.leave_frames().await?;
    let events = "open ready fixation verification paid";
    shop.wait_for_events(&browser, events).await?;
    browser.close().await
}

/// Makes every storage API throw.
const NO_STORAGE: &str = "
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches', 'cookieStore']) {
        Object.defineProperty(window, name, { get() { throw new DOMException(name, 'SecurityError'); } });
    }
    Object.defineProperty(Document.prototype, 'cookie', {
        get() { throw new DOMException('cookie', 'SecurityError'); },
        set() { throw new DOMException('cookie', 'SecurityError'); },
    });";

#[tokio::test]
async fn paying_works_without_cookies_and_storage() -> Result<()> {
    let hosted = Hosted::with(Screen::Desk, &[], &["--test-third-party-cookie-phaseout"]).await?;
    let browser = &hosted.browser;
    browser.run_on_new_pages(NO_STORAGE).await?;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    browser.type_into("#number", VERIFIED_BY_REDIRECT).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.click("#confirm").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    hosted.browser.close().await?;

    // The same in a frame.
    let buyer = Buyer::start_with(
        "no-storage",
        Screen::Desk,
        &["--test-third-party-cookie-phaseout"],
    )
    .await?;
    buyer.browser.run_on_new_pages(NO_STORAGE).await?;
    buyer.browser.goto(&buyer.demo.url).await?;
    buyer.open(Mode::Frame).await?;
    buyer.fill_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.enter_frame("#verification-frame").await?;
    buyer.browser.click("#confirm").await?;
    buyer.return_to_widget(Mode::Frame).await?;
    buyer.wait_for_screen("paid").await?;
    buyer.close().await
}
