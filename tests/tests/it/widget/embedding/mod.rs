//! How a page embeds the widget: elements, buttons, popups, single-page apps, and failures to load.

mod bound;
mod buttons;
mod element;
mod failure;
mod forms;
mod messages;
mod page_frame;
mod pinned;
mod popup;
mod refused;
mod remembered;
mod removal;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Html;
use axum::routing::get;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::browser::{Browser, Screen};
use till_tests::client::{Opened, send};
use till_tests::faults::relay::Relay;
use tokio::net::TcpListener;

/// A page with till.js. `A`, `B` and `C` are invoices with their tokens. `events` lists the events of elements,
/// and of the handles that were given to `listen`. `errors` lists what no handler caught.
const PAGE: &str = "<!doctype html><meta charset=utf-8><title>Shop</title><script>
    window.events = []; window.errors = [];
    addEventListener('error', (e) => errors.push(e.message));
    addEventListener('unhandledrejection', (e) => errors.push(String(e.reason)));
    const invoices = INVOICES;
    Object.assign(window, invoices);
    const nameOf = (id) => Object.keys(invoices).find((name) => invoices[name].invoice === id) ?? id;
    const record = (name, { invoice, code }) => events.push([name, nameOf(invoice), code].filter(Boolean).join(' '));
    const NAMES = ['open', 'popup_blocked', 'ready', 'fixation', 'verification', 'paid', 'declined', 'expired', 'error', 'close'];
    for (const name of NAMES) document.addEventListener('till:' + name, (e) => record(name, e.detail));
    window.listen = (handle) => (NAMES.forEach((name) => handle.on(name, (detail) => record(name, detail))), handle);
    </script>
    <body>BODY";
const SCRIPT: &str = "<script src='TILL/till.js' data-project='PK' ATTRIBUTES async></script>";

/// The options of a page.
#[derive(Default)]
pub struct Site<'a> {
    /// The content of the body. `A_INVOICE`, `A_TOKEN` and so on, `TILL` and `ORIGIN` are replaced.
    pub body: &'a str,
    /// Attributes of the script tag.
    pub attributes: &'a str,
    /// Headers of the page.
    pub headers: &'a [(&'static str, &'a str)],
    /// Arguments of `till project create`.
    pub project: &'a [&'a str],
    /// Whether the project does not allow the page's origin.
    pub foreign: bool,
    /// A relay in front of the server.
    pub relay: Option<&'a Relay>,
    /// Additional switches of the browser.
    pub switches: &'a [&'a str],
    /// Whether the test adds the script tag itself, with [`Page::add_script`].
    pub without_script: bool,
}

/// A page in a browser.
pub struct Page {
    pub app: TestApp,
    pub browser: Browser,
    pub invoices: [Opened; 3],
    script: String,
}

impl Site<'_> {
    pub async fn open(self) -> Result<Page> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://shop.localhost:{}", listener.local_addr()?.port());
        let origin = if self.foreign {
            "http://other.localhost"
        } else {
            &url
        };
        let setup = Setup {
            project_args: &[&["--origin", origin], self.project].concat(),
            server_relay: self.relay,
            ..Setup::default()
        };
        let app = TestApp::set_up(setup).await?;
        let till = self.relay.map_or(&app.api.url, |relay| &relay.url).clone();
        let mut invoices = vec![];
        let mut known = json!({});
        let mut body = self.body.replace("TILL", &till).replace("ORIGIN", &url);
        for name in ["A", "B", "C"] {
            let opened = app.api.invoice(name).await?;
            known[name] = json!({ "invoice": opened.id, "token": opened.token });
            body = body
                .replace(&format!("{name}_INVOICE"), &opened.id)
                .replace(&format!("{name}_TOKEN"), &opened.token);
            invoices.push(opened);
        }
        let script = SCRIPT
            .replace("TILL", &till)
            .replace("PK", &app.keys.pk)
            .replace("ATTRIBUTES", self.attributes);
        let mut page = PAGE
            .replace("INVOICES", &known.to_string())
            .replace("BODY", &body);
        if !self.without_script {
            page += &script;
        }
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value.replace("TILL", &till))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let answer = async move || (headers.clone(), Html(page.clone()));
        let router = Router::new().fallback(get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let browser = Browser::with(Screen::Desk, self.switches).await?;
        browser.goto(&url).await?;
        let page = Page {
            app,
            browser,
            invoices: invoices
                .try_into()
                .map_err(|_| anyhow::anyhow!("three invoices"))?,
            script,
        };
        if !self.without_script {
            page.wait_for_script().await?;
        }
        Ok(page)
    }
}

impl Page {
    pub async fn wait_for_script(&self) -> Result<()> {
        self.browser
            .until("till.js", "return Boolean(window.Till)")
            .await
    }

    /// Loads till.js, as a slow network does after the page.
    pub async fn add_script(&self) -> Result<()> {
        let source = self.script.split('\'').nth(1).context("no source")?;
        let pk = &self.app.keys.pk;
        let add = format!(
            "const script = document.createElement('script');
            Object.assign(script, {{ src: '{source}' }});
            Object.assign(script.dataset, {{ project: '{pk}' }});
            document.head.append(script)"
        );
        self.browser.run(&add).await?;
        self.wait_for_script().await
    }

    /// Waits until the page has received exactly these events, separated by commas.
    pub async fn wait_for_events(&self, events: &str) -> Result<()> {
        let script = format!("return events.join(', ') === '{events}'");
        let received = self.browser.until(events, &script).await;
        let events = self.run("return events.join(', ')").await?;
        received.with_context(|| format!("the page received {events}"))
    }

    /// Runs a script in the page.
    pub async fn run(&self, script: &str) -> Result<Value> {
        self.browser.run(script).await
    }

    /// Runs a script in the page whose value is true.
    pub async fn assert(&self, script: &str) -> Result<()> {
        let value = self.run(script).await?;
        ensure!(value == true, "{script}: {value}");
        Ok(())
    }

    /// Enters the widget's frame and waits for the form.
    pub async fn enter(&self, frame: &str) -> Result<()> {
        self.browser.enter_frame(frame).await?;
        self.browser.wait_for("main [data-screen=form]").await?;
        Ok(())
    }

    /// Enters a card and presses Pay.
    pub async fn pay(&self, card: &str) -> Result<()> {
        self.browser.type_into("#number", card).await?;
        self.browser.type_into("#expiry", "1239").await?;
        self.browser.type_into("#cvc", "123").await?;
        self.browser.click("#pay").await
    }

    /// Presses a key where the focus is.
    pub async fn press(&self, key: &str) -> Result<()> {
        Ok(self.browser.active_element().await?.send_keys(key).await?)
    }

    /// Confirms the payment of an invoice at the bank.
    pub async fn confirm(&self, opened: &Opened) -> Result<()> {
        let api = &self.app.api;
        let data = send(api.widget(reqwest::Method::GET, opened, ""))
            .await?
            .json();
        let form = data["verification"]["url"].as_str().context("no form")?;
        let form = api.request(reqwest::Method::POST, form);
        send(form.form(&[("action", "confirm")])).await?;
        api.until_status(&opened.id, "paid").await?;
        Ok(())
    }

    /// Checks that no exception reached the page, and closes the browser.
    pub async fn close(self) -> Result<()> {
        let errors = self.run("return errors").await?;
        ensure!(errors == json!([]), "{errors}");
        self.browser.close().await
    }
}
