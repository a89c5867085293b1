//! The choice of language, loading of one language only, and text direction.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use till_tests::browser::hosted::Hosted;
use till_tests::browser::shop::Shop;
use till_tests::browser::{Browser, Screen};
use till_tests::client::Opened;
use till_tests::wait::until;

/// Lists the loaded language files.
const LOADED: &str = "return performance.getEntriesByType('resource')
    .map((e) => /\\/widget\\/([a-zA-Z-]+)-[0-9a-f]{16}\\.json$/.exec(e.name)?.[1]).filter(Boolean)";

/// CLDR fallback: the region's script, the language, the next preference, English.
#[tokio::test]
async fn only_the_best_match_is_loaded() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    for (requested, chosen) in [
        ("fr-CH", "fr"),
        ("fr_CH", "fr"),
        ("zh-HK", "zh-Hant"),
        ("zh-TW", "zh-Hant"),
        ("zh-CN", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("pt-PT", "pt"),
        ("es-419", "es"),
        ("iw", "he"),
        ("in", "id"),
        ("DE-at", "de"),
        ("sr-Latn", "en"),
        ("not a language", "en"),
    ] {
        let query = format!("?locale={}", requested.replace(' ', "%20"));
        hosted.show(&opened, &query, "form").await?;
        let language = browser.run("return document.documentElement.lang").await?;
        ensure!(language == chosen, "{requested}: {language}");
        let loaded = browser.run(LOADED).await?;
        ensure!(loaded == json!([chosen]), "{requested} loads {loaded}");
    }
    hosted.browser.close().await
}

/// The page's locale, then the order's, then the project's, then the browser's.
#[tokio::test]
async fn locale_precedence() -> Result<()> {
    let hosted = Hosted::with(Screen::Desk, &[], &["--accept-lang=it"]).await?;
    let lang = "return document.documentElement.lang";
    let plain = hosted.app.api.invoice("1").await?;
    let mut order = till_tests::client::Api::order("2");
    order["locale"] = json!("tr");
    let ordered = hosted.app.api.invoice_of(&order).await?;

    hosted.show(&plain, "", "form").await?;
    let browsers = hosted.browser.run("return navigator.languages[0]").await?;
    let language = hosted.browser.run(lang).await?;
    ensure!(
        browsers
            .as_str()
            .is_some_and(|b| b.starts_with(language.as_str().unwrap_or("-"))),
        "{browsers} {language}"
    );
    hosted.set_setting("$.widget.locale", "\"pl\"").await?;
    hosted.show(&plain, "", "form").await?;
    ensure!(hosted.browser.run(lang).await? == "pl");
    hosted.show(&ordered, "", "form").await?;
    ensure!(hosted.browser.run(lang).await? == "tr");
    hosted.show(&ordered, "?locale=cs", "form").await?;
    ensure!(hosted.browser.run(lang).await? == "cs");
    hosted.browser.close().await
}

/// Every language has exactly the plural forms of CLDR, and amounts are formatted by locale.
#[tokio::test]
async fn plurals_and_amounts_follow_the_language() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../widget/locales");
    let mut counted = 0;
    for file in std::fs::read_dir(dir)? {
        let path = file?.path();
        let language = path
            .file_stem()
            .and_then(|n| n.to_str())
            .context("a name")?;
        let texts: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
        for (name, text) in texts.as_object().context("no texts")? {
            let Some(forms) = text.as_object() else {
                continue;
            };
            let has: BTreeSet<_> = forms.keys().map(String::as_str).collect();
            let script = format!(
                "return new Intl.PluralRules('{language}').resolvedOptions().pluralCategories"
            );
            let cldr = hosted.browser.run(&script).await?;
            let cldr: BTreeSet<_> = cldr
                .as_array()
                .context("no list")?
                .iter()
                .filter_map(Value::as_str)
                .collect();
            ensure!(has == cldr, "{language} {name}: {has:?}, not {cldr:?}");
            counted += 1;
        }
    }
    ensure!(counted >= 24, "{counted} texts with plurals");
    let opened = hosted.app.api.invoice("1").await?;
    for (locale, label) in [
        ("de", "19,99\u{a0}€ bezahlen"),
        ("en", "Pay €19.99"),
        ("ja", "€19.99 を支払う"),
        ("fr-CH", "Payer 19.99\u{a0}€"),
    ] {
        hosted
            .show(&opened, &format!("?locale={locale}"), "form")
            .await?;
        let shown = hosted
            .browser
            .run("return document.querySelector('#pay').textContent")
            .await?;
        ensure!(shown == label, "{locale}: {shown}");
    }
    hosted.browser.close().await
}

