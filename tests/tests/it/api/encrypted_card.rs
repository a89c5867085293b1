//! Cards that are encrypted in the browser: JWE, bound to an invoice and to a key of the day.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::{APPROVED, CARD_DECLINED, INSUFFICIENT_FUNDS};
use till_tests::client::{Answer, Api, Opened, card, send, text};
use till_tests::jwe::{content, encrypt, encrypted, key, with_text};
use till_tests::providers::mollie::Mollie;
use till_tests::providers::{PaymentSystem, now};
use till_tests::wait::until;

/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

#[tokio::test]
async fn an_encrypted_card_pays() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let offered = key(&app.api, &opened).await?;
    for (name, value) in [
        ("kty", "EC"),
        ("crv", "P-256"),
        ("use", "enc"),
        ("alg", "ECDH-ES"),
    ] {
        ensure!(offered[name] == value, "{offered}");
    }
    ensure!(offered["d"].is_null(), "{offered}");
    let body = encrypted(&app.api, &opened, &card(APPROVED)).await?;
    let fixed = app.api.pay(&opened, &body).await?;
    ensure!(fixed.status == 201, "{fixed:?}");
    let payment = &fixed.json()["payment"];
    ensure!(payment["status"] == "succeeded", "{payment}");
    ensure!(payment["card"]["last4"] == "4242", "{payment}");
    // An invoice that takes no payment has no key.
    ensure!(key(&app.api, &opened).await?.is_null());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_decrypted_is_refused_and_changes_nothing() -> Result<()> {
    let app = TestApp::start().await?;
    let (opened, other) = (app.api.invoice("1").await?, app.api.invoice("2").await?);
    let offered = key(&app.api, &opened).await?;
    let plain = content(&opened, &card(APPROVED));
    let good = encrypt(&offered, plain.to_string().as_bytes(), |_| {})?;
    let refused = async |text: &Value| -> Result<()> {
        let mut body = with_text(&card(APPROVED), "")?;
        body["encrypted_card"] = text.clone();
        let answer = app.api.pay(&opened, &body).await?;
        let fields = answer.problem(422, "invalid-request")?;
        ensure!(fields == ["encrypted_card"], "{text}: {answer:?}");
        ensure!(!answer.said().contains("4242"), "{answer:?}");
        Ok(())
    };

    let parts: Vec<_> = good.split('.').collect();
    for changed in [0, 2, 3, 4] {
        let mut parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
        let first = if parts[changed].starts_with('A') {
            "B"
        } else {
            "A"
        };
        parts[changed].replace_range(..1, first);
        refused(&parts.join(".").into()).await?;
    }
    for text in [
        json!("a.b.c.d.e"),
        json!(parts[..4].join(".")),
        json!(format!("{good}.")),
        json!(good.replacen("..", ".AAAA.", 1)),
        json!(format!("{good}{}", "A".repeat(20_000))),
        json!(5),
        json!({ "protected": "a", "ciphertext": "b" }),
        json!([good]),
    ] {
        refused(&text).await?;
    }

    let headers: [(&str, Value); 14] = [
        ("alg", json!("none")),
        ("alg", json!("dir")),
        ("alg", json!("A128KW")),
        ("alg", json!("ECDH-ES+A256KW")),
        ("alg", json!("RSA-OAEP-256")),
        ("alg", Value::Null),
        ("enc", json!("A128GCM")),
        ("enc", json!("A128CBC-HS256")),
        ("zip", json!("DEF")),
        ("crit", json!(["exp"])),
        ("kid", json!("cek_0")),
        ("kid", json!("' or 1 = 1 --")),
        (
            "epk",
            json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
        ),
        ("epk", json!({ "kty": "oct", "k": "AA" })),
    ];
    for (name, value) in headers {
        let change = |header: &mut Value| header[name] = value;
        refused(&encrypt(&offered, plain.to_string().as_bytes(), change)?.into()).await?;
    }

    let with = |name: &str, value: Value| {
        let mut changed = plain.clone();
        changed[name] = value;
        changed.to_string()
    };
    let contents = [
        content(&other, &card(APPROVED)).to_string(),
        with("invoice", Value::Null),
        with("iat", json!(now() - 16 * 60)),
        with("iat", json!(now() + 10 * 60)),
        with("iat", Value::Null),
        String::new(),
        "4242424242424242".into(),
        "[".repeat(3_000),
        format!("{{\"card\":{}", "{\"a\":".repeat(500)),
        plain["card"].to_string().replace('{', "["),
    ];
    for text in contents {
        refused(&encrypt(&offered, text.as_bytes(), |_| {})?.into()).await?;
    }
    refused(&encrypt(&offered, &[0xff, 0xfe, 0x00], |_| {})?.into()).await?;

    // Beside a card that is not encrypted, either could be meant.
    let mut both = card(APPROVED);
    both["encrypted_card"] = json!(good);
    let fields = app.api.pay(&opened, &both).await?;
    ensure!(fields.problem(422, "invalid-request")? == ["encrypted_card"]);

    let invoice = app.api.read(&opened.id).await?;
    ensure!(invoice["payments"] == json!([]), "{invoice}");
    let body = with_text(&card(APPROVED), &good)?;
    let paid = app.api.pay(&opened, &body).await?;
    ensure!(paid.status == 201, "{paid:?}");
    Ok(())
}

