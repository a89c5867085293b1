//! Every state of the widget, light and dark, on a phone and on a desk, in a language that is short,
//! one that is long and one that runs from right to left; kept as pictures in `target/screenshots`.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use till_tests::World;
use till_tests::api::{Api, Opened, send};
use till_tests::browser::Screen;
use till_tests::hosted::{Hosted, STATES};

const LANGUAGES: [&str; 3] = ["en", "de", "ar"];

/// Takes a picture and checks that nothing is cut off at the side.
async fn take(hosted: &Hosted, size: &str, theme: &str, language: &str, name: &str) -> Result<()> {
    let name = format!("{name}-{size}-{theme}-{language}");
    hosted.browser.keep(&name).await?;
    let wide = "return document.documentElement.scrollWidth > innerWidth";
    ensure!(
        hosted.browser.run(wide).await? == false,
        "{name} scrolls sideways"
    );
    Ok(())
}

async fn pictures(size: &'static str, screen: Screen) -> Result<()> {
    let hosted = Hosted::start(screen).await?;
    for theme in ["light", "dark"] {
        hosted
            .browser
            .prefers(&[("prefers-color-scheme", theme)])
            .await?;
        for language in LANGUAGES {
            let query = format!("?locale={language}");
            for state in STATES {
                let number = format!("{theme}{language}");
                let (screen, opened) = hosted.in_state(state, &number).await?;
                hosted.shows(&opened, &query, screen).await?;
                take(&hosted, size, theme, language, state).await?;
                if state == "form" {
                    hosted.browser.click("#pay").await?;
                    hosted.browser.see("#number[aria-invalid=true]").await?;
                    take(&hosted, size, theme, language, "errors").await?;
                }
            }
            loading_and_unreachable(&hosted, size, theme, language).await?;
        }
    }
    hosted.browser.close().await
}

/// While the server does not answer, and after giving up; then another try.
async fn loading_and_unreachable(
    hosted: &Hosted,
    size: &str,
    theme: &str,
    language: &str,
) -> Result<()> {
    let browser = &hosted.browser;
    let opened = hosted
        .world
        .api
        .invoice(&format!("{theme}{language}"))
        .await?;
    browser.block(&["*/v1/widget/*"]).await?;
    hosted
        .shows(&opened, &format!("?locale={language}"), "loading")
        .await?;
    take(hosted, size, theme, language, "loading").await?;
    browser.see("main [data-screen=failed]").await?;
    take(hosted, size, theme, language, "unreachable").await?;
    browser.block(&[]).await?;
    browser.click("#retry").await?;
    browser.see("main [data-screen=form]").await.map(|_| ())
}

#[tokio::test]
async fn every_state_on_a_phone() -> Result<()> {
    pictures("360", Screen::Phone).await
}

#[tokio::test]
async fn every_state_on_a_desk() -> Result<()> {
    pictures("1280", Screen::Desk).await
}

/// Long names, every buyer field, a logo.
#[tokio::test]
async fn a_full_form() -> Result<()> {
    let required = ["email", "name", "phone", "country"].map(|field| ["--require", field]);
    for (size, screen) in [("360", Screen::Phone), ("1280", Screen::Desk)] {
        let hosted = Hosted::with(screen, required.as_flattened(), &[]).await?;
        let mut order = Api::order("buyer");
        order["description"] =
            "A subscription with a rather long description, so that it wraps".into();
        order["items"] = json!([
            { "name": "A print of the harbour at dawn, signed", "quantity": 2, "amount": 750 },
            { "name": "Postage", "quantity": 1, "amount": 499 },
        ]);
        let opened = hosted.world.api.invoice_of(&order).await?;
        hosted.shows(&opened, "", "form").await?;
        hosted.browser.click(".items summary").await?;
        take(&hosted, size, "light", "en", "full").await?;
        hosted.browser.close().await?;
    }
    Ok(())
}

/// A wrong token shows nothing of the invoice, in the API as on the page.
#[tokio::test]
async fn a_page_without_its_token_tells_nothing() -> Result<()> {
    let world = World::start().await?;
    let opened: Opened = world.api.invoice("1").await?;
    let page = send(
        world
            .api
            .request(Method::GET, &format!("/pay/{}", opened.id)),
    )
    .await?;
    ensure!(page.status == 200, "{page:?}");
    ensure!(
        !page.text.contains("19.99") && !page.text.contains("A print"),
        "{}",
        page.text
    );
    Ok(())
}