/// The layout is mirrored. Card fields stay left to right.
#[tokio::test]
async fn right_to_left_layout() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let opened = hosted.app.api.invoice("1").await?;
    for language in ["ar", "he"] {
        hosted
            .show(&opened, &format!("?locale={language}"), "form")
            .await?;
        let laid = "const box = (css) => document.querySelector(css).getBoundingClientRect();
            return {
                dir: document.documentElement.dir,
                mirrored: box('.summary').left > box('.screen').left && box('#expiry').left > box('#cvc').left,
                typed: ['#number', '#expiry', '#cvc'].map((css) => getComputedStyle(document.querySelector(css)).direction),
            }";
        let laid = hosted.browser.run(laid).await?;
        let expected = json!({ "dir": "rtl", "mirrored": true, "typed": ["ltr", "ltr", "ltr"] });
        ensure!(laid == expected, "{language}: {laid}");
    }
    hosted.browser.close().await
}

/// The accessible names of the frame and the dialog. Before the texts are loaded, the name is the
/// brand.
#[tokio::test]
async fn the_frame_has_a_localized_name() -> Result<()> {
    const NAMES: &str = "const dialog = document.querySelector('dialog');
        return [dialog?.ariaLabel, dialog?.querySelector('iframe').title,
            dialog?.querySelector('button')?.ariaLabel ?? dialog?.querySelector('button')?.textContent]";
    let browser = Browser::start(Screen::Desk).await?;
    for (language, payment, close) in [("de", "Zahlung", "Schließen"), ("ar", "الدفع", "إغلاق")]
    {
        let shop = Shop::open(&format!("data-locale={language}"), &[]).await?;
        browser.goto(&shop.url).await?;
        let own = json!([payment, payment, close]);
        until("the names before the click", async || {
            Ok(browser.run(NAMES).await? == own)
        })
        .await?;
        browser.click("#buy").await?;
        let frame = format!("dialog[open][aria-label={payment}] iframe[title={payment}]");
        browser.enter_frame(&frame).await?;
        browser.wait_for("main [data-screen=form]").await?;
        browser.leave_frames().await?;

        let Opened { id, token } = &shop.opened;
        let inline = format!(
            "document.querySelector('dialog').remove();
            document.body.innerHTML += '<till-pay invoice={id} token={token}></till-pay>'"
        );
        browser.run(&inline).await?;
        let frame = format!("till-pay iframe[title={payment}]");
        browser.wait_for(&frame).await?;

        let Opened { id, token } = &shop.app.api.invoice("2").await?;
        let other =
            format!("Till({{ theme: 'dark' }}).open({{ invoice: '{id}', token: '{token}' }});");
        let names = browser.run(&[&other, NAMES].concat()).await?;
        ensure!(names == json!(["Till", "Till", "×"]), "{names}");
    }
    browser.close().await
}

#[tokio::test]
async fn the_noscript_message_is_localized() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let opened = hosted.app.api.invoice("1").await?;
    let off = json!({ "value": true });
    hosted
        .browser
        .devtools("Emulation.setScriptExecutionDisabled", off)
        .await?;
    for (locale, text) in [("de", "JavaScript benötigt"), ("ar", "تفعيل JavaScript")] {
        let query = format!("?locale={locale}");
        hosted.browser.goto("about:blank").await?;
        hosted
            .browser
            .goto(&hosted.address(&opened, &query))
            .await?;
        let css = format!("noscript p[lang={locale}]");
        let message = hosted.browser.wait_for(&css).await?.text().await?;
        ensure!(message.contains(text), "{locale}: {message}");
    }
    hosted.browser.close().await
}
