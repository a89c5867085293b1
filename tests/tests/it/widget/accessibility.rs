//! Accessibility (WCAG 2.2 AA): axe-core in every state, keyboard, focus, announcements, small and
//! zoomed screens, reduced motion, forced colors and target sizes.

use anyhow::{Result, ensure};
use serde_json::json;
use till_tests::browser::buyer::{Buyer, Mode};
use till_tests::browser::hosted::{Hosted, STATES};
use till_tests::browser::{Browser, Screen};
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS, VERIFIED};

/// Checks what is shown in both themes.
async fn assert_no_violations(browser: &Browser, shown: &str) -> Result<()> {
    for theme in ["dark", "light"] {
        browser
            .emulate_media(&[("prefers-color-scheme", theme)])
            .await?;
        let found = browser.axe_violations().await?;
        ensure!(found.is_empty(), "{theme} {shown}: {found:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn no_violations_in_any_state() -> Result<()> {
    let required = ["--require", "email", "--require", "country"];
    let hosted = Hosted::with(Screen::Desk, &required, &[]).await?;
    let browser = &hosted.browser;
    for language in ["en", "ar"] {
        let query = format!("?locale={language}");
        for state in STATES {
            let (screen, opened) = hosted.invoice_in_state(state, language).await?;
            hosted.show(&opened, &query, screen).await?;
            assert_no_violations(browser, &format!("{state} {language}")).await?;
            if screen == "form" {
                browser.click("#pay").await?;
                browser.wait_for("[aria-invalid=true]").await?;
                assert_no_violations(browser, &format!("errors {language}")).await?;
            }
        }
    }
    hosted.browser.close().await
}

#[tokio::test]
async fn no_violations_while_loading() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("unreachable").await?;
    browser.block(&["*/v1/widget/*"]).await?;
    hosted.show(&opened, "", "loading").await?;
    assert_no_violations(browser, "loading").await?;
    browser.wait_for("main [data-screen=failed]").await?;
    assert_no_violations(browser, "unreachable").await?;
    hosted.browser.close().await
}

/// The close confirmation and the shop's page.
#[tokio::test]
async fn no_violations_in_the_dialog() -> Result<()> {
    let buyer = Buyer::start("axe", Screen::Desk).await?;
    buyer.open(Mode::Frame).await?;
    buyer.fill_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.wait_for_screen("verification").await?;
    buyer.browser.click("#close").await?;
    buyer.wait_for_screen("confirm-close").await?;
    assert_no_violations(&buyer.browser, "confirm-close").await?;
    buyer.browser.leave_frames().await?;
    let found = buyer.browser.axe_violations().await?;
    ensure!(found.is_empty(), "{found:#?}");
    buyer.close().await
}

const FOCUSED: &str = "return document.activeElement.id || document.activeElement.tagName";

/// Pays with the keyboard only and checks the focus.
#[tokio::test]
async fn paying_works_by_keyboard() -> Result<()> {
    let buyer = Buyer::start("keyboard", Screen::Desk).await?;
    let browser = &buyer.browser;
    browser
        .wait_for("#buy-iframe")
        .await?
        .send_keys("\u{e007}")
        .await?;
    browser.enter_frame("dialog iframe").await?;
    buyer.wait_for_screen("form").await?;
    browser
        .until(
            "focus on the first field",
            "return document.activeElement.id === 'buyer-email'",
        )
        .await?;
    // Pay with empty fields focuses the first error.
    browser
        .wait_for("#number")
        .await?
        .send_keys("\u{e007}")
        .await?;
    ensure!(browser.run(FOCUSED).await? == "buyer-email");
    for (field, text) in [
        ("buyer-email", "buyer@shop.example"),
        ("number", VERIFIED),
        ("expiry", "1239"),
        ("cvc", "123"),
    ] {
        let focused = browser.run(FOCUSED).await?;
        ensure!(focused == field, "{focused} and not {field}");
        let active = browser.active_element().await?;
        active.send_keys(&format!("{text}\u{e004}")).await?;
    }
    ensure!(browser.run(FOCUSED).await? == "holder");
    let active = browser.active_element().await?;
    active.send_keys("\u{e004}").await?;
    ensure!(browser.run(FOCUSED).await? == "pay");
    browser.active_element().await?.send_keys(" ").await?;
    buyer.wait_for_screen("verification").await?;
    browser
        .until(
            "focus on the heading",
            "return document.activeElement.className === 'heading'",
        )
        .await?;
    browser.enter_frame("#verification-frame").await?;
    browser
        .wait_for("#confirm")
        .await?
        .send_keys("\u{e007}")
        .await?;
    buyer.return_to_widget(Mode::Frame).await?;
    buyer.wait_for_screen("paid").await?;
    browser
        .until(
            "focus on the outcome",
            "return document.activeElement.className === 'heading'",
        )
        .await?;
    browser
        .wait_for("#done")
        .await?
        .send_keys("\u{e007}")
        .await?;
    browser.leave_frames().await?;
    browser
        .until(
            "focus back on the button",
            "return document.activeElement.id === 'buy-iframe'",
        )
        .await?;
    buyer.close().await
}

/// Tab keeps the focus in the dialog.
#[tokio::test]
async fn the_focus_stays_in_the_dialog() -> Result<()> {
    let buyer = Buyer::start("trap", Screen::Desk).await?;
    let browser = &buyer.browser;
    buyer.open(Mode::Frame).await?;
    buyer.wait_for_screen("form").await?;
    for _ in 0..14 {
        browser
            .active_element()
            .await?
            .send_keys("\u{e004}")
            .await?;
        browser.leave_frames().await?;
        let at = browser.run("return document.activeElement.closest('dialog') !== null || document.activeElement === document.body").await?;
        ensure!(at == true, "the focus left the dialog");
        browser.enter_frame("dialog iframe").await?;
    }
    buyer.close().await
}

/// Errors, the card brand and the result are announced.
#[tokio::test]
async fn errors_and_outcomes_are_announced() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    browser.click("#pay").await?;
    browser.wait_for("#number[aria-invalid=true]").await?;
    let announced = browser
        .run(
            "const number = document.querySelector('#number');
            const error = document.getElementById(number.getAttribute('aria-describedby'));
            return [error.getAttribute('aria-live'), error.textContent]",
        )
        .await?;
    ensure!(
        announced == json!(["polite", "Enter your card number"]),
        "{announced}"
    );
    browser.type_into("#number", INSUFFICIENT_FUNDS).await?;
    let brand = "const brand = document.querySelector('.brand');
        return brand.getAttribute('aria-live') === 'polite' && brand.textContent === 'Visa'";
    browser.until("the brand", brand).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser
        .until("the decline", "return document.querySelector('[role=alert]').textContent.includes('insufficient funds')")
        .await?;
    ensure!(browser.run(FOCUSED).await? == "cvc");
    let number = browser.wait_for("#number").await?;
    number.clear().await?;
    number.send_keys(APPROVED).await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.wait_for("[data-screen=paid][role=status]").await?;
    hosted.browser.close().await
}

