//! What buyers and browsers enter in the fields, in every way of writing it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use till_shared::payment::PaymentStatus;
use till_tests::browser::hosted::Hosted;
use till_tests::browser::{Browser, Screen};
use till_tests::cards::APPROVED;

/// Empties a field as a buyer does.
async fn clear(browser: &Browser, id: &str) -> Result<()> {
    let script = format!(
        "const field = document.getElementById('{id}'); field.focus(); field.select();
        document.execCommand('delete')"
    );
    browser.run(&script).await?;
    Ok(())
}

async fn value(browser: &Browser, id: &str) -> Result<Value> {
    let script = format!("return document.getElementById('{id}').value");
    browser.run(&script).await
}

/// The digits of `text` in another script, whose zero is given.
fn in_digits(zero: char, text: &str) -> String {
    let other = |c: char| match c.to_digit(10) {
        Some(digit) => char::from_u32(u32::from(zero) + digit).unwrap_or(c),
        None => c,
    };
    text.chars().map(other).collect()
}

#[tokio::test]
async fn typed_values_are_understood() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    let (arabic, full_width) = ('\u{660}', '\u{ff10}');
    let mut cases = vec![
        (
            "number",
            "4242-4242.4242 4242".to_owned(),
            "4242 4242 4242 4242",
        ),
        ("number", in_digits(arabic, APPROVED), "4242 4242 4242 4242"),
        (
            "number",
            in_digits(full_width, APPROVED),
            "4242 4242 4242 4242",
        ),
        ("cvc", in_digits(arabic, "123"), "123"),
    ];
    for date in [
        "1239", "12/39", "12 - 39", "12.2039", "122039", "12/2039", "2039-12", "203912", "2039/12",
    ] {
        cases.push(("expiry", date.to_owned(), "12 / 39"));
        cases.push(("expiry", in_digits(full_width, date), "12 / 39"));
    }
    for date in ["339", "3/39", "03/2039", "2039-3", "2039-03"] {
        cases.push(("expiry", date.to_owned(), "03 / 39"));
    }
    for (id, typed, expected) in cases {
        // Key by key, and at once, as autofill does.
        clear(browser, id).await?;
        browser.type_into(&format!("#{id}"), &typed).await?;
        let shown = value(browser, id).await?;
        ensure!(shown == expected, "{id} {typed} typed: {shown}");
        let fill = format!(
            "const field = document.getElementById('{id}');
            field.value = {};
            field.dispatchEvent(new Event('input', {{ bubbles: true }}))",
            json!(typed)
        );
        browser.run(&fill).await?;
        browser
            .until(
                &format!("{id} {typed} filled in"),
                &format!("return document.getElementById('{id}').value === '{expected}'"),
            )
            .await?;
    }
    hosted.browser.close().await
}

/// Some password managers set values without an event.
#[tokio::test]
async fn values_are_read_as_they_stand() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    let fill = format!(
        "for (const [id, text] of [['number', '{APPROVED}'], ['expiry', '2039-12'], ['cvc', '\u{661}\u{662}\u{663}']])
            document.getElementById(id).value = text;
        document.getElementById('pay').click()"
    );
    browser.run(&fill).await?;
    browser.wait_for("[data-screen=paid]").await?;
    let invoice = hosted.app.api.read(&opened.id).await?;
    ensure!(
        invoice["payments"][0]["status"] == PaymentStatus::Succeeded.as_str(),
        "{invoice}"
    );
    hosted.browser.close().await
}

/// Formatting keeps the undo history.
#[tokio::test]
async fn undo_works_in_the_card_field() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "", "form").await?;
    browser.type_into("#number", "42424").await?;
    ensure!(value(browser, "number").await? == "4242 4");
    // Control and Z.
    for _ in 0..20 {
        browser.type_into("#number", "\u{e009}z\u{e000}").await?;
        if value(browser, "number").await? == "" {
            browser.type_into("#number", APPROVED).await?;
            ensure!(value(browser, "number").await? == "4242 4242 4242 4242");
            return hosted.browser.close().await;
        }
    }
    anyhow::bail!("undo ends at {}", value(browser, "number").await?)
}

/// The buyer's clock may be wrong: the server's decides.
#[tokio::test]
async fn a_wrong_clock_refuses_no_card() -> Result<()> {
    let hosted = Hosted::start(Screen::Desk).await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    let ahead = "const Real = Date, ahead = 6 * 365 * 24 * 3600 * 1000;
        window.Date = class extends Real {
            constructor(...args) { args.length ? super(...args) : super(Real.now() + ahead); }
            static now() { return Real.now() + ahead; }
        }";
    browser.run_on_new_pages(ahead).await?;
    hosted.show(&opened, "", "form").await?;
    let years =
        "return new Date().getFullYear() - Number(new Date(performance.timeOrigin).getFullYear())";
    ensure!(browser.run(years).await?.as_i64() >= Some(5));
    let next_year = "return String((new Date(performance.timeOrigin).getFullYear() + 1) % 100)";
    let year = browser.run(next_year).await?;
    let date = format!("12{}", year.as_str().unwrap_or_default());
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", &date).await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.wait_for("[data-screen=paid]").await?;
    hosted.browser.close().await
}

/// What is typed in Latin order reads in Latin order, and required fields say so.
#[tokio::test]
async fn direction_and_requirement_of_fields() -> Result<()> {
    let fields = json!(["email", "name", "phone", "country"]).to_string();
    let hosted = Hosted::start(Screen::Desk).await?;
    hosted
        .set_setting("$.required_buyer_fields", &fields)
        .await?;
    let browser = &hosted.browser;
    let opened = hosted.app.api.invoice("1").await?;
    hosted.show(&opened, "?locale=ar", "form").await?;
    let script =
        "return Object.fromEntries([...document.querySelectorAll('.field :is(input, select)')]
        .map((field) => [field.id, [getComputedStyle(field).direction, field.ariaRequired]]))";
    let found = browser.run(script).await?;
    let expected = json!({
        "buyer-email": ["ltr", "true"], "buyer-name": ["rtl", "true"], "buyer-phone": ["ltr", "true"],
        "buyer-country": ["rtl", "true"], "number": ["ltr", "true"], "expiry": ["ltr", "true"],
        "cvc": ["ltr", "true"], "holder": ["rtl", "false"],
    });
    ensure!(found == expected, "{found}");
    // Digits of the buyer's keyboard are digits of a telephone number.
    browser
        .type_into("#buyer-phone", &in_digits('\u{660}', "+49 30 123456"))
        .await?;
    browser.click("#buyer-email").await?;
    ensure!(
        browser
            .run("return document.querySelector('#buyer-phone').ariaInvalid")
            .await?
            == "false"
    );
    hosted.browser.close().await
}
