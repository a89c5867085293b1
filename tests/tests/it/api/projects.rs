//! Projects over HTTP: create and update.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, send, text};

const PROJECTS: &str = "/v1/projects";

fn draft(name: &str) -> Value {
    json!({ "name": name, "notify_url": "http://127.0.0.1:9/callbacks" })
}

#[tokio::test]
async fn projects_are_created_and_updated_over_http() -> Result<()> {
    let app = TestApp::start().await?;
    let mut body = draft("Second Shop");
    body["allowed_origins"] = json!(["https://second.example"]);
    body["connectors"] = json!([{
        "kind": "sandbox", "account": "second", "label": "Main",
        "credentials": { "base_url": app.sandbox, "api_key": "k", "webhook_secret": "s" },
        "currencies": ["EUR"],
    }]);
    let made = send(app.operator(Method::POST, PROJECTS).json(&body)).await?;
    ensure!(made.status == 201, "{made:?}");
    ensure!(made.header("cache-control") == "no-store");
    let project = made.json();
    for (key, prefix) in [
        ("id", "prj_"),
        ("pk", "pk_"),
        ("sk", "sk_"),
        ("signing_secret", "whsec_"),
    ] {
        ensure!(
            project[key].as_str().is_some_and(|t| t.starts_with(prefix)),
            "{key}"
        );
    }
    let path = format!("{PROJECTS}/{}", text(&project["id"])?);
    let read = send(app.operator(Method::GET, &path)).await?;
    for secret in ["sk", "signing_secret", "api_key"] {
        ensure!(
            !read.text.contains(&format!("\"{secret}\"")),
            "{secret} is shown again"
        );
    }
    ensure!(read.json()["invoice_ttl_seconds"] == 3600, "{read:?}");
    ensure!(read.json()["connectors"][0]["label"] == "Main", "{read:?}");

    // A patch changes the fields it contains. null clears a field. Absent credentials are kept.
    let patch = json!({
        "success_url": "https://second.example/thanks", "notify_url": null,
        "widget": { "accent": "#112233" },
        "connectors": [{ "kind": "sandbox", "account": "second", "label": "Renamed" }],
    });
    let changed = send(app.operator(Method::PATCH, &path).json(&patch))
        .await?
        .json();
    ensure!(
        changed["name"] == "Second Shop" && changed["notify_url"].is_null(),
        "{changed}"
    );
    ensure!(changed["widget"]["accent"] == "#112233" && changed["widget"]["theme"] == "auto");
    ensure!(changed["connectors"][0]["label"] == "Renamed", "{changed}");
    ensure!(changed["version"] == 2, "{changed}");
    let stale = json!({ "name": "Late", "version": 1 });
    let stale = send(app.operator(Method::PATCH, &path).json(&stale)).await?;
    ensure!(stale.problem(422, "invalid-request")? == ["version"]);

    let list = send(app.operator(Method::GET, &format!("{PROJECTS}?limit=1")))
        .await?
        .json();
    ensure!(list["data"][0]["name"] == "Second Shop", "{list}");
    let cursor = text(&list["next_cursor"])?;
    let next = format!("{PROJECTS}?cursor={cursor}");
    let list = send(app.operator(Method::GET, &next)).await?.json();
    ensure!(
        list["data"][0]["name"] == "Test Shop" && list["next_cursor"].is_null(),
        "{list}"
    );
    Ok(())
}

#[tokio::test]
async fn the_operator_token_is_required() -> Result<()> {
    let app = TestApp::start().await?;
    for (method, path) in [
        (Method::GET, PROJECTS.to_owned()),
        (Method::POST, PROJECTS.to_owned()),
        (Method::GET, format!("{PROJECTS}/{}", app.keys.id)),
        (Method::PATCH, format!("{PROJECTS}/{}", app.keys.id)),
        (
            Method::POST,
            format!("{PROJECTS}/{}/rotate-key", app.keys.id),
        ),
        (
            Method::POST,
            format!("{PROJECTS}/{}/rotate-secret", app.keys.id),
        ),
    ] {
        for token in ["", "wrong", &app.keys.sk] {
            let request = app.api.request(method.clone(), &path).bearer_auth(token);
            let answer = send(request.json(&draft("x"))).await?;
            answer.problem(401, "unauthorized")?;
        }
    }
    let unknown = format!("{PROJECTS}/prj_0");
    send(app.operator(Method::GET, &unknown))
        .await?
        .problem(404, "not-found")?;
    Ok(())
}

