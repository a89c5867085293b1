//! A merchant's page on its own origin.

use crate::app::TestApp;
use crate::browser::Browser;
use crate::client::Opened;
use anyhow::Result;
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;

/// Serves a page and returns its origin. `TILL` in the page is replaced by the server's URL.
pub async fn serve(page: &str, till: &str) -> Result<String> {
    let page = page.replace("TILL", till);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let router = Router::new().fallback(get(move || async move { Html(page) }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(origin)
}

/// A page with a button that opens the widget and an app. `window.events` lists the widget's events.
pub struct Shop {
    /// The app.
    pub app: TestApp,
    /// The button's invoice.
    pub opened: Opened,
    /// The page's origin, which is cross-site to the server.
    pub url: String,
}

const PAGE: &str = "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>
    <title>Shop</title><script>window.events = [];
    for (const name of ['open', 'popup_blocked', 'ready', 'fixation', 'verification', 'paid',
        'declined', 'error', 'close']) addEventListener('till:' + name, () => events.push(name));</script>
    <script src='TILL/till.js' data-project='PK' ATTRIBUTES async></script>
    <button id=buy data-till-invoice='INVOICE' data-till-token='TOKEN'>Buy</button>";

impl Shop {
    /// Starts a shop with additional attributes of the script tag and arguments for
    /// `till project create`.
    pub async fn open(attributes: &str, project: &[&str]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://shop.localhost:{}", listener.local_addr()?.port());
        let app = TestApp::with(&[&["--origin", url.as_str()], project].concat()).await?;
        let opened = app.api.invoice("1").await?;
        let page = PAGE
            .replace("TILL", &app.api.url)
            .replace("PK", &app.keys.pk)
            .replace("ATTRIBUTES", attributes)
            .replace("INVOICE", &opened.id)
            .replace("TOKEN", &opened.token);
        let router = Router::new().fallback(get(async move || Html(page.clone())));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { app, opened, url })
    }

    /// Loads the page, opens the dialog with the button and enters its frame.
    pub async fn open_dialog(&self, browser: &Browser) -> Result<()> {
        browser.goto(&self.url).await?;
        browser
            .until("the script", "return Boolean(window.Till)")
            .await?;
        browser.click("#buy").await?;
        browser.enter_frame("dialog[open] iframe").await
    }

    /// Waits until the page has received exactly these events.
    pub async fn wait_for_events(&self, browser: &Browser, events: &str) -> Result<()> {
        let script = format!("return events.join(' ') === '{events}'");
        let received = browser.until(events, &script).await;
        let events = browser.run("return events.join(' ')").await?;
        received.map_err(|error| error.context(format!("the page received {events}")))
    }
}