#[tokio::test]
async fn errors_name_the_same_fields_as_without_encryption() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let offered = key(&app.api, &opened).await?;
    for (name, value) in [
        ("number", json!("4242424242424241")),
        ("number", json!(4242424242424242_u64)),
        ("number", Value::Null),
        ("cvc", json!("12")),
        ("exp_month", json!(13)),
        ("exp_year", json!(2020)),
        ("holder", json!("\u{1}")),
        ("loyalty", json!("4242")),
    ] {
        let mut body = card(APPROVED);
        body["card"][name] = value;
        let plain = app.api.pay(&opened, &body).await?;
        let text = content(&opened, &body).to_string();
        let text = encrypt(&offered, text.as_bytes(), |_| {})?;
        let secret = app.api.pay(&opened, &with_text(&body, &text)?).await?;
        let (plain, secret) = (plain.json(), secret.json());
        ensure!(!secret["errors"].is_null(), "{secret}");
        ensure!(plain["errors"] == secret["errors"], "{plain} {secret}");
    }
    let without = json!({ "invoice": opened.id, "iat": now() }).to_string();
    let text = encrypt(&offered, without.as_bytes(), |_| {})?;
    let body = with_text(&json!({ "method": "card" }), &text)?;
    let answer = app.api.pay(&opened, &body).await?;
    let fields = answer.problem(422, "invalid-request")?;
    ensure!(fields == ["card"], "{fields:?}");
    Ok(())
}

async fn press(api: &Api, opened: &Opened, body: &Value) -> Result<Answer> {
    let request = api.widget(Method::POST, opened, "/payments");
    send(request.header("idempotency-key", "press").json(body)).await
}

/// Each encryption of a card is another text. What counts is the card.
#[tokio::test]
async fn a_call_is_the_same_if_the_card_is() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let body = card(INSUFFICIENT_FUNDS);
    let (one, two) = (
        encrypted(&app.api, &opened, &body).await?,
        encrypted(&app.api, &opened, &body).await?,
    );
    ensure!(one != two);
    let first = press(&app.api, &opened, &one).await?;
    ensure!(first.status == 201, "{first:?}");
    for again in [&one, &two, &body] {
        let again = press(&app.api, &opened, again).await?;
        ensure!(again.header("idempotent-replayed") == "true", "{again:?}");
        ensure!(again.text == first.text, "{again:?}");
    }
    let other = encrypted(&app.api, &opened, &card(CARD_DECLINED)).await?;
    let other = press(&app.api, &opened, &other).await?;
    other.problem(422, "idempotency-key-reused")?;
    let invoice = app.api.read(&opened.id).await?;
    let payments = invoice["payments"].as_array().context("no payments")?;
    ensure!(payments.len() == 1, "{invoice}");
    Ok(())
}

