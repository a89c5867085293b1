//! The size of the first load, measured as the bytes that the server sends, compressed with brotli. The
//! sizes of the last change are in `widget/sizes.json`; `cargo xtask size` shows what a change costs.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use till_shared::language::LANGUAGES;
use till_tests::TestApp;
use till_tests::client::send;

/// What the page of the widget loads, in its largest language, and the embed script.
type Sizes = BTreeMap<String, usize>;

/// The size may exceed the recorded one by this part.
const TOLERANCE: f64 = 1.02;
/// The name of the embed script, which the shop's page loads.
const EMBED: &str = "till.js";

async fn sent(app: &TestApp, path: &str) -> Result<usize> {
    let request = app.api.request(Method::GET, path);
    let answer = request.header("accept-encoding", "br").send().await?;
    ensure!(answer.status() == 200, "{path}: {}", answer.status());
    Ok(answer.bytes().await?.len())
}

async fn measured(app: &TestApp) -> Result<Sizes> {
    let opened = app.api.invoice("1").await?;
    let page = format!("/pay/{}", opened.id);
    let html = send(app.api.request(Method::GET, &page)).await?.text;
    let mut sizes = Sizes::from([
        (EMBED.into(), sent(app, "/till.js").await?),
        ("page".into(), sent(app, &page).await?),
    ]);
    let words = html.split(['"', '\'', '=', ' ', '>']);
    for file in words.filter(|word| word.starts_with("/widget/")) {
        let (_, kind) = file.rsplit_once('.').context("a file without a type")?;
        match kind {
            // A frame has no icon.
            "svg" => {}
            "json" => {
                let mut largest = 0;
                for language in LANGUAGES {
                    let texts = file.replace("/en-", &format!("/{language}-"));
                    largest = largest.max(sent(app, &texts).await?);
                }
                sizes.insert("texts".into(), largest);
            }
            kind => {
                sizes.insert(kind.into(), sent(app, file).await?);
            }
        }
    }
    Ok(sizes)
}

#[tokio::test]
async fn the_first_load_is_small() -> Result<()> {
    let app = TestApp::start().await?;
    let sizes = measured(&app).await?;
    let files: Vec<_> = sizes.keys().map(String::as_str).collect();
    ensure!(files == ["js", "page", "texts", EMBED, "wasm"], "{files:?}");
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join("../widget/sizes.json");
    if env::var_os("TILL_SIZES").is_some() {
        let text = serde_json::to_string_pretty(&sizes)?;
        fs::write(&record, format!("{text}\n"))?;
    }
    let recorded: Sizes = serde_json::from_str(&fs::read_to_string(record)?)?;

    let total = |sizes: &Sizes| -> usize {
        let files = sizes.iter().filter(|(name, _)| *name != EMBED);
        files.map(|(_, size)| size).sum()
    };
    let (all, before) = (total(&sizes), total(&recorded));
    let row = |name: &str, size: usize, before: usize| {
        let change = size as i64 - before as i64;
        println!("{size:>8}  {change:>+6}  {name}");
    };
    println!("   bytes  change");
    for (name, size) in &sizes {
        row(name, *size, recorded.get(name).copied().unwrap_or(0));
    }
    row("first open: all but till.js", all, before);
    for (name, size, before) in [
        ("the first open", all, before),
        (
            EMBED,
            sizes[EMBED],
            recorded.get(EMBED).copied().unwrap_or(0),
        ),
    ] {
        ensure!(
            size as f64 <= before as f64 * TOLERANCE,
            "{name} has {size} bytes, {before} before: `cargo xtask size --save` records a size on purpose"
        );
    }
    Ok(())
}
