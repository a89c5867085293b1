//! Events of projects without an endpoint, or with one that is turned off, and the choice of types.

use anyhow::{Result, ensure};
use axum::http::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS};
use till_tests::client::{Answer, events, send, text};
use till_tests::wait::until;

async fn update(app: &TestApp, patch: Value) -> Result<Value> {
    let path = format!("/v1/projects/{}", app.keys.id);
    let answer = send(app.operator(Method::PATCH, &path).json(&patch)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(answer.json())
}

async fn pay(app: &TestApp, order_id: &str) -> Result<()> {
    let opened = app.api.invoice(order_id).await?;
    app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
    app.api.paid_with(&opened, APPROVED).await?;
    Ok(())
}

async fn until_unsent(app: &TestApp, count: usize) -> Result<()> {
    until("the events to be kept", async || {
        Ok(events(&app.api, "?state=unsent").await?.len() == count)
    })
    .await
}

async fn resend_all(app: &TestApp) -> Result<Answer> {
    let request = app.api.secret(Method::POST, "/v1/events/resend");
    send(request.json(&json!({ "state": "unsent" }))).await
}

/// The sequence numbers of the received callbacks.
fn received(app: &TestApp) -> Vec<Option<i64>> {
    let callbacks = app.project.callbacks();
    callbacks
        .iter()
        .map(|c| c.body["sequence"].as_i64())
        .collect()
}

#[tokio::test]
async fn events_without_an_endpoint_wait_for_one() -> Result<()> {
    let app = TestApp::start().await?;
    let url = format!("{}/callbacks", app.project.url);
    let none = update(&app, json!({ "notify_url": null })).await?;
    ensure!(none["unsent_events"] == 0, "{none}");
    pay(&app, "1").await?;
    until_unsent(&app, 3).await?;
    let kept = events(&app.api, "").await?;
    for event in &kept {
        ensure!(event["attempts"] == json!([]), "{event}");
        ensure!(event["next_attempt_at"].is_null() && event["delivered_at"].is_null());
    }

    // Nothing can be sent yet.
    let path = format!("/v1/events/{}/resend", text(&kept[0]["id"])?);
    let one = send(app.api.secret(Method::POST, &path)).await?;
    ensure!(one.problem(422, "invalid-request")? == ["notify_url"]);
    ensure!(resend_all(&app).await?.problem(422, "invalid-request")? == ["notify_url"]);
    ensure!(events(&app.api, "").await? == kept);

    let path = format!("/v1/projects/{}", app.keys.id);
    let shown = send(app.operator(Method::GET, &path)).await?.json();
    ensure!(shown["unsent_events"] == 3, "{shown}");
    let set = update(&app, json!({ "notify_url": url })).await?;
    ensure!(set["unsent_events"] == 3, "{set}");

    // New events are sent at once. The others wait until they are asked for.
    send(app.api.secret(Method::POST, "/v1/events/ping")).await?;
    until("the ping", async || Ok(!app.project.callbacks().is_empty())).await?;
    ensure!(received(&app) == [Some(0)], "{:?}", received(&app));
    let answer = resend_all(&app).await?;
    ensure!(answer.status == 202, "{answer:?}");
    until("the callbacks", async || {
        Ok(app.project.callbacks().len() == 4)
    })
    .await?;
    ensure!(received(&app) == [0, 1, 2, 3].map(Some));
    until("all to be delivered", async || {
        Ok(events(&app.api, "?state=delivered").await?.len() == 4)
    })
    .await?;
    let shown = send(app.operator(Method::GET, &path)).await?.json();
    ensure!(shown["unsent_events"] == 0, "{shown}");
    Ok(())
}

#[tokio::test]
async fn the_command_line_says_how_many_events_wait() -> Result<()> {
    let app = TestApp::start().await?;
    let url = format!("{}/callbacks", app.project.url);
    let update = ["project", "update", &app.keys.id, "--dev", "--notify-url"];
    let set = async |url: &str| -> Result<(Value, String)> {
        let output = app.till_output(&[&update[..], &[url]].concat()).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}");
        Ok((serde_json::from_slice(&output.stdout)?, said))
    };
    let (project, said) = set(&url).await?;
    ensure!(project["unsent_events"] == 0 && !said.contains("unsent"));
    let (project, said) = set("").await?;
    ensure!(project["notify_url"].is_null() && !said.contains("unsent"));
    pay(&app, "1").await?;
    until_unsent(&app, 3).await?;
    let (project, said) = set(&url).await?;
    ensure!(project["unsent_events"] == 3, "{project}");
    ensure!(said.contains("3 events wait unsent"), "{said}");
    Ok(())
}

