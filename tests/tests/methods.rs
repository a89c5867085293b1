//! The choice of methods. The server's answers are changed on their way into the browser, so that
//! methods are there which no connector of this test has.

use anyhow::{Result, ensure};
use serde_json::json;
use till_tests::browser::Screen;
use till_tests::hosted::Hosted;

/// Adds two methods to billing data, and answers the fixation of one of them.
const MORE_METHODS: &str = "
    const real = window.fetch;
    window.sent = [];
    window.fetch = async (url, init) => {
        const path = new URL(url, location.href).pathname;
        if (path.endsWith('/payments')) {
            window.sent.push(JSON.parse(init.body));
            return Response.json({
                payment: { id: 'pay_1', method: 'paypal', status: 'requires_verification', updated_at: '2026-01-01T00:00:00Z' },
                verification: { kind: 'redirect', url: location.origin + '/till.d.ts?bank' },
            }, { status: 201 });
        }
        const answer = await real(url, init);
        if (!/\\/inv_[a-z0-9]+$/.test(path)) return answer;
        const body = await answer.json();
        body.methods = window.ways ?? [...body.methods, { method: 'paypal', fields: [] }, { method: 'ideal', fields: [] }];
        return Response.json(body);
    };";

#[tokio::test]
async fn another_method_needs_no_card() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.world.api.invoice("1").await?;
    hosted.shows(&opened, "", "form").await?;
    ensure!(
        browser
            .find_all(fantoccini::Locator::Css("[name=method]"))
            .await?
            .is_empty()
    );

    browser.before_pages(MORE_METHODS).await?;
    hosted.shows(&opened, "", "form").await?;
    let shown = "return [...document.querySelectorAll('.method')].map((m) =>
        [m.textContent, m.querySelector('input').checked])";
    let shown = browser.run(shown).await?;
    ensure!(
        shown == json!([["Card", true], ["PayPal", false], ["iDEAL", false]]),
        "{shown}"
    );
    browser.type_into("#number", "4242").await?;
    browser.keep("methods-card").await?;
    browser.click("[value=paypal]").await?;
    browser
        .until(
            "no card fields",
            "return !document.querySelector('#number')",
        )
        .await?;
    let label = browser.see("#pay").await?.text().await?;
    ensure!(label == "Continue to PayPal · €19.99", "{label}");
    let found = browser.violations().await?;
    ensure!(found.is_empty(), "{found:#?}");
    browser.keep("methods-paypal").await?;
    // What was typed is still there.
    browser.click("[value=card]").await?;
    let number = browser.see("#number").await?.prop("value").await?;
    ensure!(number.as_deref() == Some("4242"), "{number:?}");
    browser.click("[value=paypal]").await?;
    browser.run("window.name = 'here'").await?;
    browser.click("#pay").await?;
    browser
        .until("the method's page", "return location.search === '?bank'")
        .await?;
    hosted.browser.close().await
}

/// The only method, and not a card: one button.
#[tokio::test]
async fn a_single_other_method_is_a_button() -> Result<()> {
    let hosted = Hosted::start(Screen::Phone).await?;
    let browser = &hosted.browser;
    let opened = hosted.world.api.invoice("1").await?;
    let only = format!("window.ways = [{{ method: 'ideal', fields: [] }}]; {MORE_METHODS}");
    browser.before_pages(&only).await?;
    hosted.shows(&opened, "", "form").await?;
    let left = "return [document.querySelectorAll('input').length, document.querySelector('#pay').textContent]";
    let left = browser.run(left).await?;
    ensure!(left == json!([0, "Continue to iDEAL · €19.99"]), "{left}");
    hosted.browser.close().await
}
