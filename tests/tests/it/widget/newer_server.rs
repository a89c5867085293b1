//! Answers of a newer server: the widget shows what it knows, and never a wrong state. The page's
//! `fetch` changes the answers of the real server.

use anyhow::{Result, ensure};
use till_tests::browser::Screen;
use till_tests::browser::hosted::Hosted;

/// Shows the form of an invoice whose billing data are changed by a script. `data`: the billing data.
async fn show(change: &str, screen: &str) -> Result<Hosted> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let opened = hosted.app.api.invoice("1").await?;
    let script = format!(
        "const real = window.fetch;
        window.fetch = async (...args) => {{
            const response = await real(...args);
            if (!/invoices\\/inv_[a-z0-9]+$/.test(response.url)) return response;
            const data = await response.json();
            {change};
            return new Response(JSON.stringify(data), {{ headers: response.headers }});
        }}"
    );
    hosted.browser.run_on_new_pages(&script).await?;
    hosted.show(&opened, "", screen).await?;
    Ok(hosted)
}

#[tokio::test]
async fn unknown_fields_and_methods_are_left_out() -> Result<()> {
    let change = "data.loyalty = { points: 3, text: 'a \"quoted\" text', none: null, list: [[1.5e3, true]] };
        data.methods = [{ method: 'telepathy', fields: [] }, ...data.methods, { method: 'ideal', fields: [], fee: 1 }];
        data.missing = ['shoe_size', 'email'];
        data.theme = 'sepia'; data.description = 'Zwei\\nZeilen \\u00e4\\u{1f5bc}'";
    let hosted = show(change, "form").await?;
    let script = "return [[...document.querySelectorAll('.method')].map((m) => m.innerText),
        [...document.querySelectorAll('.field label')].map((l) => l.innerText)[0],
        document.querySelector('.description').textContent]";
    let shown = hosted.browser.run(script).await?;
    let expected = serde_json::json!([["Card", "iDEAL"], "Email", "Zwei\nZeilen ä\u{1f5bc}"]);
    ensure!(shown == expected, "{shown}");
    hosted.browser.close().await
}

#[tokio::test]
async fn an_unknown_payment_is_pending() -> Result<()> {
    let payment = "data.status = 'processing'; data.verification = { kind: 'telepathy', depth: 2 };
        data.payment = { id: 'pay_1', method: 'barter', status: 'pondering', updated_at: '2026-01-01T00:00:00Z' }";
    let hosted = show(payment, "processing").await?;
    hosted.browser.close().await?;
    let declined = "data.payment = { id: 'pay_1', method: 'card', status: 'declined', updated_at: '2026-01-01T00:00:00Z',
        decline: { code: 'bad_hair_day', message: '' }, card: { brand: 'new', last4: '1', exp_month: 1, exp_year: 2030 } }";
    let hosted = show(declined, "form").await?;
    let banner = hosted
        .browser
        .wait_for("#error-banner")
        .await?
        .text()
        .await?;
    ensure!(banner.contains("Your bank declined the card"), "{banner}");
    hosted.browser.close().await
}

/// The state of the invoice decides about money: one that is not known is not shown as another.
#[tokio::test]
async fn an_unknown_state_is_not_shown() -> Result<()> {
    for change in [
        "data.status = 'on_hold'",
        "delete data.status",
        "data.amount = '19.99'",
    ] {
        let hosted = show(change, "failed").await?;
        let text = hosted.browser.wait_for("[data-screen=failed]").await?;
        let text = text.text().await?;
        ensure!(text.contains("could not be loaded"), "{change}: {text}");
        ensure!(!text.contains("charged"), "{change}: {text}");
        let form = hosted.browser.run("return document.querySelector('#pay')");
        ensure!(form.await?.is_null(), "{change}");
        hosted.browser.wait_for("#retry").await?;
        hosted.browser.close().await?;
    }
    Ok(())
}
