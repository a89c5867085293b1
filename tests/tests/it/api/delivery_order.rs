//! Which event of an invoice waits for which. Later events wait for an endpoint that does not work,
//! and do not wait for one event that it refuses.

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS};
use till_tests::client::{events, send, text};
use till_tests::project::ReceivedCallback;
use till_tests::wait::until;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};

/// Statuses with which an endpoint refuses one event.
const REFUSALS: [u16; 8] = [302, 307, 400, 401, 403, 404, 409, 422];
/// Statuses with which an endpoint does not work.
const FAILURES: [u16; 6] = [408, 425, 429, 500, 502, 503];

/// The id of an event's order. Here it is the status of the response to the order's first event.
fn order(body: &Value) -> Option<&str> {
    body["data"]["invoice"]["order_id"].as_str()
}

fn sequences(callbacks: &[ReceivedCallback], status: u16) -> Vec<i64> {
    let status = status.to_string();
    let of_order = callbacks.iter().filter(|c| order(&c.body) == Some(&status));
    of_order
        .filter_map(|c| c.body["sequence"].as_i64())
        .collect()
}

/// Makes an invoice with three events for each status, and returns the payments. The endpoint
/// responds to the first event of an invoice with the status, and accepts the others.
async fn three_events_each(app: &TestApp, statuses: &[u16]) -> Result<Vec<String>> {
    app.project.respond_by_event(|body| {
        let status = order(body).and_then(|order| order.parse().ok());
        match status.and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) if body["sequence"] == 1 => status,
            _ => StatusCode::NO_CONTENT,
        }
    });
    let mut payments = vec![];
    for status in statuses {
        let opened = app.api.invoice(&status.to_string()).await?;
        app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
        let paid = app.api.paid_with(&opened, APPROVED).await?;
        payments.push(text(&paid["payment"]["id"])?);
    }
    Ok(payments)
}

/// Makes all retries due that are not running, and restarts their schedules.
async fn make_due(app: &TestApp) -> Result<()> {
    let sql = "update events set next_attempt_at = 1, resent_after = attempts
         where state = 'pending' and attempts > 0 and leased_until is null";
    sqlx::query(sql).execute(&app.store().await?).await?;
    Ok(())
}

#[tokio::test]
async fn a_refused_event_does_not_hold_up_later_ones() -> Result<()> {
    let app = TestApp::start().await?;
    three_events_each(&app, &REFUSALS).await?;
    until("the later events, and a retry of the first", async || {
        let callbacks = app.project.callbacks();
        Ok(REFUSALS.iter().all(|status| {
            let seen = sequences(&callbacks, *status);
            let first = seen.iter().filter(|n| **n == 1);
            first.count() >= 2 && seen.contains(&2) && seen.contains(&3)
        }))
    })
    .await?;
    for status in REFUSALS {
        let accepted = sequences(&app.project.accepted(), status);
        ensure!(accepted == [2, 3], "{status}: {accepted:?}");
        let seen = sequences(&app.project.callbacks(), status);
        ensure!(seen.first() == Some(&1), "{status}: {seen:?}");
    }
    // The endpoint accepts it at last.
    app.project.respond_by_event(|_| StatusCode::OK);
    until("every event to be delivered", async || {
        make_due(&app).await?;
        let delivered = events(&app.api, "?state=delivered&limit=100").await?;
        Ok(delivered.len() == 3 * REFUSALS.len())
    })
    .await?;
    for status in REFUSALS {
        let accepted = sequences(&app.project.accepted(), status);
        ensure!(accepted == [2, 3, 1], "{status}: {accepted:?}");
    }
    Ok(())
}