#[tokio::test]
async fn invalid_settings_are_reported_by_field() -> Result<()> {
    let app = TestApp::start().await?;
    let path = format!("{PROJECTS}/{}", app.keys.id);
    let before = send(app.operator(Method::GET, &path)).await?.json();
    let sandbox = |more: Value| {
        let mut account = json!({ "kind": "sandbox", "account": "a", "credentials":
            { "base_url": "http://127.0.0.1:9", "api_key": "k", "webhook_secret": "s" } });
        for (key, value) in more.as_object().into_iter().flatten() {
            account[key] = value.clone();
        }
        json!({ "connectors": [account] })
    };
    for (patch, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "nmae": "x" }), "nmae"),
        (
            json!({ "allowed_origins": ["https://a.example/path"] }),
            "allowed_origins[0]",
        ),
        (json!({ "notify_url": "ftp://a.example" }), "notify_url"),
        (
            json!({ "notify_events": ["invoice.lost"] }),
            "notify_events[0]",
        ),
        (json!({ "notify_events": ["order.check"] }), "notify_events"),
        (json!({ "notify_events": "invoice.paid" }), "notify_events"),
        (json!({ "unsent_events": 0 }), "unsent_events"),
        (json!({ "invoice_ttl_seconds": 1 }), "invoice_ttl_seconds"),
        (json!({ "widget": { "accent": "red; }" } }), "widget.accent"),
        (json!({ "widget": { "font": "x" } }), "widget.font"),
        (
            json!({ "required_buyer_fields": ["shoe size"] }),
            "required_buyer_fields[0]",
        ),
        (
            json!({ "attempt_limits": { "card": 1_000_001 } }),
            "attempt_limits.card",
        ),
        (
            json!({ "attempt_limits": { "card": -1 } }),
            "attempt_limits.card",
        ),
        (
            json!({ "attempt_limits": { "cards": 1 } }),
            "attempt_limits.cards",
        ),
        (json!({ "version": "one" }), "version"),
        (
            sandbox(json!({ "kind": "piggy-bank" })),
            "connectors[0].kind",
        ),
        (
            sandbox(json!({ "account": "a/b" })),
            "connectors[0].account",
        ),
        (
            sandbox(json!({ "credentials": { "api_key": 1 } })),
            "connectors[0].credentials",
        ),
        (
            sandbox(json!({ "credentials": null })),
            "connectors[0].credentials",
        ),
        (
            sandbox(json!({ "currencies": ["XXX"] })),
            "connectors[0].currencies[0]",
        ),
        (sandbox(json!({ "color": "red" })), "connectors[0].color"),
        (
            sandbox(json!({ "card_entry": "fields" })),
            "connectors[0].card_entry",
        ),
        (
            sandbox(
                json!({ "kind": "mollie", "card_entry": "direct", "credentials": { "api_key": "test_k" } }),
            ),
            "connectors[0].card_entry",
        ),
        (
            sandbox(json!({ "kind": "paypal", "card_entry": "direct" })),
            "connectors[0].card_entry",
        ),
    ] {
        let answer = send(app.operator(Method::PATCH, &path).json(&patch)).await?;
        let reported = answer.problem(422, "invalid-request")?;
        ensure!(reported == [field], "{patch}: {reported:?}");
    }
    ensure!(send(app.operator(Method::GET, &path)).await?.json() == before);

    // An account of another project is rejected.
    let existing = &before["connectors"][0]["account"];
    let other = send(app.operator(Method::POST, PROJECTS).json(&draft("Other"))).await?;
    let other = format!("{PROJECTS}/{}", text(&other.json()["id"])?);
    let conflict = send(
        app.operator(Method::PATCH, &other)
            .json(&sandbox(json!({ "account": existing }))),
    );
    ensure!(conflict.await?.problem(422, "invalid-request")? == ["connectors[0].account"]);
    Ok(())
}

#[tokio::test]
async fn a_removed_account_still_serves_its_payments() -> Result<()> {
    let app = TestApp::start().await?;
    let api = &app.api;
    let paid = api.invoice("1").await?;
    api.paid_with(&paid, APPROVED).await?;
    let path = format!("{PROJECTS}/{}", app.keys.id);
    // The first account that supports the currency is used.
    let account = |name: &str, currency: &str| {
        json!({ "kind": "sandbox", "account": name, "currencies": [currency], "credentials":
            { "base_url": "http://127.0.0.1:9", "api_key": "k", "webhook_secret": "s" } })
    };
    let accounts = json!({ "connectors": [account("yen", "JPY"), account("franc", "CHF")] });
    let changed = send(app.operator(Method::PATCH, &path).json(&accounts)).await?;
    ensure!(changed.status == 200, "{changed:?}");
    let mut order = Api::order("2");
    order["currency"] = json!("CHF");
    let opened = api.invoice_of(&order).await?;
    let fixed = api.paid_with(&opened, APPROVED).await?;
    ensure!(
        fixed["payment"]["status"] == "failed",
        "the account is unreachable: {fixed}"
    );
    let euros = api.invoice("3").await?;
    let none = api.pay(&euros, &till_tests::client::card(APPROVED)).await?;
    none.problem(422, "method-unavailable")?;

    let invoice = api.read(&paid.id).await?;
    let refunds = format!(
        "/v1/payments/{}/refunds",
        text(&invoice["payments"][0]["id"])?
    );
    let refund = send(api.secret(Method::POST, &refunds).json(&json!({}))).await?;
    ensure!(refund.json()["status"] == "succeeded", "{refund:?}");
    ensure!(app.net_captured().await? == 0);
    Ok(())
}
