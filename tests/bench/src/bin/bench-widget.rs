//! `cargo xtask bench widget`: the time from the click to a usable card field, compared with Adyen's
//! Drop-in, with a slow processor and a mobile network.
//!
//! For the widget, the time ends when a typed key shows in the card field: the one of the page, in which
//! the buyer can type before the code has arrived, or the widget's own. Adyen's card fields are in
//! frames from Adyen's servers, which are not available here, so its time ends when its form is
//! first rendered. Calls to those servers are blocked, so that Drop-in does not wait for them.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::http::header;
use axum::response::Html;
use axum::routing::get;
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use till_tests::TestApp;
use till_tests::browser::{Browser, Screen};
use till_tests::client::Opened;
use tokio::net::TcpListener;

/// The slowdown of the processor.
const CPU: u32 = 4;
/// WebPageTest's 4G profile: round-trip time in milliseconds and bytes per second.
const LATENCY: u32 = 170;
const DOWN: u32 = 9_000_000 / 8;
const UP: u32 = 9_000_000 / 8;

/// Records the click and the end, in milliseconds of one clock in all frames.
const CLOCK: &str = "
    const now = () => performance.timeOrigin + performance.now();
    const stop = () => requestAnimationFrame(() => top.postMessage({ stopped: now() }, '*'));
    addEventListener('click', () => (window.clicked ??= now()), true);
    addEventListener('input', (event) => /^(early-)?number$/.test(event.target.id) && stop(), true);
    if (top === window) {
        addEventListener('message', ({ data }) => data.stopped && (window.stopped ??= data.stopped));
        new MutationObserver(() => {
            if (document.querySelector('.adyen-checkout__card-input') && !window.rendered) {
                window.rendered = true;
                stop();
            }
        }).observe(document, { childList: true, subtree: true });
    }";

const DROPIN: &str = r#"
    import { AdyenCheckout, Dropin, Card } from "@adyen/adyen-web";
    import "@adyen/adyen-web/styles/adyen.css";
    window.openDropin = async () => {
        const checkout = await AdyenCheckout({
            clientKey: "test_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", environment: "test", countryCode: "DE",
            locale: "en-US", amount: { value: 1999, currency: "EUR" }, analytics: { enabled: false },
            paymentMethodsResponse: { paymentMethods: [{ type: "scheme", name: "Cards", brands: ["visa", "mc", "amex"] }] },
            onSubmit() {}, onAdditionalDetails() {},
        });
        new Dropin(checkout, { paymentMethodComponents: [Card] }).mount("\#here");
    };
    document.dispatchEvent(new Event("dropin:loaded"));"#;

/// The measured widget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Ours,
    Adyen,
}

/// The time of the click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Some seconds after the page is loaded.
    Settled,
    /// As soon as the button exists.
    AtOnce,
}

fn variable(name: &str) -> Result<PathBuf> {
    let value = std::env::var_os(name).map(PathBuf::from);
    value.with_context(|| format!("{name}; run `cargo xtask bench widget`"))
}

/// Drop-in's script and style, bundled and compressed with Brotli.
fn bundle() -> Result<(Vec<u8>, Vec<u8>)> {
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("main.js"), DROPIN.replace("\\#", "#"))?;
    let esbuild = variable("TILL_NODE_MODULES")?.join("esbuild/bin/esbuild");
    let done = Command::new(esbuild)
        .args([
            "main.js",
            "--bundle",
            "--minify",
            "--format=iife",
            "--outfile=dropin.js",
        ])
        .args(["--target=es2022", "--log-level=error"])
        .env("NODE_PATH", variable("TILL_ADYEN_MODULES")?)
        .current_dir(dir.path())
        .status()?;
    ensure!(done.success(), "esbuild failed");
    let pack = "const zlib = require('zlib'), fs = require('fs');
        for (const file of ['dropin.js', 'dropin.css'])
            fs.writeFileSync(file + '.br', zlib.brotliCompressSync(fs.readFileSync(file)));";
    let done = Command::new("node")
        .args(["-e", pack])
        .current_dir(dir.path())
        .status()?;
    ensure!(done.success(), "node failed");
    Ok((
        std::fs::read(dir.path().join("dropin.js.br"))?,
        std::fs::read(dir.path().join("dropin.css.br"))?,
    ))
}

