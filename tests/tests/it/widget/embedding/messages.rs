//! Messages from elsewhere, and with unknown content, are dropped.

use super::Site;
use anyhow::Result;

#[tokio::test]
async fn foreign_and_unknown_messages_are_dropped() -> Result<()> {
    let body = "<div id=here></div><iframe id=stranger srcdoc='<p>Advertisement'></iframe>";
    let page = Site {
        body,
        ..Site::default()
    }
    .open()
    .await?;
    page.run("window.handle = listen(Till().open(A, { container: here })); listen(Till().open(B))")
        .await?;
    page.browser
        .until(
            "both",
            "return events.filter((e) => e.startsWith('ready')).length === 2",
        )
        .await?;
    page.run("events.length = 0").await?;
    let messages = "const { A, B } = window.shop; const all = [null, 0, 'close', [], {}, { till: null }, { till: 42 }, { till: {} },
        { till: 'constructor' }, { till: '__proto__' }, { till: 'toString' }, { till: 'refund', invoice: A.invoice },
        { till: 'resize' }, { till: 'resize', height: 'tall' }, { till: 'resize', height: NaN }, { till: 'resize', height: -5 },
        { till: 'named' }, { till: 'named', payment: {}, close: 1 },
        { till: 'navigate' }, { till: 'navigate', url: 'javascript:alert(1)' }, { till: 'navigate', url: 'https://[' }, { till: 'navigate', url: {} },
        { till: 'paid', invoice: 'inv_other', status: 'paid' }, { till: 'close', invoice: 'inv_other' }];";
    // From the widget's own windows: unknown content.
    for frame in ["#here iframe", "dialog[open] iframe"] {
        let shop = page.run("return { A, B }").await?;
        page.browser.enter_frame(frame).await?;
        page.run(&format!(
            "window.shop = {shop}; {messages} all.forEach((m) => parent.postMessage(m, '*'))"
        ))
        .await?;
        page.browser.leave_frames().await?;
    }
    // From the page itself and from another frame: known content.
    page.run("for (const till of ['close', 'paid', 'ready', 'navigate', 'loaded']) {
            const message = { till, invoice: A.invoice, status: 'paid', url: 'https://evil.example/' };
            postMessage(message, '*');
            stranger.contentWindow.eval(`parent.postMessage(${JSON.stringify(message)}, '*')`);
            dispatchEvent(new MessageEvent('message', { origin: new URL(document.querySelector('script[src]').src).origin, data: message }));
        }")
        .await?;
    // A last message that is known arrives after all of them.
    page.browser.enter_frame("dialog[open] iframe").await?;
    page.run("parent.postMessage({ till: 'paid', invoice: shop.B.invoice, status: 'paid', extra: 1 }, '*')")
        .await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("paid B").await?;
    page.assert("return here.querySelector('iframe').clientHeight > 200 && document.querySelectorAll('dialog[open]').length === 1")
        .await?;
    page.close().await
}
