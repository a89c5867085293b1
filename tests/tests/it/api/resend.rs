//! Events are sent again: one, or all of a kind. The events of an invoice stay in order.

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use till_tests::TestApp;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS};
use till_tests::client::{Answer, events, send, text};
use till_tests::wait::until;

/// Makes an invoice with three events and returns their ids in order.
async fn three_events(app: &TestApp, order_id: &str) -> Result<Vec<String>> {
    let opened = app.api.invoice(order_id).await?;
    app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
    app.api.paid_with(&opened, APPROVED).await?;
    let mut all = events(&app.api, "?limit=100").await?;
    all.retain(|event| event["data"]["invoice"]["order_id"] == order_id);
    all.sort_by_key(|event| event["sequence"].as_i64());
    ensure!(all.len() == 3, "{all:?}");
    all.iter().map(|event| text(&event["id"])).collect()
}

/// Makes the endpoint fail, with no retry for more than an hour.
fn fail_for_an_hour(app: &TestApp) {
    app.project.respond_to_callbacks(|_| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        (status, [("retry-after", "86400")]).into_response()
    });
}

/// Sets columns of the events with these ids, of all at once: an event is sent when those before it have ended.
async fn set(app: &TestApp, ids: &[String], columns: &str) -> Result<()> {
    let sql = format!(
        "update events set {columns} where id in ('{}')",
        ids.join("', '")
    );
    sqlx::query(AssertSqlSafe(sql))
        .execute(&app.store().await?)
        .await?;
    Ok(())
}

/// Ends all attempts as after the last retry.
const FAILED: &str = "state = 'failed', next_attempt_at = null";
/// Moves the next attempt to the year 2100.
const LATER: &str = "state = 'pending', next_attempt_at = 4102444800000";

/// Waits until the first event of every invoice was tried.
async fn until_recorded(app: &TestApp) -> Result<()> {
    until("the attempts to be recorded", async || {
        let sql = "select count(*) from events where attempts = 0 and sequence = 1";
        let open: i64 = sqlx::query_scalar(sql)
            .fetch_one(&app.store().await?)
            .await?;
        Ok(open == 0)
    })
    .await
}

async fn resend(app: &TestApp, id: &str) -> Result<Answer> {
    let path = format!("/v1/events/{id}/resend");
    send(app.api.secret(Method::POST, &path)).await
}

async fn resend_all(app: &TestApp, body: &Value) -> Result<Answer> {
    send(app.api.secret(Method::POST, "/v1/events/resend").json(body)).await
}

fn ids(list: &Value) -> Result<Vec<String>> {
    let list = list.as_array().context("no list")?;
    list.iter().map(|event| text(&event["id"])).collect()
}

/// The ids of the accepted callbacks, in the order in which they arrived.
fn accepted(app: &TestApp) -> Vec<String> {
    app.project.accepted().into_iter().map(|c| c.id).collect()
}

async fn until_accepted(app: &TestApp, expected: &[&[String]]) -> Result<()> {
    let expected = expected.concat();
    until("the callbacks", async || {
        Ok(accepted(app).len() >= expected.len())
    })
    .await?;
    ensure!(accepted(app) == expected, "{:?}", accepted(app));
    Ok(())
}

#[tokio::test]
async fn waiting_events_of_the_invoice_go_first() -> Result<()> {
    let app = TestApp::start().await?;
    fail_for_an_hour(&app);
    let all = three_events(&app, "1").await?;
    let other = three_events(&app, "2").await?;
    until_recorded(&app).await?;
    set(&app, &[all.clone(), other.clone()].concat(), LATER).await?;
    app.project.respond_by_event(|_| StatusCode::OK);

    let answer = resend(&app, &all[2]).await?;
    ensure!(answer.status == 202, "{answer:?}");
    let body = answer.json();
    ensure!(
        body["id"] == all[2].as_str() && body["sequence"] == 3,
        "{body}"
    );
    ensure!(
        body["sending"] == json!(all) && body["state"] == "pending",
        "{body}"
    );
    until_accepted(&app, &[&all]).await?;

    // Of the other invoice, the third event is not asked for.
    let answer = resend(&app, &other[1]).await?.json();
    ensure!(answer["sending"] == json!(other[..2]), "{answer}");
    until_accepted(&app, &[&all, &other[..2]]).await?;

    // A delivered or failed event waits for nothing: it is not sent with a later one.
    set(&app, &all[..1], FAILED).await?;
    let answer = resend(&app, &all[2]).await?.json();
    ensure!(answer["sending"] == json!(all[2..]), "{answer}");
    until_accepted(&app, &[&all, &other[..2], &all[2..]]).await?;
    until("all to be delivered but the third", async || {
        Ok(events(&app.api, "?state=pending").await?.len() == 1)
    })
    .await
}

