//! Pages and assets, live events, and provider webhooks.

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha384};
use till_tests::TestApp;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS, VERIFIED};
use till_tests::client::{Answer, card, send, text};
use till_tests::events::Events;
use till_tests::wait::until;

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let mut request = app.api.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request).await
}

#[tokio::test]
async fn the_page_is_not_cached_and_its_assets_are_immutable() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let page = get(&app, &format!("/pay/{}", opened.id), &[]).await?;
    ensure!(
        page.status == 200 && page.header("cache-control") == "no-store",
        "{page:?}"
    );
    let again = get(&app, &format!("/pay/{}", opened.id), &[]).await?;
    ensure!(page.text != again.text, "the nonce was reused");
    let policy = page.header("content-security-policy");
    ensure!(
        policy.contains("frame-ancestors 'self' https://shop.example"),
        "{policy}"
    );
    ensure!(
        !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"),
        "{policy}"
    );

    let mut files: Vec<&str> = page
        .text
        .split(['"', '\'', '=', ' ', '>'])
        .filter(|s| s.starts_with("/widget/") && !s.contains("LANG"))
        .collect();
    files.dedup();
    ensure!(files.len() >= 3, "{files:?}");
    for file in files {
        for (accepted, coding) in [("gzip, br", "br"), ("gzip", "gzip"), ("identity", "")] {
            let answer = get(&app, file, &[("accept-encoding", accepted)]).await?;
            ensure!(
                answer.status == 200 && answer.header("content-encoding") == coding,
                "{file}"
            );
            ensure!(
                answer.header("cache-control").contains("immutable"),
                "{file}"
            );
            ensure!(answer.header("vary") == "accept-encoding", "{file}");
        }
        let tag = get(&app, file, &[]).await?.header("etag").to_owned();
        let known = get(&app, file, &[("if-none-match", &tag)]).await?;
        ensure!(known.status == 304, "{file}");
    }
    for file in ["/till.js", "/till.d.ts"] {
        let answer = get(&app, file, &[("accept-encoding", "br")]).await?;
        ensure!(
            answer.status == 200 && answer.header("content-encoding") == "br",
            "{answer:?}"
        );
        ensure!(
            !answer.header("cache-control").contains("immutable"),
            "{answer:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn only_allowed_origins_can_embed_the_widget() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let path = format!("/pay/{}", opened.id);
    for (query, status) in [
        ("?mode=iframe&origin=https%3A%2F%2Fshop.example", 200),
        ("?mode=iframe&origin=https%3A%2F%2Fevil.example", 403),
        (
            "?mode=popup&origin=https%3A%2F%2Fshop.example.evil.example",
            403,
        ),
        ("?mode=popup", 403),
    ] {
        let answer = get(&app, &format!("{path}{query}"), &[]).await?;
        ensure!(answer.status == status, "{query}: {answer:?}");
    }
    for unknown in [
        "/pay/inv_0",
        "/pay/x",
        "/pay/inv_0/return?payment=pay_1&state=x",
    ] {
        let answer = get(&app, unknown, &[]).await?;
        ensure!(
            answer.status == 404 && answer.text.contains("<h1>"),
            "{answer:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_return_page_updates_the_payment_and_redirects() -> Result<()> {
    let app = TestApp::with(&["--success-url", "http://127.0.0.1:1/thanks?a=b"]).await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, VERIFIED).await?;
    let bank = text(&fixed["verification"]["url"])?;
    let form = app
        .api
        .request(Method::POST, &bank)
        .form(&[("action", "confirm")]);
    let back = send(form).await?.header("location").to_owned();
    ensure!(
        back.starts_with(&format!("{}/pay/{}/return?", app.api.url, opened.id)),
        "{back}"
    );

    let forged = back.replace("state=", "state=A");
    ensure!(get(&app, &forged, &[]).await?.status == 404);
    let other = app.api.invoice("2").await?;
    let foreign = back.replace(&opened.id, &other.id);
    ensure!(get(&app, &foreign, &[]).await?.status == 404);

    let page = get(&app, &back, &[]).await?;
    let next = format!(
        "http://127.0.0.1:1/thanks?a=b&amp;invoice={}&amp;order_id=1&amp;status=paid",
        opened.id
    );
    ensure!(page.status == 200 && page.text.contains(&next), "{page:?}");
    ensure!(app.api.read(&opened.id).await?["status"] == "paid");
    Ok(())
}

#[tokio::test]
async fn live_events_are_sent_on_change_and_resume() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let mut events = Events::follow(&app.api, &opened, None).await?;
    let (first, state) = events.next().await?;
    ensure!(state["status"] == "open", "{state}");
    app.api.paid_with(&opened, APPROVED).await?;
    let mut seen = vec![];
    let (last, payment) = loop {
        let (id, state) = events.next().await?;
        seen.push(state["status"].clone());
        if state["status"] == "paid" {
            ensure!(state["payment"]["status"] == "succeeded", "{state}");
            break (id, text(&state["payment"]["id"])?);
        }
    };
    ensure!(
        seen.iter().all(|s| s == "processing" || s == "paid"),
        "{seen:?}"
    );

    let (_, state) = Events::follow(&app.api, &opened, Some(&first))
        .await?
        .next()
        .await?;
    ensure!(
        state["status"] == "paid",
        "the missed event is sent: {state}"
    );
    let mut events = Events::follow(&app.api, &opened, Some(&last)).await?;
    app.refund(&payment, 500).await?;
    let (_, state) = events.next().await?;
    ensure!(
        state["status"] == "partially_refunded",
        "nothing was missed before the refund: {state}"
    );
    Ok(())
}

#[tokio::test]
async fn a_forged_webhook_is_rejected() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, VERIFIED).await?;
    let account: String = sqlx::query_scalar("select account from connector_accounts")
        .fetch_one(&app.store().await?)
        .await?;
    let path = format!("/v1/connectors/sandbox/{account}/webhooks");
    let body = json!({
        "id": "sbe_1", "type": "payment.updated", "created_at": "2026-01-01T00:00:00Z",
        "data": { "payment": {
            "id": fixed["payment"]["reference"], "reference": fixed["payment"]["id"],
            "amount": 1999, "currency": "EUR", "status": "succeeded",
            "captured": 1999, "refunded": 0,
        } },
    });
    for signature in ["", "t=1,v1=00", "v1=00", "t=99999999999,v1=00"] {
        let request = app.api.request(Method::POST, &path).json(&body);
        let answer = send(request.header("sandbox-signature", signature)).await?;
        answer.problem(401, "unauthorized")?;
    }
    let unknown = app
        .api
        .request(Method::POST, "/v1/connectors/sandbox/x/webhooks");
    send(unknown.json(&body)).await?.problem(404, "not-found")?;
    ensure!(app.api.read(&opened.id).await?["status"] == "processing");
    Ok(())
}

