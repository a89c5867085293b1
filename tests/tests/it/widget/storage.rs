//! Browsers that block all storage: payments work and the page receives the events. The page, the
//! server and the bank are on three sites.

use anyhow::{Result, ensure};
use till_tests::browser::buyer::{Buyer, Way};
use till_tests::browser::hosted::{Hosted, NO_FRAMES, VERIFIED};
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, Screen};

const FRAME: &str = "dialog[open] iframe";

async fn types_card(browser: &Browser, number: &str) -> Result<()> {
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
    browser.newest_window(2).await?;
    browser.see("main [data-screen=form]").await?;
    assert_storage_is_blocked(&browser).await?;
    types_card(&browser, NO_FRAMES).await?;
    browser.click("#pay").await?;
    browser.click("#cancel").await?;
    let banner = browser.see("#error-banner").await?.text().await?;
    ensure!(banner.contains("not finished"), "{banner}");
    types_card(&browser, NO_FRAMES).await?;
    browser.click("#pay").await?;
    browser.see("#confirm").await?;
    let name = browser.run("return window.name").await?.to_string();
    ensure!(
        !name.contains(&shop.opened.token),
        "the bank can read {name}"
    );
    browser.click("#confirm").await?;
    browser.see("main [data-screen=paid]").await?;
    browser.click("#done").await?;
    browser.newest_window(1).await?;
    browser.switch_to_window(page).await?;
    let told = "open ready fixation verification declined fixation verification paid close";
    shop.hears(&browser, told).await?;
    ensure!(shop.app.taken().await? == 1999);
    browser.close().await
}

#[tokio::test]
async fn a_bank_window_returns_to_the_frame() -> Result<()> {
    let (shop, browser) = shop("").await?;
    let page = browser.window().await?;
    browser.click("#buy").await?;
    browser.enter(FRAME).await?;
    browser.see("#number").await?;
    assert_storage_is_blocked(&browser).await?;
    types_card(&browser, NO_FRAMES).await?;
    browser.click("#pay").await?;
    browser.newest_window(2).await?;
    browser.click("#confirm").await?;
    // The window closes after the confirmation.
    browser.newest_window(1).await?;
    browser.switch_to_window(page).await?;
    browser.enter(FRAME).await?;
    browser.see("main [data-screen=paid]").await?;
    browser.click("#done").await?;
    browser.leave_frames().await?;
    let told = "open ready fixation verification paid close";
    shop.hears(&browser, told).await?;
    browser.close().await
}

#[tokio::test]
async fn a_bank_in_the_frame_needs_no_storage() -> Result<()> {
    let (shop, browser) = shop("").await?;
    browser.click("#buy").await?;
    browser.enter(FRAME).await?;
    types_card(&browser, VERIFIED).await?;
    browser.click("#pay").await?;
    browser.enter("#verification-frame").await?;
    browser.click("#confirm").await?;
    browser.leave_frames().await?;
    browser.enter(FRAME).await?;
    browser.see("main [data-screen=paid]").await?;
    browser.leave_frames().await?;
    let told = "open ready fixation verification paid";
    shop.hears(&browser, told).await?;
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
    browser.before_pages(NO_STORAGE).await?;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.shows(&opened, "", "form").await?;
    browser.type_into("#number", NO_FRAMES).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.click("#confirm").await?;
    browser.see("main [data-screen=paid]").await?;
    hosted.browser.close().await?;

    // The same in a frame.
    let buyer = Buyer::comes_with(
        "no-storage",
        Screen::Desk,
        &["--test-third-party-cookie-phaseout"],
    )
    .await?;
    buyer.browser.before_pages(NO_STORAGE).await?;
    buyer.browser.goto(&buyer.demo.url).await?;
    buyer.opens(Way::Frame).await?;
    buyer.fills_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.browser.enter("#verification-frame").await?;
    buyer.browser.click("#confirm").await?;
    buyer.back_in_the_widget(Way::Frame).await?;
    buyer.sees("paid").await?;
    buyer.leaves().await
}
