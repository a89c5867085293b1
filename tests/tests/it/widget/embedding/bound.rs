//! The widget's page belongs to one project and shows one invoice: no site makes it show or pay another.

use super::{Page, Site};
use anyhow::{Result, ensure};
use serde_json::json;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, Opened};

/// A frame that the page itself makes, without till.js. `errors` are the codes that the widget reports.
const FRAME: &str = "window.show = (url, open) => new Promise((resolve) => {
        document.querySelector('#here iframe')?.remove();
        window.codes = [];
        const frame = document.createElement('iframe');
        frame.src = url;
        frame.width = 600;
        frame.height = 700;
        window.tell = (message) => frame.contentWindow.postMessage(message, new URL(url).origin);
        window.onmessage = ({ source, data }) => {
            if (source !== frame.contentWindow) return;
            if (data.till === 'loaded' && open) tell({ till: 'open', ...open });
            if (data.till === 'error') codes.push(data.code);
            if (['ready', 'error'].includes(data.till)) resolve();
        };
        here.append(frame);
    })";

async fn open() -> Result<Page> {
    let site = Site {
        body: "<div id=here></div>",
        ..Site::default()
    };
    let page = site.open().await?;
    page.run(FRAME).await?;
    Ok(page)
}

impl Page {
    /// Shows a URL of the server in a frame, opens an invoice there, and waits until the widget is
    /// ready or has failed.
    async fn show(&self, path: &str, open: Option<&Opened>) -> Result<()> {
        let open = open.map_or("null".to_owned(), |Opened { id, token }| {
            format!("{{ invoice: '{id}', token: '{token}' }}")
        });
        let url = format!("{}{path}", self.app.api.url);
        self.run(&format!(
            "window.shown = false;
            show('{url}'.replace('FROM', 'mode=inline&origin=' + location.origin), {open}).then(() => window.shown = true)"
        ))
        .await?;
        self.browser.until("an answer", "return shown").await
    }
}

#[tokio::test]
async fn another_projects_invoice_is_not_shown() -> Result<()> {
    let page = open().await?;
    let app = &page.app;
    let keys = app.project_at(&app.project.url, &[]).await?;
    let other = Api::new(&app.api.url, &keys)?.invoice("1").await?;
    let [a, b, _] = &page.invoices;
    let frame = format!("/pay/frame?project={}&FROM", app.keys.pk);
    let (own, foreign, mixed) = (
        format!("/pay/{}?FROM#token={}", a.id, a.token),
        // An address that the server reads as A's, with an invoice that the page could take instead.
        format!(
            "/pay/%69nv_{}?invoice={}&FROM#token={}",
            &a.id[4..],
            other.id,
            other.token
        ),
        format!(
            "/pay/%69nv_{}?invoice={}&FROM#token={}",
            &a.id[4..],
            b.id,
            b.token
        ),
    );
    for (path, open, shows) in [
        (&frame, Some(a), true),
        (&frame, Some(&other), false),
        (&own, None, true),
        (&own, Some(&other), true),
        (&foreign, None, false),
        (&mixed, None, false),
    ] {
        page.show(path, open).await?;
        let codes = page.run("return codes").await?;
        page.browser.enter_frame("#here iframe").await?;
        let screen = if shows { "form" } else { "failed" };
        let seen = format!("main [data-screen={screen}]");
        page.browser.wait_for(&seen).await?;
        page.browser.leave_frames().await?;
        let expected = if shows {
            json!([])
        } else {
            json!(["unauthorized"])
        };
        ensure!(codes == expected, "{path}: {codes}");
    }
    page.close().await
}

#[tokio::test]
async fn the_invoice_that_is_shown_is_paid() -> Result<()> {
    let page = open().await?;
    let [a, b, _] = &page.invoices;
    let frame = format!("/pay/frame?project={}&FROM", page.app.keys.pk);
    page.show(&frame, Some(a)).await?;
    page.enter("#here iframe").await?;
    page.browser.type_into("#number", APPROVED).await?;
    page.browser.leave_frames().await?;
    for till in ["prepare", "open"] {
        let Opened { id, token } = b;
        page.run(&format!(
            "tell({{ till: '{till}', invoice: '{id}', token: '{token}' }})"
        ))
        .await?;
    }
    page.enter("#here iframe").await?;
    page.browser.type_into("#expiry", "1239").await?;
    page.browser.type_into("#cvc", "123").await?;
    page.browser.click("#pay").await?;
    let paid = page.browser.wait_for("main [data-screen=paid]").await?;
    let text = paid.text().await?;
    ensure!(text.contains("Visa ending in 4242"), "{text}");
    page.browser.leave_frames().await?;
    page.app.api.until_status(&a.id, "paid").await?;
    ensure!(page.app.api.read(&b.id).await?["status"] == "open");
    page.close().await
}

/// Messages from a site that has opened the hosted page, also from windows that are gone since.
#[tokio::test]
async fn the_hosted_page_takes_no_messages() -> Result<()> {
    let page = open().await?;
    let [a, b, _] = &page.invoices;
    let Opened { id, token } = b;
    let message = format!("{{ till: 'open', invoice: '{id}', token: '{token}' }}");
    // As soon as a script of the page listens.
    page.browser
        .run_on_new_pages(&format!(
            "const send = (source) => dispatchEvent(new MessageEvent('message',
                {{ source, origin: 'https://evil.example', data: {message} }}));
            const sendAll = () => (send(null), send(opener));
            const [add, get] = [addEventListener, fetch];
            window.asked = [];
            window.fetch = (...what) => (asked.push(what[0].url ?? what[0]), get(...what));
            window.addEventListener = (name, ...rest) => {{
                add(name, ...rest);
                if (name === 'message') queueMicrotask(sendAll);
            }};
            add('load', () => setTimeout(() => (sendAll(), window.sent = true), 2000))"
        ))
        .await?;
    for around in ["", "&mode=inline"] {
        let address = format!(
            "{}/pay/{}?origin=https://evil.example{around}#token={}",
            page.app.api.url, a.id, a.token
        );
        page.browser.goto("about:blank").await?;
        page.browser.goto(&address).await?;
        page.browser
            .until("the messages", "return window.sent")
            .await?;
        let asked = page.run("return asked").await?.to_string();
        ensure!(!asked.contains(&b.id), "{around}: {asked}");
        let shows_a = asked.contains(&format!("/v1/widget/invoices/{}", a.id));
        ensure!(shows_a == around.is_empty(), "{around}: {asked}");
    }
    page.browser.close().await
}