/// The sandbox lists its test cards.
#[tokio::test]
async fn the_test_cards_are_listed() -> Result<()> {
    let app = TestApp::start().await?;
    let page = get(&app, &format!("{}/sandbox", app.sandbox), &[]).await?;
    for number in [
        "4242 4242 4242 4242",
        "3782 822463 10005",
        "4000 0000 0000 3220",
    ] {
        ensure!(page.text.contains(number), "{number} is not listed");
    }
    Ok(())
}

/// Two payment attempts of one order need one order check.
#[tokio::test]
async fn a_decline_does_not_repeat_the_order_check() -> Result<()> {
    let app = TestApp::with(&["--check-url", "PROJECT/check"]).await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
    let again = app.api.pay(&opened, &card(APPROVED)).await?;
    ensure!(again.status == 201, "{again:?}");
    until("the callbacks", async || {
        Ok(app.project.callbacks().len() == 3)
    })
    .await?;
    ensure!(app.project.checks().len() == 1);
    Ok(())
}

/// Each version of the embed script has an address of its own, whose content never changes. After an upgrade
/// it is served from the database, and not if somebody changed it there.
#[tokio::test]
async fn versions_of_the_embed_script_stay_available() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--log-format", "text"]).await?;
    let current = get(&app, "/till.json", &[]).await?;
    ensure!(current.header("cache-control") == "no-cache", "{current:?}");
    let current = current.json();
    let src = current["src"].as_str().unwrap_or_default();
    let path = src.strip_prefix(&app.api.url).unwrap_or_default();
    let script = get(&app, path, &[]).await?;
    let floating = get(&app, "/till.js", &[]).await?;
    ensure!(
        script.status == 200 && script.text == floating.text,
        "{src}"
    );
    let hash = STANDARD.encode(Sha384::digest(&script.text));
    ensure!(
        current["integrity"] == format!("sha384-{hash}"),
        "{current}"
    );
    ensure!(script.header("cache-control").contains("immutable"));
    ensure!(script.header("access-control-allow-origin") == "*");

    // The version of a server that used this database before.
    let earlier = format!("{}// earlier", script.text);
    let hash = hex::encode(Sha256::digest(&earlier));
    let name = format!("till-0.0.9-{}.js", &hash[..32]);
    let store = app.store().await?;
    let insert = "insert into embed_scripts (name, script, created_at) values ($1, $2, 1)";
    let query = sqlx::query(insert).bind(&name).bind(&earlier);
    query.execute(&store).await?;
    let path = format!("/embed/{name}");
    for (accepted, coding) in [("br", "br"), ("gzip", "gzip"), ("identity", "")] {
        let answer = get(&app, &path, &[("accept-encoding", accepted)]).await?;
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(answer.header("content-encoding") == coding, "{answer:?}");
        ensure!(answer.header("cache-control").contains("immutable"));
        ensure!(answer.header("access-control-allow-origin") == "*");
        ensure!(answer.header("content-type").starts_with("text/javascript"));
    }
    ensure!(get(&app, &path, &[]).await?.text == earlier);

    let change = "update embed_scripts set script = 'alert(1)' where name = $1";
    sqlx::query(change).bind(&name).execute(&store).await?;
    for missing in [&path, "/embed/till-0.0.1-0.js", "/embed/till.js"] {
        let answer = get(&app, missing, &[]).await?;
        answer.problem(404, "not-found")?;
    }
    let told = "the embed script in the database was changed";
    until("the log", async || Ok(app.log().contains(told))).await?;
    Ok(())
}

/// A server of a later version, which has another embed script, serves the one that this server recorded.
#[tokio::test]
async fn a_server_records_its_embed_script() -> Result<()> {
    let app = TestApp::start().await?;
    let current = get(&app, "/till.json", &[]).await?.json();
    let name = current["src"].as_str().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    let recorded = "select script from embed_scripts where name = $1";
    let recorded: String = sqlx::query_scalar(recorded)
        .bind(name)
        .fetch_one(&app.store().await?)
        .await?;
    ensure!(recorded == get(&app, "/till.js", &[]).await?.text);
    Ok(())
}