/// A thief gains nothing by encrypting some of the attempts.
#[tokio::test]
async fn attempts_with_a_card_are_counted_together() -> Result<()> {
    let app = TestApp::with(&["--attempts-per-card", "5"]).await?;
    let opened = app.api.invoice("1").await?;
    let body = card(CARD_DECLINED);
    for body in [&body, &encrypted(&app.api, &opened, &body).await?] {
        let declined = app.api.pay(&opened, body).await?;
        ensure!(declined.status == 201, "{declined:?}");
    }
    let sql = "select cast(count(*) as bigint), cast(count(distinct card) as bigint) from payment_attempts";
    let counted: (i64, i64) = sqlx::query_as(sql).fetch_one(&app.store().await?).await?;
    ensure!(counted == (2, 1), "{counted:?}");
    Ok(())
}

/// Makes the stored keys older by some days.
async fn age(app: &TestApp, days: i64) -> Result<()> {
    let sql = "update card_encryption_keys set day = day - $1, created_at = created_at - $2";
    sqlx::query(sql)
        .bind(days)
        .bind(days * DAY)
        .execute(&app.store().await?)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_key_lasts_a_day_longer_than_it_is_offered() -> Result<()> {
    let mut app = TestApp::start().await?;
    let (first, second) = (app.api.invoice("1").await?, app.api.invoice("2").await?);
    let body = card(APPROVED);
    let (early, late) = (
        encrypted(&app.api, &first, &body).await?,
        encrypted(&app.api, &second, &body).await?,
    );
    let offered = key(&app.api, &second).await?;
    let other_server = app.another_server().await?;
    let there = Api::new(&other_server.line, &app.keys)?;
    ensure!(key(&there, &second).await? == offered);

    age(&app, 1).await?;
    // Servers keep the key in memory with its day, which is the same one here.
    app.terminate().await?;
    app.restart().await?;
    other_server.terminate().await?;
    let other_server = app.another_server().await?;
    let there = Api::new(&other_server.line, &app.keys)?;
    let renewed = key(&app.api, &second).await?;
    ensure!(renewed["kid"] != offered["kid"] && renewed["x"] != offered["x"]);
    ensure!(key(&there, &second).await? == renewed);
    let paid = app.api.pay(&first, &early).await?;
    ensure!(paid.status == 201, "{paid:?}");

    age(&app, 1).await?;
    let refused = app.api.pay(&second, &late).await?;
    let fields = refused.problem(422, "invalid-request")?;
    ensure!(fields == ["encrypted_card"], "{refused:?}");
    let ended = text(&offered["kid"])?;
    let store = app.store().await?;
    until("the key to be deleted", async || {
        let sql = "select cast(count(*) as bigint) from card_encryption_keys where id = $1";
        let left: i64 = sqlx::query_scalar(sql)
            .bind(&ended)
            .fetch_one(&store)
            .await?;
        Ok(left == 0)
    })
    .await?;
    let body = encrypted(&app.api, &second, &body).await?;
    ensure!(app.api.pay(&second, &body).await?.status == 201);
    Ok(())
}

#[tokio::test]
async fn an_account_with_its_own_page_has_no_key() -> Result<()> {
    let mollie = Mollie::start().await?;
    let app = TestApp::set_up(Setup {
        accounts: &[(Mollie::KIND, "main", mollie.credentials())],
        ..Setup::default()
    })
    .await?;
    let opened = app.api.invoice("1").await?;
    ensure!(key(&app.api, &opened).await?.is_null());
    let body = json!({ "method": "card", "encrypted_card": "a.b.c.d.e" });
    let fields = app.api.pay(&opened, &body).await?;
    ensure!(fields.problem(422, "invalid-request")? == ["encrypted_card"]);
    ensure!(mollie.payments().await? == 0);
    Ok(())
}
