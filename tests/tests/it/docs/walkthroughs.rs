//! The documentation's walkthroughs, executed.

use super::snippets::{ACCOUNTS, CALLBACKS, EXAMPLE, FORM};
use anyhow::{Context, Result, ensure};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::APPROVED;
use till_tests::docs::{Walk, blocks, pages, snippet_of};

/// The pages whose shell blocks are executed, the heading before which the buyer pays in the
/// browser, and the amount captured by the sandbox at the end, in minor units.
const WALKS: [(&str, Option<&str>, i64); 8] = [
    ("widget.md", Some("5. Check the result"), 1999),
    ("complete-shop.md", Some("5. Check the order"), 1999),
    ("html-form.md", Some("4. Check the result"), 1999),
    ("json-api.md", None, 1999),
    ("callbacks.md", None, 3998),
    ("connectors.md", None, 0),
    ("going-live.md", None, 0),
    ("operations.md", None, 1999),
];

/// Run by the walkthroughs of `widget.md` and `complete-shop.md`.
const SHOPS: [&str; 2] = ["shop.py", "complete_shop.py"];
/// Run by `docs::nginx`.
const NGINX: &str = "nginx.conf";
/// Run by `resilience::pgbouncer`.
const PGBOUNCER: &str = "pgbouncer.ini";
/// Run by `widget::embedding::forms`.
const EARLY_PRESS: &str = "early-press.html";
/// Run by `widget::embedding::page_frame`.
const PAGE_FRAME: &str = "page-frame.html";

#[test]
fn every_code_block_is_tested() -> Result<()> {
    let mut loose = vec![];
    for page in pages()? {
        let walked = WALKS.iter().any(|(walked, ..)| *walked == page);
        let mut before = String::new();
        for block in blocks(&page)? {
            let snippet = snippet_of(&block)?;
            let covered = match block.language() {
                "sh" => walked,
                // The output of the block before it.
                "text" => walked && before == "sh",
                _ => snippet.is_some_and(|name| {
                    let name = name.as_str();
                    let run = [&FORM, &CALLBACKS, &ACCOUNTS].map(|list| list.contains(&name));
                    run.contains(&true)
                        || SHOPS.contains(&name)
                        || [EXAMPLE, EARLY_PRESS, NGINX, PAGE_FRAME, PGBOUNCER].contains(&name)
                }),
            };
            if !covered {
                loose.push(block.place.clone());
            }
            before = block.info;
        }
    }
    ensure!(loose.is_empty(), "blocks without a test: {loose:#?}");
    Ok(())
}

#[tokio::test]
async fn walk_throughs_end_with_a_paid_order() -> Result<()> {
    till_tests::client::install_crypto_provider();
    for (page, buyer, expected) in WALKS {
        let mut walk = Walk::start(page)?;
        if buyer.is_some() {
            walk.on_to(buyer).await?;
            let in_widget = page != "html-form.md";
            let shop = if in_widget {
                walk.address("http://127.0.0.1:8700")
            } else {
                format!("file://{}", walk.files.path().join("form.html").display())
            };
            pay(&shop, in_widget).await.context(page)?;
        }
        walk.on_to(None).await?;
        let ledger = walk.files.path().join("till-sandbox.db");
        let sum = if ledger.exists() {
            captured(&ledger).await?
        } else {
            0
        };
        ensure!(sum == expected, "{page}: the sandbox captured {sum}");
    }
    Ok(())
}

/// Clicks the page's button and pays on the payment page or in the widget.
async fn pay(shop: &str, in_widget: bool) -> Result<()> {
    let browser = Browser::start(Screen::Desk).await?;
    browser.goto(shop).await?;
    if in_widget {
        // The button works once the script is loaded.
        browser.wait_for("dialog iframe").await?;
    }
    browser.click("button").await?;
    if in_widget {
        browser.enter_frame("dialog iframe").await?;
    }
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.wait_for("[data-screen=paid]").await?;
    browser.close().await
}

async fn captured(ledger: &std::path::Path) -> Result<i64> {
    let options = SqliteConnectOptions::new().filename(ledger);
    let db = SqlitePool::connect_with(options).await?;
    let sum = sqlx::query_scalar("select coalesce(sum(captured), 0) from payments");
    Ok(sum.fetch_one(&db).await?)
}