fn ours(app: &TestApp, opened: &Opened, site: &str) -> String {
    let (till, pk) = (&app.api.url, &app.keys.pk);
    let Opened { id, token } = opened;
    // A click before the script is loaded is repeated afterwards.
    format!(
        "<!doctype html><meta name=viewport content='width=device-width'><title>Ours</title>
         <script src='{till}/till.js' data-project='{pk}' async></script>
         <dialog data-till-frame>
             <iframe src='{till}/pay/{id}?mode=iframe&amp;preload&amp;origin={site}#token={token}'></iframe>
         </dialog>
         <button id=buy data-till-invoice='{id}' data-till-token='{token}'>Buy</button>
         <script>document.querySelector('#buy').addEventListener('click', () => {{
             if (!window.Till) document.addEventListener('till:loaded', () => buy.click(), {{ once: true }});
         }})</script>"
    )
}

const ADYENS: &str = "<!doctype html><meta name=viewport content='width=device-width'>
    <title>Adyen</title><link rel=stylesheet href=/dropin.css><script src=/dropin.js async></script>
    <button id=buy>Buy</button><div id=here></div>
    <script>document.querySelector('#buy').addEventListener('click', () => {
        if (window.openDropin) openDropin();
        else document.addEventListener('dropin:loaded', () => openDropin(), { once: true });
    })</script>";

async fn measured(url: &str, who: Who, when: When) -> Result<f64> {
    // On a touch screen the widget does not focus a field.
    let browser = Browser::start(Screen::Desk).await?;
    browser.block(&["*://*.adyen.com/*"]).await?;
    let network = json!({
        "offline": false, "latency": LATENCY, "downloadThroughput": DOWN, "uploadThroughput": UP,
    });
    browser
        .devtools("Network.emulateNetworkConditions", network)
        .await?;
    browser
        .devtools("Emulation.setCPUThrottlingRate", json!({ "rate": CPU }))
        .await?;
    browser.run_on_new_pages(CLOCK).await?;
    browser.goto(url).await?;
    browser.wait_for("#buy").await?;
    if when == When::Settled {
        tokio::time::sleep(Duration::from_secs(6)).await;
    }
    browser.click("#buy").await?;
    let mut took = None;
    for _ in 0..400 {
        if who == Who::Ours {
            for kind in ["keyDown", "keyUp"] {
                let key = json!({ "type": kind, "text": if kind == "keyDown" { "4" } else { "" }, "key": "4", "code": "Digit4" });
                browser.devtools("Input.dispatchKeyEvent", key).await?;
            }
        }
        let gone = browser.run("return window.stopped ? window.stopped - window.clicked : null");
        if let Some(milliseconds) = gone.await?.as_f64() {
            took = Some(milliseconds);
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    browser.close().await?;
    took.with_context(|| format!("{who:?} {when:?}: no result"))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

#[tokio::main]
async fn main() -> Result<()> {
    let runs: u32 = std::env::args().nth(1).unwrap_or_default().parse()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let site = format!("http://{}", listener.local_addr()?);
    let app = TestApp::with(&["--origin", &site]).await?;
    let (script, style) = bundle()?;
    println!(
        "Adyen's Drop-in: script {} + style {} bytes (brotli)",
        script.len(),
        style.len()
    );
    println!("Processor {CPU} times slower, {LATENCY} ms round trip, {runs} runs, medians in ms:");
    let file = |kind: &'static str, body: Vec<u8>| {
        get(async move || {
            (
                [
                    (header::CONTENT_TYPE, kind),
                    (header::CONTENT_ENCODING, "br"),
                ],
                body,
            )
        })
    };
    let opened = app.api.invoice("bench").await?;
    let page = ours(&app, &opened, &site);
    let router = Router::new()
        .route("/ours", get(async move || Html(page)))
        .route("/adyen", get(async || Html(ADYENS)))
        .route("/dropin.js", file("text/javascript", script))
        .route("/dropin.css", file("text/css", style));
    tokio::spawn(async move { axum::serve(listener, router).await });
    for when in [When::Settled, When::AtOnce] {
        let (mut mine, mut theirs) = (vec![], vec![]);
        for _ in 0..runs {
            mine.push(measured(&format!("{site}/ours"), Who::Ours, when).await?);
            theirs.push(measured(&format!("{site}/adyen"), Who::Adyen, when).await?);
        }
        let (mine, theirs) = (median(mine), median(theirs));
        // The ratio of the widget's time to Drop-in's that it may have.
        let (label, target) = match when {
            When::Settled => ("click on a loaded page", 0.35),
            When::AtOnce => ("click as soon as the button exists", 0.8),
        };
        let ratio = mine / theirs;
        println!(
            "  {label}: ours {mine:.0}, Adyen {theirs:.0}, ratio {ratio:.2} (target {target})"
        );
    }
    Ok(())
}
