//! Secret keys with a name, scopes and an end date.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Answer, Api, send, text};
use till_tests::wait::until;

fn path(app: &TestApp) -> String {
    format!("/v1/projects/{}/keys", app.keys.id)
}

async fn create(app: &TestApp, body: &Value) -> Result<Value> {
    let answer = send(app.operator(Method::POST, &path(app)).json(body)).await?;
    ensure!(answer.status == 201, "{answer:?}");
    ensure!(answer.header("cache-control") == "no-store", "{answer:?}");
    Ok(answer.json())
}

async fn keys(app: &TestApp) -> Result<Vec<Value>> {
    let list = send(app.operator(Method::GET, &path(app))).await?;
    ensure!(list.status == 200, "{list:?}");
    ensure!(!list.text.contains("sk_"), "{list:?}");
    Ok(list.json()["data"].as_array().context("no list")?.clone())
}

async fn revoke(app: &TestApp, key: &str) -> Result<Answer> {
    let path = format!("{}/{key}", path(app));
    send(app.operator(Method::DELETE, &path)).await
}

/// A call with a key.
async fn call(api: &Api, key: &Value, method: Method, path: &str, body: &Value) -> Result<Answer> {
    let request = api.request(method, path).bearer_auth(text(&key["sk"])?);
    send(request.json(body)).await
}

async fn status(api: &Api, key: &Value) -> Result<u16> {
    let answer = call(api, key, Method::GET, "/v1/invoices", &json!({})).await?;
    Ok(answer.status)
}

#[tokio::test]
async fn a_key_is_shown_once_and_its_use_is_recorded() -> Result<()> {
    let app = TestApp::start().await?;
    let body = json!({ "name": " Nightly report ", "scopes": ["refund", "read", "read"] });
    let key = create(&app, &body).await?;
    ensure!(key["name"] == "Nightly report", "{key}");
    ensure!(key["scopes"] == json!(["read", "refund"]), "{key}");
    ensure!(
        key["expires_at"].is_null() && key["last_used_at"].is_null(),
        "{key}"
    );
    let listed = keys(&app).await?;
    let [newest, default] = listed.as_slice() else {
        anyhow::bail!("{listed:?}");
    };
    ensure!(newest["id"] == key["id"], "{newest}");
    ensure!(default["name"] == "default", "{default}");
    ensure!(
        default["scopes"] == json!(["read", "write", "refund"]),
        "{default}"
    );
    ensure!(status(&app.api, &key).await? == 200);
    until("the use to be recorded", async || {
        Ok(keys(&app).await?[0]["last_used_at"].is_string())
    })
    .await?;
    // The list is paged.
    let first = format!("{}?limit=1", path(&app));
    let first = send(app.operator(Method::GET, &first)).await?.json();
    let next = format!(
        "{}?limit=1&cursor={}",
        path(&app),
        text(&first["next_cursor"])?
    );
    let next = send(app.operator(Method::GET, &next)).await?.json();
    ensure!(first["data"][0]["id"] == key["id"], "{first}");
    ensure!(next["data"][0]["id"] == default["id"], "{next}");
    ensure!(next["next_cursor"].is_null(), "{next}");
    let stored = app.bytes()?;
    let sk = text(&key["sk"])?;
    ensure!(!stored.windows(sk.len()).any(|w| w == sk.as_bytes()));
    Ok(())
}

