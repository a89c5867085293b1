//! `till buyer forget`.

use super::marked::{
    EMAIL, connect, marked_columns, marks_in_files, order, pay, refund, until_delivered,
};
use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::{APPROVED, SUCCEEDS_LATE, VERIFIED};
use till_tests::client::{Api, events, send, text};

/// Runs `till buyer forget` with `--json`. Returns what it says of each invoice, and its error.
async fn forget(app: &TestApp, args: &[&str]) -> Result<(Vec<Value>, String)> {
    let args = [&["buyer", "forget", "--json"], args].concat();
    let output = app.till_output(&args).await?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success() != stderr.starts_with("error"),
        "{stderr}"
    );
    let printed = String::from_utf8(output.stdout)?;
    let lines = printed.lines().map(serde_json::from_str);
    Ok((lines.collect::<Result<_, _>>()?, stderr))
}

#[tokio::test]
async fn a_buyer_is_forgotten_everywhere() -> Result<()> {
    let app = TestApp::start().await?;
    let paid = pay(&app, &order("1")).await?;
    app.project
        .respond_to_callbacks(|_| StatusCode::NO_CONTENT.into_response());
    let mut other = Api::order("2");
    other["buyer"] = json!({ "email": "grace@shop.example", "name": "Grace" });
    let other = app.api.invoice_of(&other).await?;
    app.api.paid_with(&other, APPROVED).await?;
    until_delivered(&app).await?;
    let before = marked_columns(&app).await?;
    ensure!(!before.is_empty());

    let dry = ["--email", EMAIL, "--dry-run"];
    let (would, stderr) = forget(&app, &dry).await?;
    ensure!(stderr.is_empty(), "{stderr}");
    ensure!(
        marked_columns(&app).await? == before,
        "a dry run changed something"
    );
    // The case of the address does not matter.
    let (said, stderr) = forget(&app, &["--email", "aDA.ZZMARK@shop.example"]).await?;
    ensure!(stderr.is_empty(), "{stderr}");
    ensure!(said == would, "{said:?} {would:?}");
    let reference = app.api.read(&paid.opened.id).await?["payments"][0]["reference"].clone();
    let expected = json!({
        "invoice": paid.opened.id, "order_id": "1", "kept": null,
        "removed": {
            "fields": ["email", "name", "phone", "country", "description", "items", "metadata",
                "success_url", "failure_url"],
            "cards": 1, "refund_reasons": 1, "events": 3, "responses": 3, "idempotent_responses": 3
        },
        "payment_systems": [{ "connector": "sandbox", "reference": reference }],
    });
    ensure!(said == [expected.clone()], "{said:?}");

    let store = connect(&app).await?;
    let mut left = marked_columns(&app).await?;
    // The other buyer has the same card.
    left.retain(|column| column != "payments.card" && column != "events.body");
    ensure!(left.is_empty(), "{left:?}");
    sqlx::query("update payments set card = null")
        .execute(&store)
        .await?;
    sqlx::query("update events set body = '' where body like '%4242%'")
        .execute(&store)
        .await?;
    let left = marks_in_files(&app).await?;
    ensure!(left.is_empty(), "the files have {left:?}");
    ensure!(app.api.read(&other.id).await?["buyer"]["name"] == "Grace");

    let audit: Vec<(String, String, String)> = sqlx::query_as(
        "select action, subject, detail from audit_log where action = 'buyer.forget'",
    )
    .fetch_all(&store)
    .await?;
    let [(action, subject, detail)] = audit.as_slice() else {
        anyhow::bail!("{audit:?}");
    };
    ensure!(action == "buyer.forget" && *subject == paid.opened.id);
    let detail: Value = serde_json::from_str(detail)?;
    ensure!(detail == json!({ "removed": expected["removed"] }));

    let (said, stderr) = forget(&app, &["--email", EMAIL]).await?;
    ensure!(said.is_empty() && stderr.contains("No invoice has this buyer"));
    Ok(())
}