/// 320 px is also 1280 px at 400 %; 640 px is 1280 px at 200 %.
#[tokio::test]
async fn small_and_zoomed_screens_do_not_scroll_horizontally() -> Result<()> {
    let hosted = Hosted::with(Screen::Desk, &["--require", "country"], &[]).await?;
    let browser = &hosted.browser;
    for language in ["de", "el", "ar"] {
        for state in STATES {
            let (screen, opened) = hosted.invoice_in_state(state, language).await?;
            hosted
                .show(&opened, &format!("?locale={language}"), screen)
                .await?;
            for width in [320, 640] {
                browser.resize(width, 640).await?;
                let wide = "return document.documentElement.scrollWidth > innerWidth";
                ensure!(
                    browser.run(wide).await? == false,
                    "{width} {language} {screen}"
                );
            }
        }
    }
    hosted.browser.close().await
}

/// Text at twice the size is not cut off.
#[tokio::test]
async fn large_text_fits() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "?locale=de", "form").await?;
    let cut = "document.documentElement.style.fontSize = '200%';
        return [...document.querySelectorAll('#till *')].filter((e) =>
            getComputedStyle(e).overflow === 'hidden' && e.className !== 'said'
            && e.scrollWidth > e.clientWidth).map((e) => e.outerHTML)";
    let cut = hosted.browser.run(cut).await?;
    ensure!(cut == json!([]), "{cut}");
    hosted.browser.close().await
}

/// Lists targets smaller than 44 px. The target of a radio button is its label.
const SMALL: &str =
    "return [...document.querySelectorAll('button, a, input:not([type=radio]), label:has(input), select, summary')]
        .map((e) => [e.id || e.tagName, e.getBoundingClientRect()])
        .filter(([, r]) => r.width > 0 && (r.width < 44 || r.height < 44)).map(([name, r]) => [name, r.width, r.height])";

#[tokio::test]
async fn targets_are_large_enough() -> Result<()> {
    let hosted = Hosted::with(Screen::Phone, &["--require", "country"], &[]).await?;
    for state in STATES {
        let (screen, opened) = hosted.invoice_in_state(state, "targets").await?;
        hosted.show(&opened, "", screen).await?;
        let found = hosted.browser.run(SMALL).await?;
        ensure!(found == json!([]), "{state}: {found}");
    }
    hosted.browser.close().await?;

    let buyer = Buyer::start("targets", Screen::Phone).await?;
    buyer.open(Mode::Frame).await?;
    buyer.fill_in(VERIFIED).await?;
    buyer.browser.click("#pay").await?;
    buyer.wait_for_screen("verification").await?;
    buyer.browser.click("#close").await?;
    buyer.wait_for_screen("confirm-close").await?;
    let found = buyer.browser.run(SMALL).await?;
    ensure!(found == json!([]), "{found}");
    buyer.close().await
}

#[tokio::test]
async fn reduced_motion_and_forced_colors_are_respected() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    browser
        .emulate_media(&[
            ("prefers-reduced-motion", "reduce"),
            ("forced-colors", "active"),
        ])
        .await?;
    hosted.show(&opened, "", "form").await?;
    let moves = "return [...document.querySelectorAll('*')].filter((e) =>
        getComputedStyle(e).transitionDuration !== '0s').length";
    ensure!(browser.run(moves).await? == 0, "a transition is active");
    let edges = "return ['#pay', '#number'].map((css) =>
        getComputedStyle(document.querySelector(css)).borderTopStyle)";
    let edges = browser.run(edges).await?;
    ensure!(edges == json!(["solid", "solid"]), "{edges}");
    browser.screenshot("forced-colors").await?;
    // The progress indicator turns slowly and the skeleton is not animated.
    let (screen, opened) = hosted.invoice_in_state("processing", "1").await?;
    hosted.show(&opened, "", screen).await?;
    let turns = "return getComputedStyle(document.querySelector('.spinner')).animationDuration";
    ensure!(browser.run(turns).await? == "4s");
    browser.block(&["*/v1/widget/*"]).await?;
    hosted.show(&opened, "", "loading").await?;
    let breathes = "return getComputedStyle(document.querySelector('.placeholder')).animationName";
    ensure!(browser.run(breathes).await? == "none");
    hosted.browser.close().await
}
