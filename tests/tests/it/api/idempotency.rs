//! Idempotency keys: how long they are kept, how the responses are stored, and what a server of the
//! version before the encrypted responses makes of them.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use sqlx::AnyPool;
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Answer, Api, card, send, text};

/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

async fn create(app: &TestApp, key: &str, order: &str) -> Result<Answer> {
    let request = app.api.secret(Method::POST, "/v1/invoices");
    send(
        request
            .header("idempotency-key", key)
            .json(&Api::order(order)),
    )
    .await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == "true"
}

#[tokio::test]
async fn a_key_begins_anew_after_thirty_days() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, APPROVED).await?;
    let path = format!("/v1/payments/{}/refunds", text(&fixed["payment"]["id"])?);
    let refund = || {
        let request = app.api.secret(Method::POST, &path);
        send(
            request
                .header("idempotency-key", "r")
                .json(&json!({ "amount": 100 })),
        )
    };
    let store = app.store().await?;
    let age = async |days: i64| -> Result<()> {
        sqlx::query("update idempotency_keys set created_at = created_at - $1")
            .bind(days * DAY)
            .execute(&store)
            .await?;
        Ok(())
    };
    let first = refund().await?;
    ensure!(first.status == 201, "{first:?}");
    age(29).await?;
    let again = refund().await?;
    ensure!(is_replayed(&again) && again.text == first.text, "{again:?}");
    age(2).await?;
    let anew = refund().await?;
    ensure!(anew.status == 201 && !is_replayed(&anew), "{anew:?}");
    ensure!(anew.json()["id"] != first.json()["id"], "{anew:?}");
    let again = refund().await?;
    ensure!(is_replayed(&again) && again.text == anew.text, "{again:?}");
    // A key that has expired is good for another request.
    age(31).await?;
    let request = app.api.secret(Method::POST, &path);
    let request = request.header("idempotency-key", "r");
    let other = send(request.json(&json!({ "amount": 200 }))).await?;
    ensure!(
        other.status == 201 && other.json()["amount"] == 200,
        "{other:?}"
    );
    Ok(())
}

/// Responses have client tokens, the payment page's URL, the buyer's data and the card's last digits.
#[tokio::test]
async fn responses_are_stored_encrypted() -> Result<()> {
    let app = TestApp::start().await?;
    let mut order = Api::order("1");
    order["buyer"] = json!({ "email": "ada@shop.example" });
    let request = app.api.secret(Method::POST, "/v1/invoices");
    let created = send(request.header("idempotency-key", "c").json(&order)).await?;
    let token = text(&created.json()["client_token"])?;
    let opened = till_tests::client::Opened {
        id: text(&created.json()["id"])?,
        token: token.clone(),
    };
    let stored = app.bytes()?;
    let holds = |text: &str| stored.windows(text.len()).any(|w| w == text.as_bytes());
    ensure!(!holds(&token), "a client token is stored in plain text");
    let pay = app.api.widget(Method::POST, &opened, "/payments");
    let paid = send(pay.header("idempotency-key", "p").json(&card(APPROVED))).await?;
    ensure!(paid.status == 201, "{paid:?}");
    let rows: Vec<(Option<i64>, Option<String>, String, String)> =
        sqlx::query_as("select status, body, answer, invoice from idempotency_keys")
            .fetch_all(&app.store().await?)
            .await?;
    ensure!(rows.len() == 2, "{rows:?}");
    for (status, body, answer, invoice) in rows {
        ensure!(status.is_none() && body.is_none(), "{status:?} {body:?}");
        ensure!(invoice == opened.id && !answer.contains('{'), "{answer}");
    }
    Ok(())
}

/// How a server of the version before the encrypted responses claims a key: what it would do.
async fn claimed_by_old_server(store: &AnyPool, key: &str, now: i64) -> Result<&'static str> {
    let (status, body): (Option<i64>, Option<String>) =
        sqlx::query_as("select status, body from idempotency_keys where key = $1")
            .bind(key)
            .fetch_one(store)
            .await?;
    if let Some(status) = status {
        ensure!(
            status == 201 && body.is_some(),
            "a wrong response: {status} {body:?}"
        );
        return Ok("replays");
    }
    let taken_over = sqlx::query(
        "update idempotency_keys set lease_until = $1, object = coalesce(object, 'x')
         where key = $2 and status is null and lease_until <= $3",
    )
    .bind(now + 60_000)
    .bind(key)
    .bind(now)
    .execute(store)
    .await?;
    Ok(match taken_over.rows_affected() {
        0 => "rejects",
        _ => "runs again",
    })
}

/// During an upgrade, servers of both versions handle the calls of one client.
#[tokio::test]
async fn servers_of_the_version_before_give_no_wrong_response() -> Result<()> {
    let app = TestApp::start().await?;
    let store = app.store().await?;
    let first = create(&app, "k", "1").await?;
    let (now, object): (i64, String) =
        sqlx::query_as("select created_at, object from idempotency_keys where key = 'k'")
            .fetch_one(&store)
            .await?;
    // The old server tells the client to try again, which reaches a new one.
    let does = claimed_by_old_server(&store, "k", now + 1000).await?;
    ensure!(does == "rejects", "the old server {does}");
    let again = create(&app, "k", "1").await?;
    ensure!(is_replayed(&again) && again.text == first.text, "{again:?}");

    // After a day, when the new version was given up, it continues the call, as after a crash.
    let does = claimed_by_old_server(&store, "k", now + 2 * DAY).await?;
    ensure!(does == "runs again", "the old server {does}");
    let kept: String = sqlx::query_scalar("select object from idempotency_keys where key = 'k'")
        .fetch_one(&store)
        .await?;
    ensure!(kept == object, "another object would be created");
    // A call that the old server runs again after all is still answered by the new one.
    let again = create(&app, "k", "1").await?;
    ensure!(is_replayed(&again) && again.text == first.text, "{again:?}");

    // The new server replays what the old one stored.
    let sql = "update idempotency_keys set status = 201, body = '{\"by\": \"old\"}', answer = null";
    sqlx::query(sql).execute(&store).await?;
    let again = create(&app, "k", "1").await?;
    ensure!(
        is_replayed(&again) && again.json() == json!({ "by": "old" }),
        "{again:?}"
    );
    let does = claimed_by_old_server(&store, "k", now + 1000).await?;
    ensure!(does == "replays", "the old server {does}");
    Ok(())
}