/// Data that a payment, a refund, a dispute or a callback still needs are kept, and the reason is said.
#[tokio::test]
async fn data_that_are_needed_are_kept() -> Result<()> {
    let app = TestApp::start().await?;
    let store = connect(&app).await?;
    let open = app.api.invoice_of(&order("open")).await?;
    let live = app.api.invoice_of(&order("live")).await?;
    app.api.paid_with(&live, VERIFIED).await?;
    let refunded = pay(&app, &order("refunded")).await?;
    let disputed = pay(&app, &order("disputed")).await?;
    let untold = pay(&app, &order("untold")).await?;
    sqlx::query("update refunds set status = 'pending' where payment = $1")
        .bind(&refunded.payment)
        .execute(&store)
        .await?;
    sqlx::query(
        "insert into disputes (id, payment, project, reference, amount, currency, status,
         created_at, updated_at) values ('dsp_1', $1, $2, 'd', 1, 'EUR', 'under_review', 1, 1)",
    )
    .bind(&disputed.payment)
    .bind(&app.keys.id)
    .execute(&store)
    .await?;
    app.project
        .respond_to_callbacks(|_| StatusCode::BAD_GATEWAY.into_response());
    let told = events(&app.api, &format!("?invoice={}", untold.opened.id)).await?;
    let resend = format!("/v1/events/{}/resend", text(&told[0]["id"])?);
    send(app.api.secret(Method::POST, &resend)).await?;

    let before = marked_columns(&app).await?;
    let (said, stderr) = forget(&app, &["--email", EMAIL]).await?;
    ensure!(stderr.contains("kept in 5 of the invoices"), "{stderr}");
    ensure!(marked_columns(&app).await? == before);
    for (invoice, reason) in [
        (&open.id, "the invoice is open"),
        (&live.id, "a payment is in progress"),
        (&refunded.opened.id, "a refund is pending"),
        (&disputed.opened.id, "a dispute is open"),
        (&untold.opened.id, "a callback is not delivered"),
    ] {
        let one = said.iter().find(|one| one["invoice"] == **invoice);
        let one = one.with_context(|| format!("{invoice} is not mentioned"))?;
        let kept = text(&one["kept"])?;
        ensure!(kept.starts_with(reason), "{kept}");
        ensure!(one["removed"]["fields"] == json!([]), "{one}");
    }
    // A canceled invoice is no longer needed.
    let cancel = format!("/v1/invoices/{}/cancel", open.id);
    app.project
        .respond_to_callbacks(|_| StatusCode::NO_CONTENT.into_response());
    send(app.api.secret(Method::POST, &cancel)).await?;
    let canceled = "update events set state = 'delivered', next_attempt_at = null
                    where invoice = $1";
    sqlx::query(canceled).bind(&open.id).execute(&store).await?;
    let (said, stderr) = forget(&app, &["--invoice", &open.id]).await?;
    ensure!(
        stderr.is_empty() && said[0]["kept"].is_null(),
        "{stderr} {said:?}"
    );
    Ok(())
}

/// What was forgotten does not come back, and a request that is repeated has no second effect.
#[tokio::test]
async fn what_was_forgotten_stays_so() -> Result<()> {
    let app = TestApp::start().await?;
    let paid = pay(&app, &order("1")).await?;
    let answers = "select count(*) from idempotency_keys where answer is not null";
    let store = connect(&app).await?;
    let (said, _) = forget(&app, &["--invoice", &paid.opened.id]).await?;
    ensure!(said[0]["removed"]["cards"] == 1, "{said:?}");
    let answers: i64 = sqlx::query_scalar(answers).fetch_one(&store).await?;
    ensure!(answers == 0, "{answers} responses are left");

    // The first requests again, with their keys.
    refund(&app, &paid.payment, "refund-1").await?;
    let refunds = send(app.api.secret(Method::GET, "/v1/refunds")).await?;
    ensure!(
        refunds.json()["data"]
            .as_array()
            .is_some_and(|all| all.len() == 1),
        "{refunds:?}"
    );
    let create = app.api.secret(Method::POST, "/v1/invoices");
    let create = create.header("idempotency-key", "create-1");
    let again = send(create.json(&order("1"))).await?;
    ensure!(
        again.status == 201 && again.json()["id"] == *paid.opened.id,
        "{again:?}"
    );
    ensure!(again.json()["buyer"] == json!({}), "{again:?}");
    ensure!(marked_columns(&app).await? == Vec::<String>::new());
    Ok(())
}

/// A payment that succeeds after its buyer was forgotten counts, and its card is not stored again.
#[tokio::test]
async fn a_late_payment_does_not_bring_the_card_back() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice_of(&order("1")).await?;
    app.api.paid_with(&opened, SUCCEEDS_LATE).await?;
    app.expire(&opened.id).await?;
    app.api.until_status(&opened.id, "expired").await?;
    until_told(&app).await?;
    let (said, stderr) = forget(&app, &["--invoice", &opened.id]).await?;
    ensure!(said[0]["kept"].is_null(), "{stderr}");
    let paid = app.api.until_status(&opened.id, "paid").await?;
    ensure!(paid["payments"][0]["status"] == "succeeded", "{paid}");
    ensure!(
        paid["payments"][0]["card"].is_null() && paid["buyer"] == json!({}),
        "{paid}"
    );
    ensure!(marked_columns(&app).await? == Vec::<String>::new());
    Ok(())
}