#[tokio::test]
async fn later_events_wait_while_the_endpoint_does_not_work() -> Result<()> {
    let app = TestApp::start().await?;
    let payments = three_events_each(&app, &FAILURES).await?;
    until("retries of the first events", async || {
        let callbacks = app.project.callbacks();
        let tried = |status: &u16| sequences(&callbacks, *status).len() >= 2;
        Ok(FAILURES.iter().all(tried))
    })
    .await?;
    for callback in app.project.callbacks() {
        ensure!(callback.body["sequence"] == 1, "{}", callback.body);
    }
    let first_gets = |status: StatusCode| {
        app.project.respond_by_event(move |body| {
            if body["sequence"] == 1 {
                status
            } else {
                StatusCode::OK
            }
        });
    };
    // The endpoint works again and refuses the first event only.
    first_gets(StatusCode::BAD_REQUEST);
    until("the later events", async || {
        make_due(&app).await?;
        Ok(app.project.accepted().len() == 2 * FAILURES.len())
    })
    .await?;
    for status in FAILURES {
        let accepted = sequences(&app.project.accepted(), status);
        ensure!(accepted == [2, 3], "{status}: {accepted:?}");
    }
    // It fails again. New events wait for the first one, although it was refused before.
    first_gets(StatusCode::BAD_GATEWAY);
    let fail_again = async || {
        let before = app.project.callbacks().len();
        until("the first events to fail again", async || {
            make_due(&app).await?;
            let new = app.project.callbacks().split_off(before);
            let failed = |status: &u16| !sequences(&new, *status).is_empty();
            Ok(FAILURES.iter().all(failed))
        })
        .await
    };
    fail_again().await?;
    for payment in &payments {
        app.refund(payment, 100).await?;
    }
    fail_again().await?;
    let fourth = |c: &ReceivedCallback| c.body["sequence"] == 4;
    ensure!(!app.project.callbacks().iter().any(fourth));
    first_gets(StatusCode::OK);
    until("the refunds", async || {
        make_due(&app).await?;
        Ok(app.project.callbacks().iter().filter(|c| fourth(c)).count() == FAILURES.len())
    })
    .await?;
    for status in FAILURES {
        let accepted = sequences(&app.project.accepted(), status);
        ensure!(accepted == [2, 3, 1, 4], "{status}: {accepted:?}");
    }
    Ok(())
}

/// The endpoint holds the request of the first event. Other events are sent meanwhile, but not the
/// invoice's next ones, nor the first one again.
#[tokio::test]
async fn later_events_wait_while_an_earlier_one_is_being_sent() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let released = Arc::new(Semaphore::new(0));
    let (received, mut callbacks) = mpsc::unbounded_channel();
    let gate = released.clone();
    let endpoint = Router::new().route(
        "/callbacks",
        post(async move |Json(body): Json<Value>| {
            let first = body["sequence"] == 1;
            let _ = received.send((text(&body["type"]), body["sequence"].as_i64()));
            if first {
                let _ = gate.acquire().await;
            }
        }),
    );
    tokio::spawn(async move { axum::serve(listener, endpoint).await });
    let app = TestApp::set_up(Setup {
        endpoint: Some(&url),
        ..Setup::default()
    })
    .await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    let mut next = async || -> Result<(String, Option<i64>)> {
        let (kind, sequence) = callbacks.recv().await.context("the endpoint ended")?;
        Ok((kind?, sequence))
    };
    ensure!(next().await?.1 == Some(1));
    // What is being sent is not sent a second time.
    let first = events(&app.api, "").await?.pop().context("no event")?;
    let path = format!("/v1/events/{}/resend", text(&first["id"])?);
    let resent = send(app.api.secret(Method::POST, &path)).await?;
    ensure!(
        resent.json()["sending"] == json!([first["id"]]),
        "{resent:?}"
    );
    // The worker claims due events in one step: the ping is sent after it has seen the others.
    for _ in 0..2 {
        send(app.api.secret(Method::POST, "/v1/events/ping")).await?;
        ensure!(next().await?.0 == "ping");
    }
    released.add_permits(1);
    ensure!(next().await?.1 == Some(2));
    Ok(())
}
