//! The examples in docs/examples: each takes a payment in a browser.

use super::packages::{install, modules, root, run};
use anyhow::{Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use till_tests::TestApp;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::APPROVED;
use till_tests::client::Api;
use till_tests::wait::until;
use tokio::net::TcpListener;

/// A minimal project server: a page, a bundle and an order.
struct Shop {
    app: TestApp,
    url: String,
}

struct Site {
    api: Api,
    page: String,
    bundle: String,
    orders: AtomicU32,
}

impl Site {
    async fn order(&self) -> Result<Value> {
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        let opened = self.api.invoice(&number.to_string()).await?;
        Ok(json!({ "invoice": opened.id, "token": opened.token }))
    }
}

async fn shop(example: &str) -> Result<(Shop, TempDir)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = TestApp::with(&["--origin", &url]).await?;
    let dir = tempfile::tempdir()?;
    install(dir.path())?;
    let from = root()?.join("docs/examples").join(example);
    let fill = |text: String| {
        text.replace("https://till.example", &app.api.url)
            .replace("pk_...", &app.keys.pk)
    };
    let mut page = fill(std::fs::read_to_string(from.join("index.html"))?);
    let mut bundle = String::new();
    for main in ["main.jsx", "main.js"] {
        let Ok(source) = std::fs::read_to_string(from.join(main)) else {
            continue;
        };
        std::fs::write(dir.path().join(main), fill(source))?;
        run(Command::new(modules()?.join("esbuild/bin/esbuild"))
            .args([
                main,
                "--bundle",
                "--outfile=bundle.js",
                "--log-level=warning",
            ])
            // In development, React's StrictMode runs every effect twice.
            .arg("--define:process.env.NODE_ENV=\"development\"")
            .args([
                "--define:__VUE_OPTIONS_API__=true",
                "--define:__VUE_PROD_DEVTOOLS__=false",
            ])
            .arg("--define:__VUE_PROD_HYDRATION_MISMATCH_DETAILS__=false")
            .env("NODE_PATH", modules()?)
            .current_dir(dir.path()))?;
        bundle = std::fs::read_to_string(dir.path().join("bundle.js"))?;
    }
    if page.contains("inv_...") {
        let opened = app.api.invoice("plain").await?;
        page = page
            .replace("inv_...", &opened.id)
            .replace("ct_...", &opened.token);
    }
    let site = std::sync::Arc::new(Site {
        api: app.api.clone(),
        page,
        bundle,
        orders: AtomicU32::new(1),
    });
    let router = Router::new()
        .route(
            "/",
            get(async |State(site): State<std::sync::Arc<Site>>| Html(site.page.clone())),
        )
        .route(
            "/bundle.js",
            get(async |State(site): State<std::sync::Arc<Site>>| {
                ([("content-type", "text/javascript")], site.bundle.clone())
            }),
        )
        .route(
            "/orders",
            post(
                async |State(site): State<std::sync::Arc<Site>>| match site.order().await {
                    Ok(order) => axum::Json(order).into_response(),
                    Err(error) => {
                        (axum::http::StatusCode::BAD_GATEWAY, error.to_string()).into_response()
                    }
                },
            ),
        )
        .with_state(site);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((Shop { app, url }, dir))
}

async fn pay(browser: &Browser, frame: &str) -> Result<()> {
    browser.enter_frame(frame).await?;
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.wait_for("main [data-screen=paid]").await?;
    browser.leave_frames().await?;
    browser
        .until("the paid event", "return /^Thank you! inv_\\w+ is paid\\.$/.test(document.querySelector('#outcome').textContent)")
        .await
}

async fn example(name: &str) -> Result<()> {
    let (shop, _files) = shop(name).await?;
    let browser = Browser::start(Screen::Desk).await?;
    browser.goto(&shop.url).await?;
    browser.click("#buy").await?;
    pay(&browser, "dialog[open] iframe").await?;
    ensure!(shop.app.net_captured().await? == 1999);
    browser.close().await
}

#[tokio::test]
async fn the_plain_example_takes_a_payment() -> Result<()> {
    example("plain").await
}

#[tokio::test]
async fn the_react_example_takes_a_payment() -> Result<()> {
    example("react").await
}

/// Mounts the widget, changes the order, unmounts it, and pays.
async fn inline_example(name: &str) -> Result<()> {
    let (shop, _files) = shop(name).await?;
    let browser = Browser::start(Screen::Desk).await?;
    let record = "window.errors = [];
        addEventListener('error', (event) => errors.push(event.message));
        addEventListener('unhandledrejection', (event) => errors.push(String(event.reason)));";
    browser.run_on_new_pages(record).await?;
    browser.goto(&shop.url).await?;
    let frames = "return [...document.querySelectorAll('iframe[data-till=inline]')]
        .map((frame) => frame.src.split('/pay/')[1]?.split('?')[0] ?? '')";
    let mut seen = vec![];
    for button in ["#harbor", "#forest", "#harbor"] {
        browser.click(button).await?;
        until("the order's widget, alone", async || {
            let shown = browser.run(frames).await?;
            let [invoice] = shown.as_array().map_or(&[][..], |list| list) else {
                return Ok(false);
            };
            let is_new = !seen.contains(invoice) && invoice != "";
            if is_new {
                seen.push(invoice.clone());
            }
            Ok(is_new)
        })
        .await?;
        browser.enter_frame("iframe[data-till=inline]").await?;
        browser.wait_for("main [data-screen=form]").await?;
        browser.leave_frames().await?;
    }
    browser.click("#leave").await?;
    let gone = "return !document.querySelector('iframe[data-till=inline]')";
    browser.until("the widget to be gone", gone).await?;
    // Unmounted before the widget is there.
    browser.click("#forest").await?;
    browser.wait_for("iframe[data-till=inline]").await?;
    browser.click("#leave").await?;
    browser.until("the widget to be gone", gone).await?;
    browser.click("#harbor").await?;
    pay(&browser, "iframe[data-till=inline]").await?;
    ensure!(shop.app.net_captured().await? == 1999);
    let errors = browser.run("return errors").await?;
    ensure!(errors == json!([]), "{errors}");
    let shop_is_there = "return Boolean(document.querySelector('#harbor'))";
    ensure!(browser.run(shop_is_there).await? == true);
    browser.close().await
}

#[tokio::test]
async fn the_react_example_in_the_page_follows_the_order() -> Result<()> {
    inline_example("react-inline").await
}

#[tokio::test]
async fn the_vue_example_follows_the_order() -> Result<()> {
    inline_example("vue").await
}