/// Status 410 turns the endpoint off. Its events wait until the operator sets it again.
#[tokio::test]
async fn status_410_turns_the_endpoint_off() -> Result<()> {
    let app = TestApp::start().await?;
    let url = format!("{}/callbacks", app.project.url);
    app.project.respond_by_event(|_| StatusCode::GONE);
    pay(&app, "1").await?;
    until_unsent(&app, 3).await?;
    ensure!(received(&app) == [Some(1)], "nothing is sent after the 410");
    until("the attempt to be recorded", async || {
        let all = events(&app.api, "").await?;
        let attempts = all.iter().map(|e| e["attempts"].as_array().map(Vec::len));
        Ok(attempts.eq([0, 0, 1].map(Some)))
    })
    .await?;
    let path = format!("/v1/projects/{}", app.keys.id);
    let off = send(app.operator(Method::GET, &path)).await?.json();
    ensure!(off["notify_off_since"].is_string() && off["unsent_events"] == 3);
    // A change of other settings does not turn it on.
    let renamed = update(&app, json!({ "name": "Other" })).await?;
    ensure!(renamed["notify_off_since"].is_string(), "{renamed}");
    ensure!(resend_all(&app).await?.problem(422, "invalid-request")? == ["notify_url"]);
    let ping = send(app.api.secret(Method::POST, "/v1/events/ping")).await?;
    ensure!(ping.problem(422, "invalid-request")? == ["notify_url"]);

    app.project.respond_by_event(|_| StatusCode::OK);
    let on = update(&app, json!({ "notify_url": url })).await?;
    ensure!(
        on["notify_off_since"].is_null() && on["unsent_events"] == 3,
        "{on}"
    );
    ensure!(resend_all(&app).await?.status == 202);
    until("the callbacks", async || {
        Ok(app.project.accepted().len() == 3)
    })
    .await?;
    ensure!(received(&app) == [1, 1, 2, 3].map(Some));
    Ok(())
}

#[tokio::test]
async fn a_project_receives_the_types_it_wants() -> Result<()> {
    let wanted = [
        "--notify-event",
        "invoice.paid",
        "--notify-event",
        "refund.succeeded",
    ];
    let app = TestApp::with(&wanted).await?;
    let path = format!("/v1/projects/{}", app.keys.id);
    let shown = send(app.operator(Method::GET, &path)).await?.json();
    ensure!(shown["notify_events"] == json!(["invoice.paid", "refund.succeeded"]));
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
    let paid = app.api.paid_with(&opened, APPROVED).await?;
    app.refund(&text(&paid["payment"]["id"])?, 100).await?;
    send(app.api.secret(Method::POST, "/v1/events/ping")).await?;
    until("the callbacks", async || {
        Ok(app.project.callbacks().len() == 3)
    })
    .await?;
    let kinds = |all: &[Value]| -> Vec<(Value, Value)> {
        let kind = |e: &Value| (e["type"].clone(), e["sequence"].clone());
        let mut kinds: Vec<_> = all.iter().map(kind).collect();
        kinds.sort_by_key(|(_, sequence)| sequence.as_i64());
        kinds
    };
    let expected = [
        (json!("ping"), json!(0)),
        (json!("invoice.paid"), json!(1)),
        (json!("refund.succeeded"), json!(2)),
    ];
    let callbacks = app.project.callbacks();
    let bodies: Vec<_> = callbacks.into_iter().map(|c| c.body).collect();
    ensure!(kinds(&bodies) == expected, "{bodies:?}");
    ensure!(kinds(&events(&app.api, "").await?) == expected);

    // null is an empty list: all types.
    let all = update(&app, json!({ "notify_events": null })).await?;
    ensure!(all["notify_events"] == json!([]), "{all}");
    let opened = app.api.invoice("2").await?;
    app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
    until("the decline", async || {
        let callbacks = app.project.callbacks();
        Ok(callbacks
            .iter()
            .any(|c| c.body["type"] == "payment.declined"))
    })
    .await
}