#[tokio::test]
async fn a_call_beyond_the_scopes_changes_nothing_and_names_the_scope() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, APPROVED).await?;
    app.api.until_status(&opened.id, "paid").await?;
    let refunds = format!("/v1/payments/{}/refunds", text(&fixed["payment"]["id"])?);
    let mut by_scope = vec![];
    for scope in ["read", "write", "refund"] {
        by_scope.push(create(&app, &json!({ "name": scope, "scopes": [scope] })).await?);
    }
    let [read, write, refund] = by_scope.as_slice() else {
        anyhow::bail!("{by_scope:?}");
    };
    for key in [read, write] {
        let refused = call(&app.api, key, Method::POST, &refunds, &json!({})).await?;
        refused.problem(403, "forbidden")?;
        ensure!(refused.text.contains("`refund`"), "{refused:?}");
    }
    // The response under an idempotency key is not for every key of the project.
    let again = async |key: &Value| {
        let request = app.api.request(Method::POST, &refunds);
        let request = request.bearer_auth(text(&key["sk"])?);
        let request = request.header("idempotency-key", "refund-1");
        send(request.json(&json!({ "amount": 100 }))).await
    };
    let first = again(refund).await?;
    ensure!(first.status == 201, "{first:?}");
    for key in [read, write] {
        again(key).await?.problem(403, "forbidden")?;
    }
    let replayed = again(refund).await?;
    ensure!(
        replayed.header("idempotent-replayed") == "true",
        "{replayed:?}"
    );
    ensure!(replayed.text == first.text, "{replayed:?}");
    // A body that is not valid tells a key without the scope nothing.
    let wrong = json!({ "amount": "x" });
    let refused = call(&app.api, read, Method::POST, &refunds, &wrong).await?;
    refused.problem(403, "forbidden")?;
    for key in [write, refund] {
        let refused = call(&app.api, key, Method::GET, "/v1/events", &json!({})).await?;
        refused.problem(403, "forbidden")?;
        ensure!(refused.text.contains("`read`"), "{refused:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_key_that_was_revoked_or_has_ended_is_refused_on_all_servers() -> Result<()> {
    let app = TestApp::start().await?;
    let second = app.another_server().await?;
    let second = Api::new(&second.line, &app.keys)?;
    let scopes = json!(["read"]);
    let revoked = create(&app, &json!({ "name": "revoked", "scopes": scopes })).await?;
    let ending = json!({ "name": "ending", "scopes": scopes, "expires_at": "2999-01-01" });
    let ending = create(&app, &ending).await?;
    ensure!(
        ending["expires_at"] == "2999-01-01T00:00:00.000Z",
        "{ending}"
    );
    for key in [&revoked, &ending] {
        ensure!(status(&app.api, key).await? == 200 && status(&second, key).await? == 200);
    }
    let answer = revoke(&app, &text(&revoked["id"])?).await?;
    ensure!(answer.status == 200, "{answer:?}");
    sqlx::query(
        "update named_keys set valid_until = 1 where valid_until is not null and name = 'ending'",
    )
    .execute(&app.store().await?)
    .await?;
    for key in [&revoked, &ending] {
        ensure!(status(&app.api, key).await? == 401 && status(&second, key).await? == 401);
    }
    // Revoking it again changes nothing; another project's key is not found.
    let again = revoke(&app, &text(&revoked["id"])?).await?;
    ensure!(again.json() == answer.json(), "{again:?}");
    let other = app.project_at(&app.project.url, &[]).await?;
    let of_other = format!("/v1/projects/{}/keys", other.id);
    let of_other = send(app.operator(Method::GET, &of_other)).await?.json();
    let of_other = text(&of_other["data"][0]["id"])?;
    revoke(&app, &of_other).await?.problem(404, "not-found")?;
    // The key of `project create` can be revoked as well.
    let listed = keys(&app).await?;
    let default = listed.iter().find(|key| key["name"] == "default");
    let default = text(&default.context("no default key")?["id"])?;
    ensure!(revoke(&app, &default).await?.status == 200);
    let sk = json!({ "sk": app.keys.sk });
    ensure!(status(&app.api, &sk).await? == 401 && status(&second, &sk).await? == 401);
    Ok(())
}

#[tokio::test]
async fn rotation_leaves_named_keys_alone() -> Result<()> {
    let app = TestApp::start().await?;
    let key = create(&app, &json!({ "name": "report", "scopes": ["read"] })).await?;
    let rotate = format!("/v1/projects/{}/rotate-key?now=true", app.keys.id);
    let rotated = send(app.operator(Method::POST, &rotate)).await?.json();
    ensure!(status(&app.api, &key).await? == 200);
    ensure!(status(&app.api, &rotated).await? == 200);
    ensure!(status(&app.api, &json!({ "sk": app.keys.sk })).await? == 401);
    Ok(())
}

#[tokio::test]
async fn invalid_keys_are_reported_by_field() -> Result<()> {
    let app = TestApp::start().await?;
    let long = "x".repeat(101);
    for (body, field) in [
        (json!({ "scopes": ["read"] }), "name"),
        (json!({ "name": " ", "scopes": ["read"] }), "name"),
        (json!({ "name": long, "scopes": ["read"] }), "name"),
        (json!({ "name": "x\u{202e}y", "scopes": ["read"] }), "name"),
        (json!({ "name": "x" }), "scopes"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": "read" }), "scopes"),
        (json!({ "name": "x", "scopes": ["admin"] }), "scopes[0]"),
        (
            json!({ "name": "x", "scopes": ["read"], "expires_at": "2020-01-01" }),
            "expires_at",
        ),
        (
            json!({ "name": "x", "scopes": ["read"], "expires_at": "soon" }),
            "expires_at",
        ),
        (json!({ "name": "x", "scopes": ["read"], "id": 1 }), "id"),
    ] {
        let answer = send(app.operator(Method::POST, &path(&app)).json(&body)).await?;
        let fields = answer.problem(422, "invalid-request")?;
        ensure!(fields == [field], "{body}: {fields:?}");
    }
    ensure!(keys(&app).await?.len() == 1);
    let unknown = "/v1/projects/prj_0/keys";
    let body = json!({ "name": "x", "scopes": ["read"] });
    let answer = send(app.operator(Method::POST, unknown).json(&body)).await?;
    answer.problem(404, "not-found")?;
    Ok(())
}

#[tokio::test]
async fn keys_are_managed_on_the_command_line() -> Result<()> {
    let app = TestApp::start().await?;
    let project = app.keys.id.as_str();
    let till = async |args: &[&str]| app.till(args).await?.map_err(anyhow::Error::msg);
    let created = till(&[
        "project",
        "key",
        "create",
        project,
        "--name",
        "support tool",
        "--scope",
        "read",
        "--scope",
        "refund",
        "--expires-at",
        "2999-01-01",
        "--json",
    ])
    .await?;
    let key: Value = serde_json::from_str(&created)?;
    let id = text(&key["id"])?;
    ensure!(status(&app.api, &key).await? == 200);
    let listed = till(&["project", "key", "list", project]).await?;
    let line = listed.lines().find(|line| line.contains(&id));
    let line = line.context(listed.clone())?;
    for shown in [
        "support tool",
        "read,refund",
        "ends 2999-01-01T00:00:00.000Z",
    ] {
        ensure!(line.contains(shown), "{line}");
    }
    ensure!(listed.contains("default"), "{listed}");
    let revoked = till(&["project", "key", "revoke", project, &id]).await?;
    ensure!(revoked.contains("is revoked"), "{revoked}");
    ensure!(status(&app.api, &key).await? == 401);
    let listed = till(&["project", "key", "list", project]).await?;
    ensure!(listed.contains("ended"), "{listed}");
    let none = app
        .till(&["project", "key", "revoke", project, "key_0"])
        .await?;
    ensure!(
        none.as_ref().is_err_and(|e| e.contains("no such key")),
        "{none:?}"
    );
    Ok(())
}