#[tokio::test]
async fn all_of_a_kind_are_resent_in_order() -> Result<()> {
    let app = TestApp::start().await?;
    fail_for_an_hour(&app);
    let one = three_events(&app, "1").await?;
    let two = three_events(&app, "2").await?;
    let three = three_events(&app, "3").await?;
    until_recorded(&app).await?;
    set(&app, &[&one[..], &two, &three[1..]].concat(), FAILED).await?;
    set(&app, &three[..1], LATER).await?;
    app.project.respond_by_event(|_| StatusCode::OK);

    let none = json!({ "state": "failed", "type": "invoice.expired" });
    let answer = resend_all(&app, &none).await?;
    ensure!(answer.status == 202, "{answer:?}");
    ensure!(answer.json() == json!({ "data": [], "next_cursor": null }));
    let none = resend_all(&app, &json!({ "state": "unsent" })).await?;
    ensure!(none.json()["data"] == json!([]), "{none:?}");

    // The third invoice's first event is pending, and goes before its failed ones.
    let since = json!({ "state": "failed", "after": two[2] });
    let answer = resend_all(&app, &since).await?.json();
    ensure!(ids(&answer["data"])? == three, "{answer}");
    ensure!(answer["next_cursor"].is_null(), "{answer}");
    let listed = &answer["data"][0];
    ensure!(listed["object"] == "event" && listed["type"] == "payment.declined");
    ensure!(listed["sequence"] == 1 && listed["invoice"].is_string());
    until_accepted(&app, &[&three]).await?;

    let declined = json!({ "state": "failed", "type": "payment.declined", "after": "2000-01-01" });
    let answer = resend_all(&app, &declined).await?.json();
    let firsts = [one[0].clone(), two[0].clone()];
    ensure!(ids(&answer["data"])? == firsts, "{answer}");
    until("the declines to be delivered", async || {
        Ok(events(&app.api, "?state=delivered").await?.len() == 5)
    })
    .await?;
    ensure!(accepted(&app).len() == 5);
    let rest = json!({ "state": "failed", "type": "", "after": null });
    let answer = resend_all(&app, &rest).await?.json();
    ensure!(ids(&answer["data"])? == [&one[1..], &two[1..]].concat());
    until("the others", async || Ok(accepted(&app).len() == 9)).await?;
    until("all to be delivered", async || {
        Ok(events(&app.api, "?state=delivered").await?.len() == 9)
    })
    .await?;

    // Delivered events are sent again, in order and with the same ids.
    let before = accepted(&app).len();
    let answer = resend_all(&app, &json!({ "state": "delivered" })).await?;
    let all = [one.clone(), two.clone(), three.clone()].concat();
    ensure!(ids(&answer.json()["data"])? == all, "{answer:?}");
    until("all again", async || Ok(accepted(&app).len() == before + 9)).await?;
    let again = accepted(&app).split_off(before);
    for invoice in [one, two, three] {
        let of_invoice = again.iter().filter(|id| invoice.contains(id));
        let of_invoice: Vec<_> = of_invoice.cloned().collect();
        ensure!(of_invoice == invoice, "{of_invoice:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_fails_again_restarts_its_schedule() -> Result<()> {
    let app = TestApp::start().await?;
    fail_for_an_hour(&app);
    let all = three_events(&app, "1").await?;
    until_recorded(&app).await?;
    set(&app, &all[..1], "state = 'failed', attempts = 10").await?;
    set(&app, &all[1..], LATER).await?;
    ensure!(resend(&app, &all[0]).await?.status == 202);
    let read = async || -> Result<Value> {
        let path = format!("/v1/events/{}", all[0]);
        Ok(send(app.api.secret(Method::GET, &path)).await?.json())
    };
    until("the attempt after ten", async || {
        let attempts = read().await?["attempts"].as_array().map(Vec::len);
        Ok(attempts == Some(2))
    })
    .await?;
    let event = read().await?;
    ensure!(event["state"] == "pending", "no attempts left: {event}");
    Ok(())
}

#[tokio::test]
async fn invalid_requests_resend_nothing() -> Result<()> {
    let app = TestApp::start().await?;
    fail_for_an_hour(&app);
    let all = three_events(&app, "1").await?;
    until_recorded(&app).await?;
    set(&app, &all, FAILED).await?;
    let before = events(&app.api, "").await?;
    for (body, field) in [
        (json!({}), "state"),
        (json!({ "state": null }), "state"),
        (json!({ "state": "" }), "state"),
        (json!({ "state": "lost" }), "state"),
        (json!({ "state": 1 }), "state"),
        (json!({ "state": "failed", "type": "invoice.lost" }), "type"),
        (json!({ "state": "failed", "after": "yesterday" }), "after"),
        (json!({ "state": "failed", "after": "2026-13-01" }), "after"),
        (json!({ "state": "failed", "after": "evt_A" }), "after"),
        (json!({ "state": "failed", "color": 1 }), "color"),
    ] {
        let answer = resend_all(&app, &body).await?;
        let fields = answer.problem(422, "invalid-request")?;
        ensure!(fields == [field], "{body}: {fields:?}");
    }
    resend(&app, "evt_0").await?.problem(404, "not-found")?;
    resend(&app, "inv_0").await?.problem(404, "not-found")?;
    let stranger = app.another_project().await?;
    let path = format!("/v1/events/{}/resend", all[0]);
    send(stranger.secret(Method::POST, &path))
        .await?
        .problem(404, "not-found")?;
    let failed = json!({ "state": "failed" });
    let none = stranger.secret(Method::POST, "/v1/events/resend");
    ensure!(send(none.json(&failed)).await?.json()["data"] == json!([]));
    ensure!(events(&app.api, "").await? == before);
    Ok(())
}
