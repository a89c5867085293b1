//! Events: list, resend, ping, and the isolation of slow endpoints.

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, events, send, text};
use till_tests::wait::until;
use tokio::net::TcpListener;

#[tokio::test]
async fn events_are_listed_with_their_attempts() -> Result<()> {
    let app = TestApp::start().await?;
    app.project.respond_to_callbacks(|n| match n {
        0 => (StatusCode::IM_A_TEAPOT, "é".repeat(2000)).into_response(),
        _ => (StatusCode::OK, "thanks").into_response(),
    });
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    until("both events to be delivered", async || {
        let all = events(&app.api, "").await?;
        Ok(all.len() == 2 && all.iter().all(|e| e["state"] == "delivered"))
    })
    .await?;
    let all = events(&app.api, "").await?;
    ensure!(
        all[0]["type"] == "payment.succeeded" && all[1]["type"] == "invoice.paid",
        "newest first"
    );
    let attempts = all[1]["attempts"].as_array().context("no attempts")?;
    ensure!(attempts.len() == 2, "{attempts:?}");
    ensure!(
        attempts[0]["status"] == 418 && attempts[1]["status"] == 200,
        "{attempts:?}"
    );
    let kept = attempts[0]["response"].as_str().context("no response")?;
    ensure!((1000..=1024).contains(&kept.len()), "{}", kept.len());
    ensure!(attempts[1]["response"] == "thanks" && attempts[1]["duration_ms"].is_i64());
    ensure!(all[1]["data"]["invoice"]["id"] == opened.id.as_str());

    let path = format!("/v1/events/{}", text(&all[1]["id"])?);
    ensure!(send(app.api.secret(Method::GET, &path)).await?.json() == all[1]);
    let stranger = app.another_project().await?;
    send(stranger.secret(Method::GET, &path))
        .await?
        .problem(404, "not-found")?;
    send(stranger.secret(Method::POST, &format!("{path}/resend")))
        .await?
        .problem(404, "not-found")?;
    ensure!(events(&stranger, "").await?.is_empty());

    ensure!(events(&app.api, "?type=invoice.paid").await?.len() == 1);
    ensure!(events(&app.api, "?state=delivered").await?.len() == 2);
    ensure!(events(&app.api, "?state=failed").await?.is_empty());
    ensure!(events(&app.api, "?type=&state=&after=").await?.len() == 2);
    let after = format!("?after={}", text(&all[1]["id"])?);
    ensure!(events(&app.api, &after).await? == all[..1]);
    ensure!(events(&app.api, "?after=2000-01-01T00:00:00Z").await?.len() == 2);
    ensure!(events(&app.api, "?after=2000-01-01").await?.len() == 2);
    for late in [
        "2999-01-01T00:00:00Z",
        "2999-01-01T00:00:00-05:00",
        "2999-01-01",
    ] {
        let after = format!("?state=delivered&after={late}");
        ensure!(events(&app.api, &after).await?.is_empty(), "{late}");
    }
    let page = send(app.api.secret(Method::GET, "/v1/events?limit=1"))
        .await?
        .json();
    let next = format!("?cursor={}", text(&page["next_cursor"])?);
    ensure!(events(&app.api, &next).await? == all[1..]);
    for bad in [
        "?type=nonsense",
        "?state=lost",
        "?after=yesterday",
        "?after=2026-01-01T00:00:00",
        "?after=evt_A",
        "?limit=0",
        "?limit=101",
        "?cursor=x",
        "?color=1",
    ] {
        let answer = send(app.api.secret(Method::GET, &format!("/v1/events{bad}"))).await?;
        let field = bad[1..].split('=').next().unwrap_or_default();
        ensure!(answer.problem(422, "invalid-request")? == [field], "{bad}");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_can_be_resent_with_the_same_id() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    until("two callbacks", async || {
        Ok(app.project.callbacks().len() == 2)
    })
    .await?;
    let paid = events(&app.api, "?type=invoice.paid").await?.remove(0);
    let path = format!("/v1/events/{}/resend", text(&paid["id"])?);
    let again = send(app.api.secret(Method::POST, &path)).await?;
    ensure!(again.status == 202, "{again:?}");
    until("a third callback", async || {
        Ok(app.project.callbacks().len() == 3)
    })
    .await?;
    let callbacks = app.project.callbacks();
    ensure!(
        callbacks[2].id == callbacks[0].id
            && callbacks[2].raw == callbacks[0].raw
            && callbacks[2].verified
    );
    until("the event to be delivered", async || {
        let event = events(&app.api, "?type=invoice.paid").await?.remove(0);
        Ok(event["state"] == "delivered"
            && event["attempts"].as_array().is_some_and(|a| a.len() == 2))
    })
    .await
}

/// Those that come together are inserted together.
#[tokio::test]
async fn each_of_many_pings_is_sent_once() -> Result<()> {
    let app = TestApp::start().await?;
    let ping = |_| send(app.api.secret(Method::POST, "/v1/events/ping"));
    let pings = try_join_all((0..100).map(ping)).await?;
    let mut pinged: Vec<_> = pings
        .iter()
        .map(|ping| ping.json()["id"].to_string())
        .collect();
    until("the callbacks", async || {
        Ok(app.project.callbacks().len() >= pinged.len())
    })
    .await?;
    until("all to be recorded", async || {
        Ok(events(&app.api, "?state=pending").await?.is_empty())
    })
    .await?;
    let callbacks = app.project.callbacks();
    let mut sent: Vec<_> = callbacks
        .iter()
        .map(|callback| callback.body["id"].to_string())
        .collect();
    sent.sort();
    pinged.sort();
    ensure!(sent == pinged, "{sent:?}");
    Ok(())
}

#[tokio::test]
async fn a_ping_is_sent_to_the_endpoint() -> Result<()> {
    let app = TestApp::start().await?;
    let ping = send(app.api.secret(Method::POST, "/v1/events/ping")).await?;
    ensure!(
        ping.status == 202 && ping.json()["type"] == "ping",
        "{ping:?}"
    );
    until("the callback", async || {
        Ok(app.project.callbacks().len() == 1)
    })
    .await?;
    let callbacks = app.project.callbacks().remove(0);
    ensure!(
        callbacks.verified && callbacks.body["type"] == "ping",
        "{}",
        callbacks.body
    );
    ensure!(callbacks.body["id"] == ping.json()["id"] && callbacks.body["data"] == json!({}));

    let path = format!("/v1/projects/{}", app.keys.id);
    let off = send(
        app.operator(Method::PATCH, &path)
            .json(&json!({ "notify_url": null })),
    )
    .await?;
    ensure!(off.status == 200, "{off:?}");
    let rejected = send(app.api.secret(Method::POST, "/v1/events/ping")).await?;
    ensure!(rejected.problem(422, "invalid-request")? == ["notify_url"]);
    Ok(())
}

#[tokio::test]
async fn retry_after_is_respected() -> Result<()> {
    let app = TestApp::start().await?;
    app.project.respond_to_callbacks(|n| match n {
        // 100 seconds are 5 seconds at 20 times speed. The schedule alone would wait 0.25 seconds.
        0 => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "100")]).into_response(),
        _ => StatusCode::OK.into_response(),
    });
    send(app.api.secret(Method::POST, "/v1/events/ping")).await?;
    until("the retry", async || Ok(app.project.callbacks().len() == 2)).await?;
    until("the event to be delivered", async || {
        Ok(events(&app.api, "").await?[0]["state"] == "delivered")
    })
    .await?;
    let attempts = events(&app.api, "").await?.remove(0)["attempts"].clone();
    let at = |n: usize| -> Result<i64> {
        let time: String = text(&attempts[n]["at"])?;
        Ok(time.parse::<jiff::Timestamp>()?.as_millisecond())
    };
    ensure!(at(1)? - at(0)? >= 5000, "{attempts}");
    Ok(())
}

