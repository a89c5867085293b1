//! The audit log: what it records, and that changes of it are found.

mod tampering;

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::{APPROVED, WEBHOOK_NEVER};
use till_tests::client::{send, text};

/// The entries, the oldest first.
async fn entries(app: &TestApp, filters: &[&str]) -> Result<Vec<Value>> {
    let args = [&["audit", "list", "--json", "--limit", "500"], filters].concat();
    let listed = app.till(&args).await?.map_err(anyhow::Error::msg)?;
    let entries: Result<Vec<Value>, _> = listed.lines().map(serde_json::from_str).collect();
    let mut entries = entries?;
    entries.reverse();
    Ok(entries)
}

/// What `till audit verify` prints, and what it reports.
async fn verify(app: &TestApp, args: &[&str]) -> Result<(String, String)> {
    let output = app
        .till_output(&[&["audit", "verify"], args].concat())
        .await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, reported) = (text(&output.stdout), text(&output.stderr));
    ensure!(
        output.status.code() == Some(i32::from(!reported.is_empty())),
        "{output:?}"
    );
    Ok((said, reported))
}

#[tokio::test]
async fn changes_are_recorded_with_who_what_and_from_where() -> Result<()> {
    let app = TestApp::start().await?;
    let project = format!("/v1/projects/{}", app.keys.id);
    let ada = app.create_operator("ada", "admin").await?;
    let by_ada = |method, path: &str| app.api.request(method, path).bearer_auth(&ada);

    let paid = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&paid, APPROVED).await?;
    app.api.until_status(&paid.id, "paid").await?;
    let payment = text(&fixed["payment"]["id"])?;

    // A payment that a command resolves.
    let stuck = app.api.invoice("2").await?;
    let fixed = app.api.paid_with(&stuck, WEBHOOK_NEVER).await?;
    let stuck = text(&fixed["payment"]["id"])?;
    // Without status polls, the payment stays in processing.
    sqlx::query("update payments set next_check_at = null where id = $1")
        .bind(&stuck)
        .execute(&app.store().await?)
        .await?;
    let args = [
        "payment", "resolve", &stuck, "--status", "failed", "--reason", "no trace",
    ];
    let resolved = app.till(&args).await?;
    ensure!(resolved.is_ok(), "{resolved:?}");

    // The project: its settings and an account.
    let read = send(by_ada(Method::GET, &project)).await?.json();
    let mut account = read["connectors"][0].clone();
    account["label"] = "Main".into();
    account["credentials"] = json!({
        "base_url": app.sandbox, "api_key": "a changed key", "webhook_secret": "a changed secret",
    });
    let patch = json!({ "name": "New Name", "connectors": [account] });
    let patched = send(by_ada(Method::PATCH, &project).json(&patch)).await?;
    ensure!(patched.status == 200, "{patched:?}");
    // A change that is refused is not recorded.
    let refused = by_ada(Method::PATCH, &project).json(&json!({ "name": "" }));
    send(refused).await?.problem(422, "invalid-request")?;

    // A key, and a refund with it.
    let keys = format!("{project}/keys");
    let body = json!({ "name": "refunds", "scopes": ["refund"] });
    let key = send(by_ada(Method::POST, &keys).json(&body)).await?.json();
    let (key_id, sk) = (text(&key["id"])?, text(&key["sk"])?);
    let refunds = format!("/v1/payments/{payment}/refunds");
    let request = app.api.request(Method::POST, &refunds).bearer_auth(&sk);
    let refund = request.json(&json!({ "amount": 100, "reason": "for Ada Lovelace" }));
    let refund = send(refund).await?;
    ensure!(refund.status == 201, "{refund:?}");
    let refund = text(&refund.json()["id"])?;

    let revoked = format!("{keys}/{key_id}");
    ensure!(send(by_ada(Method::DELETE, &revoked)).await?.status == 200);
    ensure!(app.till(&["operator", "revoke", "ada"]).await?.is_ok());

    let all = entries(&app, &[]).await?;
    let actions: Vec<_> = all.iter().filter_map(|e| e["action"].as_str()).collect();
    let expected = [
        "project.create",
        "operator.create",
        "payment.resolve",
        "project.update",
        "key.create",
        "refund.create",
        "key.revoke",
        "operator.revoke",
    ];
    ensure!(actions == expected, "{actions:?}");
    let [
        created,
        _,
        resolved,
        updated,
        key_created,
        refunded,
        key_revoked,
        _,
    ] = all.as_slice()
    else {
        anyhow::bail!("{all:?}");
    };
    ensure!(
        created["actor"] == "command" && created["before"].is_null(),
        "{created}"
    );
    ensure!(created["after"]["name"] == "Test Shop", "{created}");
    ensure!(
        created["actor_name"].is_string() && created["origin"].is_string(),
        "{created}"
    );

    ensure!(
        updated["actor"] == "operator" && updated["actor_name"] == "ada",
        "{updated}"
    );
    ensure!(updated["origin"] == "127.0.0.1", "{updated}");
    ensure!(updated["before"]["name"] == "Test Shop", "{updated}");
    ensure!(updated["after"]["name"] == "New Name", "{updated}");
    ensure!(
        updated["after"]["notify_url"].is_null(),
        "only what changed: {updated}"
    );
    ensure!(
        updated["after"]["connectors"][0]["label"] == "Main",
        "{updated}"
    );
    let credentials = updated["detail"]["credentials"].as_object();
    let fields = credentials.and_then(|all| all.values().next());
    ensure!(
        fields == Some(&json!(["api_key", "webhook_secret"])),
        "{updated}"
    );

    ensure!(key_created["subject"] == *key_id, "{key_created}");
    ensure!(
        key_created["after"]["scopes"] == json!(["refund"]),
        "{key_created}"
    );
    ensure!(
        refunded["actor"] == "key" && refunded["actor_id"] == *key_id,
        "{refunded}"
    );
    ensure!(
        refunded["actor_name"] == "refunds" && refunded["subject"] == *refund,
        "{refunded}"
    );
    ensure!(refunded["detail"]["amount"] == 100, "{refunded}");
    ensure!(refunded["detail"]["payment"] == *payment, "{refunded}");
    ensure!(resolved["before"]["status"] == "processing", "{resolved}");
    ensure!(resolved["after"]["status"] == "failed", "{resolved}");
    ensure!(resolved["detail"]["reason"] == "no trace", "{resolved}");
    ensure!(key_revoked["detail"]["name"] == "refunds", "{key_revoked}");

    let stored: Vec<(String, Option<String>, Option<String>)> =
        sqlx::query_as("select detail, state_before, state_after from audit_log")
            .fetch_all(&app.store().await?)
            .await?;
    let stored = format!("{stored:?}");
    for secret in [
        &*sk,
        &ada,
        "a changed key",
        "a changed secret",
        "Lovelace",
        "sk_",
        "whsec_",
    ] {
        ensure!(!stored.contains(secret), "the audit log has {secret}");
    }

    for (filter, count) in [
        (["--actor", "ada"], 3),
        (["--actor", &key_id], 1),
        (["--action", "refund.create"], 1),
        (["--subject", &stuck], 1),
        (["--project", &app.keys.id], 6),
        (["--created-after", "2999-01-01"], 0),
        (["--created-before", "2999-01-01"], 8),
    ] {
        let found = entries(&app, &filter).await?.len();
        ensure!(found == count, "{filter:?}: {found}");
    }
    let (said, reported) = verify(&app, &[]).await?;
    ensure!(reported.is_empty(), "{reported}");
    ensure!(said.starts_with("entries with a hash: 8\n"), "{said}");
    Ok(())
}
