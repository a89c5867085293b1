//! The size of the first load, measured as the bytes that the server sends.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use till_shared::language::LANGUAGES;
use till_tests::TestApp;
use till_tests::client::send;

/// The limit for all files in bytes. Adyen's Drop-in without its frames has 109,917 bytes.
const ALL: usize = 90_000;
/// The limit for `till.js` in bytes.
const SCRIPT: usize = 4_000;

async fn sent(app: &TestApp, path: &str) -> Result<usize> {
    let request = app.api.request(Method::GET, path);
    let answer = request.header("accept-encoding", "br").send().await?;
    ensure!(answer.status() == 200, "{path}: {}", answer.status());
    Ok(answer.bytes().await?.len())
}

#[tokio::test]
async fn the_first_load_is_small() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let page = format!("/pay/{}", opened.id);
    let html = send(app.api.request(Method::GET, &page)).await?.text;
    let mut parts = vec![("till.js".to_owned(), sent(&app, "/till.js").await?)];
    let script = parts[0].1;
    parts.push(("the page".into(), sent(&app, &page).await?));
    let quoted = html.split(['"', '\'', '=', ' ', '>']);
    let mut files: Vec<_> = quoted.filter(|word| word.starts_with("/widget/")).collect();
    files.sort_unstable();
    files.dedup();
    let texts = files.iter().position(|file| file.contains("LANG"));
    let texts = files.remove(texts.context("no languages")?);
    for file in files {
        parts.push((file.into(), sent(&app, file).await?));
    }
    let mut largest = (String::new(), 0);
    for language in LANGUAGES {
        let file = texts.replace("LANG", language);
        let size = sent(&app, &file).await?;
        if size > largest.1 {
            largest = (file, size);
        }
    }
    parts.push(largest);
    let all: usize = parts.iter().map(|(_, size)| size).sum();
    for (part, size) in &parts {
        println!("{size:>8}  {part}");
    }
    println!("{all:>8}  total (limit {ALL})");
    ensure!(parts.len() >= 6, "files are missing: {parts:?}");
    ensure!(script <= SCRIPT, "till.js: {script} bytes (limit {SCRIPT})");
    ensure!(all <= ALL, "{all} bytes (limit {ALL})");
    Ok(())
}