/// One project's endpoint accepts connections and never responds. Another project's callbacks
/// start within one second, which is the documented limit.
#[tokio::test]
async fn a_hanging_endpoint_does_not_delay_other_projects() -> Result<()> {
    let app = TestApp::start().await?;
    let hanging = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", hanging.local_addr()?);
    tokio::spawn(async move {
        let mut held = vec![];
        while let Ok((connection, _)) = hanging.accept().await {
            held.push(connection);
        }
    });
    let slow = Api::new(&app.api.url, &app.project_at(&url, &[]).await?)?;
    for _ in 0..40 {
        send(slow.secret(Method::POST, "/v1/events/ping")).await?;
    }
    until("40 pending events", async || {
        let pending = events(&slow, "?limit=100").await?;
        Ok(pending.len() == 40 && pending.iter().all(|e| e["state"] == "pending"))
    })
    .await?;
    for n in 0..3 {
        let opened = app.api.invoice(&n.to_string()).await?;
        app.api.paid_with(&opened, APPROVED).await?;
    }
    until("the other project's callbacks", async || {
        Ok(app.project.callbacks().len() == 6)
    })
    .await?;
    until("them to be delivered", async || {
        Ok(events(&app.api, "")
            .await?
            .iter()
            .all(|e| e["state"] == "delivered"))
    })
    .await?;
    let ms = |value: &Value| -> Result<i64> {
        Ok(text(value)?.parse::<jiff::Timestamp>()?.as_millisecond())
    };
    for event in events(&app.api, "").await? {
        // The second event of an invoice is sent after the first.
        let waited = ms(&event["attempts"][0]["at"])? - ms(&event["created_at"])?;
        ensure!(waited < 1000, "started after {waited} ms: {event}");
    }
    ensure!(
        events(&slow, "?limit=100")
            .await?
            .iter()
            .all(|e| e["state"] == "pending")
    );
    Ok(())
}
