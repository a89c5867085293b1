//! Operators with a role and a token of their own.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::client::{Answer, Api, send, text};
use till_tests::wait::until;

const PROJECTS: &str = "/v1/projects";

async fn create(app: &TestApp, args: &[&str]) -> Result<Value> {
    let all = [&["operator", "create"], args, &["--json"]].concat();
    let created = app.till(&all).await?.map_err(anyhow::Error::msg)?;
    Ok(serde_json::from_str(&created)?)
}

async fn read(api: &Api, token: &str) -> Result<Answer> {
    send(api.request(Method::GET, PROJECTS).bearer_auth(token)).await
}

#[tokio::test]
async fn a_token_works_until_it_ends_on_all_servers() -> Result<()> {
    let app = TestApp::start().await?;
    let second = app.another_server().await?;
    let second = Api::new(&second.line, &app.keys)?;
    let ada = create(&app, &["ada", "--role", "viewer"]).await?;
    let ada = text(&ada["token"])?;
    let bob = create(
        &app,
        &["bob", "--role", "admin", "--expires-at", "2999-01-01"],
    )
    .await?;
    let bob = text(&bob["token"])?;
    for token in [&ada, &bob] {
        ensure!(read(&app.api, token).await?.status == 200);
        ensure!(read(&second, token).await?.status == 200);
    }
    until("the use to be recorded", async || {
        let listed = app.till(&["operator", "list"]).await?;
        Ok(listed.is_ok_and(|list| list.matches("last used").count() == 2))
    })
    .await?;
    let revoked = app.till(&["operator", "revoke", "ada"]).await?;
    ensure!(
        revoked.as_ref().is_ok_and(|r| r.contains("is revoked")),
        "{revoked:?}"
    );
    sqlx::query("update operators set valid_until = 1 where name = 'bob'")
        .execute(&app.store().await?)
        .await?;
    for token in [&ada, &bob] {
        read(&app.api, token).await?.problem(401, "unauthorized")?;
        read(&second, token).await?.problem(401, "unauthorized")?;
    }
    // A name that has ended can be given again, and the old token stays invalid.
    let again = create(&app, &["ada", "--role", "admin"]).await?;
    ensure!(read(&app.api, &text(&again["token"])?).await?.status == 200);
    ensure!(read(&app.api, &ada).await?.status == 401);
    let stored = app.bytes()?;
    ensure!(!stored.windows(ada.len()).any(|w| w == ada.as_bytes()));
    let listed = app.till(&["operator", "list"]).await?;
    let listed = listed.map_err(anyhow::Error::msg)?;
    ensure!(
        listed.contains("admin") && !listed.contains("op_"),
        "{listed}"
    );
    Ok(())
}

#[tokio::test]
async fn a_call_names_the_role_that_it_needs() -> Result<()> {
    let app = TestApp::start().await?;
    let viewer = text(&create(&app, &["ada", "--role", "viewer"]).await?["token"])?;
    let path = format!("{PROJECTS}/{}", app.keys.id);
    let patch = app.api.request(Method::PATCH, &path).bearer_auth(&viewer);
    let refused = send(patch.json(&json!({ "name": "Other" }))).await?;
    refused.problem(403, "forbidden")?;
    ensure!(
        refused.text.contains("`admin`") && refused.text.contains("ada"),
        "{refused:?}"
    );
    let project = send(app.operator(Method::GET, &path)).await?.json();
    ensure!(project["name"] == "Test Shop", "{project}");
    Ok(())
}

#[tokio::test]
async fn invalid_operators_are_refused() -> Result<()> {
    let app = TestApp::start().await?;
    create(&app, &["ada", "--role", "viewer"]).await?;
    let long = "a".repeat(65);
    for (args, said) in [
        (&["ada", "--role", "admin"][..], "Revoke that one first"),
        (&["settings", "--role", "admin"], "must not be settings"),
        (&["a b", "--role", "admin"], "name: must be"),
        (&[&long, "--role", "admin"], "name: must be"),
        (&["", "--role", "admin"], "name: must be"),
        (&["bob", "--role", "owner"], "viewer, support, admin"),
        (&["bob"], "--role"),
        (
            &["bob", "--role", "admin", "--expires-at", "2020-01-01"],
            "in the future",
        ),
    ] {
        let all = [&["operator", "create"], args].concat();
        let refused = app.till(&all).await?;
        ensure!(
            refused.as_ref().is_err_and(|e| e.contains(said)),
            "{args:?}: {refused:?}"
        );
    }
    let none = app.till(&["operator", "revoke", "carol"]).await?;
    ensure!(
        none.as_ref().is_err_and(|e| e.contains("no such operator")),
        "{none:?}"
    );
    let rows: i64 = sqlx::query_scalar("select count(*) from operators")
        .fetch_one(&app.store().await?)
        .await?;
    ensure!(rows == 1);
    Ok(())
}
