//! A script tag with the hash of one version of the embed script.

use super::{Page, Site};
use anyhow::{Context, Result};
use reqwest::Method;
use till_tests::client::send;

async fn load(page: &Page, integrity: &str) -> Result<()> {
    let current = page.app.api.request(Method::GET, "/till.json");
    let current = send(current).await?.json();
    let src = current["src"].as_str().context("no address")?;
    let hash = current["integrity"].as_str().context("no hash")?;
    let integrity = integrity.replace("HASH", hash);
    let pk = &page.app.keys.pk;
    let add = format!(
        "window.outcome = '';
        const script = document.createElement('script');
        Object.assign(script, {{ src: '{src}', integrity: '{integrity}', crossOrigin: 'anonymous' }});
        script.onload = () => outcome = 'loaded';
        script.onerror = () => outcome = 'refused';
        Object.assign(script.dataset, {{ project: '{pk}' }});
        document.head.append(script)"
    );
    page.run(&add).await?;
    page.browser
        .until("the script", "return Boolean(outcome)")
        .await
}

/// The browser runs the script if its content has the hash, and no other.
#[tokio::test]
async fn a_version_with_its_hash_opens_the_widget() -> Result<()> {
    let site = Site {
        body: "<button id=buy data-till-invoice=A_INVOICE data-till-token=A_TOKEN>Buy</button>",
        without_script: true,
        ..Site::default()
    };
    let page = site.open().await?;
    let other = "sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC";
    load(&page, other).await?;
    page.assert("return outcome === 'refused' && !window.Till")
        .await?;
    load(&page, "HASH").await?;
    page.assert("return outcome === 'loaded' && Boolean(window.Till)")
        .await?;
    page.browser.click("#buy").await?;
    page.enter("dialog[open] iframe").await?;
    page.browser.leave_frames().await?;
    page.wait_for_events("open A, ready A").await?;
    page.close().await
}
