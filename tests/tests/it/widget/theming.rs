//! Theme, accent color, variables and logo of a project.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use till_tests::browser::Screen;
use till_tests::browser::hosted::Hosted;
use url::form_urlencoded::byte_serialize;

const COLORS: &str = "const style = getComputedStyle(document.querySelector('#pay'));
    return [style.backgroundColor, style.color]";

#[tokio::test]
async fn theme_and_accent_follow_the_project() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    let page = "return getComputedStyle(document.querySelector('#till')).backgroundColor";
    browser
        .emulate_media(&[("prefers-color-scheme", "dark")])
        .await?;
    hosted.show(&opened, "", "form").await?;
    ensure!(browser.run(page).await? == "rgb(21, 24, 31)");
    hosted.set_setting("$.widget.theme", "\"light\"").await?;
    hosted.show(&opened, "", "form").await?;
    ensure!(browser.run(page).await? == "rgb(255, 255, 255)");
    hosted.show(&opened, "?theme=dark", "form").await?;
    ensure!(browser.run(page).await? == "rgb(21, 24, 31)");

    // The text color follows the accent's lightness.
    for (accent, shown) in [
        ("#ffd400", json!(["rgb(255, 212, 0)", "black"])),
        ("#7a0042", json!(["rgb(122, 0, 66)", "white"])),
    ] {
        hosted
            .set_setting("$.widget.accent", &json!(accent).to_string())
            .await?;
        hosted.show(&opened, "", "form").await?;
        let mut colors = browser.run(COLORS).await?;
        let text = colors[1].as_str().unwrap_or_default().to_owned();
        colors[1] = match text.as_str() {
            t if t.starts_with("lch(0 ") || t == "rgb(0, 0, 0)" => json!("black"),
            t if t.starts_with("lch(100 ") || t == "rgb(255, 255, 255)" => json!("white"),
            _ => json!(text),
        };
        ensure!(colors == shown, "{accent}: {colors}");
    }

    hosted.browser.close().await
}

/// The text on the main button has a contrast of 4.5:1 with every accent, in both themes (WCAG 2.2,
/// success criterion 1.4.3), and the focus one of 3:1 with the card (1.4.11).
#[tokio::test]
async fn every_accent_has_contrast() -> Result<()> {
    const CONTRAST: &str =
        "const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
        const luminance = (color) => {
            context.fillStyle = color;
            context.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((c) =>
                c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const pay = document.querySelector('#pay');
        document.body.focus();
        pay.focus({ focusVisible: true });
        const { color, backgroundColor, outlineColor } = getComputedStyle(pay);
        const card = getComputedStyle(document.querySelector('#till')).backgroundColor;
        return [contrast(luminance(color), luminance(backgroundColor)),
            contrast(luminance(outlineColor), luminance(card))]";
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    for accent in [
        "#b91c1c", "#000000", "#ffffff", "#ffd400", "#1d4ed8", "#767676", "#00ff00",
    ] {
        let setting = json!(accent).to_string();
        hosted.set_setting("$.widget.accent", &setting).await?;
        for theme in ["light", "dark"] {
            let query = format!("?theme={theme}");
            hosted.show(&opened, &query, "form").await?;
            let found = browser.run(CONTRAST).await?;
            let (text, focus) = (found[0].as_f64(), found[1].as_f64());
            ensure!(text >= Some(4.5), "{accent} {theme}: text {text:?}");
            ensure!(focus >= Some(3.0), "{accent} {theme}: focus {focus:?}");
        }
    }
    hosted.browser.close().await
}

/// The project's name and logo. The content security policy allows images of the logo's origin only.
#[tokio::test]
async fn name_and_logo_follow_the_project() -> Result<()> {
    const LOGO: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='32'>\
        <rect width='64' height='32' fill='teal'/></svg>";
    let logo = async || ([("content-type", "image/svg+xml")], LOGO);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let shop = format!("http://{}", listener.local_addr()?);
    let router = axum::Router::new().route("/logo.svg", axum::routing::get(logo));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let url = format!("{shop}/logo.svg");
    let hosted = Hosted::with(Screen::Desk, &["--logo-url", &url], &[]).await?;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    let shown = "const logo = document.querySelector('.seller .logo');
        return logo.naturalWidth === 64 && logo.width === 28 && logo.nextElementSibling.textContent === 'Test Shop'";
    hosted.browser.until("name and logo", shown).await?;
    hosted.browser.screenshot("logo").await?;
    let page = hosted
        .app
        .api
        .request(reqwest::Method::GET, &format!("/pay/{}", opened.id));
    let page = till_tests::client::send(page).await?;
    let policy = page.header("content-security-policy");
    let images = format!("img-src 'self' data: {shop};");
    ensure!(policy.contains(&images), "{policy}");
    hosted.browser.close().await
}

/// Only documented variables with values of the right type are applied.
#[tokio::test]
async fn variables_accept_only_valid_values() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let opened = hosted.app.api.invoice("1").await?;
    let style = async |variables: Value| {
        let text = variables.to_string();
        let text: String = byte_serialize(text.as_bytes()).collect();
        // The URL that till.js opens from an allowed origin.
        let query = "?mode=popup&origin=https%3A%2F%2Fshop.example";
        let address = format!("{}&variables={text}", hosted.address(&opened, query));
        hosted.browser.goto("about:blank").await?;
        hosted.browser.goto(&address).await?;
        hosted.browser.wait_for("main [data-screen=form]").await?;
        hosted
            .browser
            .run("return document.documentElement.style.cssText")
            .await
    };
    let good = json!({
        "--till-accent": "#0a7d4f", "--till-radius": "2px", "--till-font": "Georgia, serif",
        "--till-space": "20px", "--till-text": "rgb(10 20 30)",
    });
    let set = style(good.clone()).await?;
    let set = set.as_str().unwrap_or_default();
    for (name, value) in good.as_object().into_iter().flatten() {
        let rule = format!("{name}: {}", value.as_str().unwrap_or_default());
        ensure!(set.contains(&rule), "{rule} is not in {set}");
    }
    let bad = json!({
        "--till-accent": "red; background: url(https://evil.example)",
        "--till-page": "url(https://evil.example/a.png)",
        "--till-card": "var(--till-text)",
        "--till-text": "red} * {display:none",
        "--till-muted": "12px",
        "--till-line": "\\75rl(x)",
        "--till-radius": "red",
        "--till-font": "image-set('a.png' 1x)",
        "--till-unknown": "red",
        "display": "none",
        "--till-bad": { "a": 1 },
        "--till-space": "1px".repeat(60),
    });
    let set = style(bad).await?;
    ensure!(set == "", "{set}");
    hosted.browser.close().await
}