/// An expired invoice that is forgotten, whose creation is repeated, is the same invoice.
#[tokio::test]
async fn the_creation_of_an_expired_invoice_is_repeated() -> Result<()> {
    let app = TestApp::start().await?;
    let create = || {
        let create = app.api.secret(Method::POST, "/v1/invoices");
        send(create.header("idempotency-key", "k").json(&order("1")))
    };
    let first = create().await?.json();
    let id = text(&first["id"])?;
    app.expire(&id).await?;
    app.api.until_status(&id, "expired").await?;
    until_told(&app).await?;
    forget(&app, &["--invoice", &id]).await?;
    let again = create().await?;
    ensure!(again.status == 201, "{again:?}");
    ensure!(
        again.json()["id"] == *id && again.json()["status"] == "expired",
        "{again:?}"
    );
    Ok(())
}

async fn until_told(app: &TestApp) -> Result<()> {
    till_tests::wait::until("the callback", async || {
        let sql = "select count(*) from events where state = 'pending'";
        let left: i64 = sqlx::query_scalar(sql)
            .fetch_one(&app.store().await?)
            .await?;
        Ok(left == 0)
    })
    .await
}

/// Also the address that an earlier attempt of the buyer had, and one with other letters than ASCII.
#[tokio::test]
async fn a_buyer_is_found_by_every_address() -> Result<()> {
    let app = TestApp::start().await?;
    let mut renamed = order("1");
    renamed["buyer"]["email"] = json!("JÜRGEN_1@zzmark.example");
    let renamed = app.api.invoice_of(&renamed).await?;
    app.api.paid_with(&renamed, APPROVED).await?;
    until_delivered(&app).await?;
    let changed = r#"{"email":"other@shop.example"}"#;
    let sql = "update invoices set buyer = $1 where id = $2";
    sqlx::query(sql)
        .bind(changed)
        .bind(&renamed.id)
        .execute(&connect(&app).await?)
        .await?;
    for other in ["jürgen-1@zzmark.example", "rgen_1@zzmark.example"] {
        let (said, _) = forget(&app, &["--email", other]).await?;
        ensure!(said.is_empty(), "{other}: {said:?}");
    }
    let (said, stderr) = forget(&app, &["--email", "jürgen_1@ZZMARK.example"]).await?;
    ensure!(
        said.len() == 1 && said[0]["invoice"] == *renamed.id,
        "{stderr} {said:?}"
    );
    ensure!(app.api.read(&renamed.id).await?["buyer"] == json!({}));
    Ok(())
}

#[tokio::test]
async fn invalid_arguments_are_named() -> Result<()> {
    let app = TestApp::start().await?;
    for (args, message) in [
        (&[][..], "--email"),
        (&["--email", "ada"], "email: must be an email address"),
        (&["--invoice", "inv_0"], "invoice"),
        (&["--invoice", "pay_0"], "inv_"),
        (
            &["--email", EMAIL, "--invoice", "inv_0"],
            "cannot be used with",
        ),
        (
            &["--email", EMAIL, "--project", "prj_0"],
            "there is no prj_0",
        ),
    ] {
        let refused = app.till(&[&["buyer", "forget"], args].concat()).await?;
        let error = refused.err().with_context(|| format!("{args:?}"))?;
        ensure!(error.contains(message), "{args:?}: {error}");
    }
    // What a person reads.
    let paid = pay(&app, &order("1")).await?;
    let said = app.till(&["buyer", "forget", "--email", EMAIL]).await?;
    let said = said.map_err(anyhow::Error::msg)?;
    let lines: Vec<_> = said.lines().collect();
    let removed = format!(
        "{}  order 1  removed: email, name, phone, country, description, items, metadata, \
         success_url, failure_url, 1 card, 1 refund reason, 3 events' data, \
         3 responses to callbacks, 3 responses under idempotency keys",
        paid.opened.id
    );
    ensure!(lines[0] == removed, "{said}");
    ensure!(
        lines.len() == 2 && lines[1].starts_with("  sandbox keeps its own data of sbp_"),
        "{said}"
    );
    Ok(())
}
