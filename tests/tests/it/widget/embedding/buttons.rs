//! Buttons and elements in shadow roots.

use super::{Page, Site};
use anyhow::Result;
use till_tests::cards::APPROVED;

/// A button two shadow roots deep, beside another element, and a `<till-pay>` in one.
const BODY: &str = "<div id=outer></div><div id=inline></div><script>
    const shadow = (host, html) => Object.assign(host.attachShadow({ mode: 'open' }), { innerHTML: html });
    const middle = shadow(outer, '<p>A card</p><div id=inner></div>').querySelector('#inner');
    window.root = shadow(middle, '<p id=beside tabindex=0>A print</p><button data-till-invoice=A_INVOICE data-till-token=A_TOKEN><b>Buy</b></button>');
    window.buy = root.querySelector('button');
    window.deep = shadow(inline, '<div></div>').querySelector('div');
    </script>";

async fn open(attributes: &str) -> Result<Page> {
    Site {
        body: BODY,
        attributes,
        ..Site::default()
    }
    .open()
    .await
}

#[tokio::test]
async fn a_button_in_nested_shadow_roots_opens_the_widget() -> Result<()> {
    let page = open("").await?;
    // A real click, on an element inside the button.
    let place = page
        .run("const { x, y } = buy.querySelector('b').getBoundingClientRect(); return [x, y]")
        .await?;
    let at = |i: usize| place[i].as_f64().unwrap_or_default() + 3.0;
    for kind in ["mousePressed", "mouseReleased"] {
        let event = serde_json::json!({ "type": kind, "x": at(0), "y": at(1), "button": "left", "clickCount": 1 });
        page.browser
            .devtools("Input.dispatchMouseEvent", event)
            .await?;
    }
    page.enter("dialog[open] iframe").await?;
    page.pay(APPROVED).await?;
    page.browser.click("#done").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, ready A, fixation A, paid A, close A")
        .await?;
    // The focus is back inside the shadow root.
    page.assert("return root.activeElement === buy").await?;
    page.run("buy.disabled = true; buy.click(); buy.disabled = false")
        .await?;
    page.run("events.length = 0; buy.click()").await?;
    page.wait_for_events("open A, ready A, paid A").await?;
    page.close().await
}

/// The events of an element cross the shadow root.
#[tokio::test]
async fn an_element_in_a_shadow_root_tells_the_page() -> Result<()> {
    let page = open("").await?;
    page.run(
        "const element = document.createElement('till-pay');
        element.setAttribute('invoice', B.invoice);
        element.setAttribute('token', B.token);
        deep.append(element)",
    )
    .await?;
    page.wait_for_events("open B, ready B").await?;
    page.run("deep.firstChild.remove()").await?;
    page.wait_for_events("open B, ready B, close B").await?;
    page.close().await
}

/// Pointer, focus and touch prepare the button, also when they come from inside the same shadow root.
#[tokio::test]
async fn a_button_in_a_shadow_root_is_prepared() -> Result<()> {
    for hint in [
        "buy.dispatchEvent(new PointerEvent('pointerover', { bubbles: true, composed: true }))",
        "buy.focus()",
        "buy.dispatchEvent(new TouchEvent('touchstart', { bubbles: true, composed: true }))",
        // The browser shows the second move inside the shadow root only.
        "const beside = root.querySelector('#beside'); beside.focus(); buy.focus()",
    ] {
        let page = open("").await?;
        // The preloaded frame knows no invoice until the hint.
        page.browser
            .enter_frame("dialog:not([open]) iframe")
            .await?;
        let calls = "return performance.getEntriesByType('resource').filter((e) => e.name.includes('/v1/')).length";
        page.browser
            .until("the code", "return Boolean(window.till)")
            .await?;
        let before = page.run(calls).await?;
        anyhow::ensure!(before == 0, "{before}");
        page.browser.leave_frames().await?;
        page.run(hint).await?;
        page.browser
            .enter_frame("dialog:not([open]) iframe")
            .await?;
        page.browser.wait_for("#number").await?;
        page.browser.leave_frames().await?;
        page.close().await?;
    }
    Ok(())
}

/// Wrong settings are reported by the press, and by nothing else.
#[tokio::test]
async fn wrong_settings_are_reported_by_the_press() -> Result<()> {
    let page = open("data-mode=modal").await?;
    page.run("buy.focus(); buy.dispatchEvent(new PointerEvent('pointerover', { bubbles: true, composed: true }))")
        .await?;
    page.run("return new Promise((done) => requestIdleCallback(done, { timeout: 1000 }))")
        .await?;
    page.run("buy.click()").await?;
    page.wait_for_events("error not-opened").await?;
    page.close().await
}
