//! The JSON API: invoices, idempotency keys, lists and errors.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::client::{Api, send};

const INVOICES: &str = "/v1/invoices";

#[tokio::test]
async fn the_same_order_returns_the_same_invoice() -> Result<()> {
    let app = TestApp::start().await?;
    let api = &app.api;
    let post = |order: Value| send(api.secret(Method::POST, INVOICES).json(&order));

    let first = post(Api::order("1")).await?;
    ensure!(first.status == 201, "{first:?}");
    let invoice = first.json();
    ensure!(invoice["object"] == "invoice" && invoice["status"] == "open");
    ensure!(invoice["amount"] == 1999 && invoice["currency"] == "EUR");
    ensure!(
        invoice["payment_url"]
            .as_str()
            .is_some_and(|u| u.contains("#token=ct_"))
    );

    let again = post(Api::order("1")).await?;
    ensure!(
        again.status == 200 && again.json()["id"] == invoice["id"],
        "{again:?}"
    );

    let mut other = Api::order("1");
    other["amount"] = json!(1);
    let fields = post(other).await?.problem(409, "order-id-reused")?;
    ensure!(fields == ["amount"], "{fields:?}");

    let path = format!("{INVOICES}/{}", invoice["id"].as_str().unwrap_or_default());
    let stranger = app.another_project().await?;
    send(stranger.secret(Method::GET, &path))
        .await?
        .problem(404, "not-found")?;
    ensure!(send(api.secret(Method::GET, &path)).await?.json() == invoice);
    Ok(())
}

#[tokio::test]
async fn an_idempotency_key_survives_a_restart() -> Result<()> {
    let mut app = TestApp::start().await?;
    let api = app.api.clone();
    let post = |key: &'static str, order: Value| {
        let request = api.secret(Method::POST, INVOICES).json(&order);
        send(request.header("idempotency-key", key))
    };
    let first = post("k-1", Api::order("1")).await?;
    ensure!(first.status == 201 && first.header("idempotent-replayed").is_empty());

    app.crash_and_restart().await?;
    let again = post("k-1", Api::order("1")).await?;
    ensure!(
        again.status == 201 && again.header("idempotent-replayed") == "true",
        "{again:?}"
    );
    ensure!(again.text == first.text);

    let other = post("k-1", Api::order("2")).await?;
    other.problem(422, "idempotency-key-reused")?;
    let bad = post("with space", Api::order("3")).await?;
    ensure!(bad.problem(422, "invalid-request")? == ["Idempotency-Key"]);
    // A failed request releases its key.
    post("k-2", json!({ "order_id": "4" }))
        .await?
        .problem(422, "invalid-request")?;
    ensure!(post("k-2", Api::order("4")).await?.status == 201);
    Ok(())
}

#[tokio::test]
async fn concurrent_requests_with_one_key_create_one_invoice() -> Result<()> {
    let app = TestApp::start().await?;
    let calls = (0..16).map(|_| {
        let request = app.api.secret(Method::POST, INVOICES);
        send(
            request
                .header("idempotency-key", "same")
                .json(&Api::order("1")),
        )
    });
    let mut ids = vec![];
    for answer in futures::future::try_join_all(calls).await? {
        match answer.status {
            201 => ids.push(answer.json()["id"].clone()),
            _ => drop(answer.problem(409, "idempotency-key-in-use")?),
        }
    }
    ids.dedup();
    ensure!(ids.len() == 1, "{ids:?}");
    Ok(())
}

#[tokio::test]
async fn lists_are_paginated_newest_first() -> Result<()> {
    let app = TestApp::start().await?;
    let mut made = vec![];
    for n in 0..5 {
        made.push(app.api.invoice(&n.to_string()).await?.id);
    }
    made.reverse();
    let (mut seen, mut cursor) = (vec![], String::new());
    loop {
        let path = format!("{INVOICES}?limit=2{cursor}");
        let page = send(app.api.secret(Method::GET, &path)).await?.json();
        let ids = page["data"].as_array().cloned().unwrap_or_default();
        ensure!((1..=2).contains(&ids.len()), "{page}");
        seen.extend(
            ids.iter()
                .filter_map(|i| i["id"].as_str().map(str::to_owned)),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    ensure!(seen == made, "{seen:?} {made:?}");

    let path = format!("{INVOICES}?order_id=3&status=open");
    let found = send(app.api.secret(Method::GET, &path)).await?.json();
    ensure!(
        found["data"].as_array().is_some_and(|d| d.len() == 1),
        "{found}"
    );
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=pay_1", "cursor"),
        ("status=paying", "status"),
        ("created_after=yesterday", "created_after"),
        ("color=red", "color"),
    ] {
        let path = format!("{INVOICES}?{query}");
        let answer = send(app.api.secret(Method::GET, &path)).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == [field],
            "{query}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn invalid_orders_are_reported_by_field() -> Result<()> {
    let app = TestApp::start().await?;
    let with = |field: &str, value: Value| {
        let mut order = Api::order("1");
        order[field] = value;
        order
    };
    for (order, field) in [
        (with("color", json!("red")), "color"),
        (with("amount", json!(19.99)), "amount"),
        (with("amount", json!("19.99")), "amount"),
        (with("amount", json!(0)), "amount"),
        (with("amount", json!(-5)), "amount"),
        (with("amount", json!(i64::MAX)), "amount"),
        (with("currency", json!("XXQ")), "currency"),
        (with("order_id", json!("")), "order_id"),
        (with("order_id", json!("9".repeat(300))), "order_id"),
        (with("order_id", Value::Null), "order_id"),
        (with("buyer", json!({ "shoe": 43 })), "buyer.shoe"),
        (
            with("success_url", json!("javascript:alert(1)")),
            "success_url",
        ),
        (with("expires_in_seconds", json!(1)), "expires_in_seconds"),
        (
            with("items", json!([{ "name": "a", "quantity": 1 }])),
            "items[0].amount",
        ),
        (json!({ "amount": 1, "currency": "EUR" }), "order_id"),
    ] {
        let answer = send(app.api.secret(Method::POST, INVOICES).json(&order)).await?;
        let fields = answer.problem(422, "invalid-request")?;
        ensure!(fields == [field], "{order}: {fields:?}");
    }
    let list = send(app.api.secret(Method::GET, INVOICES)).await?.json();
    ensure!(list["data"] == json!([]), "{list}");
    Ok(())
}

#[tokio::test]
async fn every_error_is_a_problem_document() -> Result<()> {
    let app = TestApp::start().await?;
    let api = &app.api;
    let post = |body: Vec<u8>, of_type: &'static str| {
        let request = api.secret(Method::POST, INVOICES).body(body);
        send(request.header("content-type", of_type))
    };
    let json = "application/json";
    for body in [
        &b"{"[..],
        b"",
        b"[]",
        b"null",
        b"{\"order_id\":\"\xff\"}",
        b"{} {}",
        b"{\"order_id\":\"1\",\"amount\":1,\"amount\":2,\"currency\":\"EUR\"}",
    ] {
        post(body.to_vec(), json)
            .await?
            .problem(422, "invalid-request")?;
    }
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    post(deep, json).await?.problem(422, "invalid-request")?;
    post(vec![b' '; 70_000], json)
        .await?
        .problem(413, "payload-too-large")?;
    post(b"a=b".to_vec(), "application/x-www-form-urlencoded")
        .await?
        .problem(415, "unsupported-media-type")?;

    let bare = |method: Method, path: &str| send(api.request(method, path));
    bare(Method::GET, "/nowhere")
        .await?
        .problem(404, "not-found")?;
    bare(Method::DELETE, INVOICES)
        .await?
        .problem(405, "method-not-allowed")?;
    let unknown = bare(Method::GET, INVOICES).await?;
    unknown.problem(401, "unauthorized")?;
    ensure!(unknown.header("www-authenticate") == "Bearer");
    let wrong = api.request(Method::GET, INVOICES).bearer_auth("sk_wrong");
    send(wrong).await?.problem(401, "unauthorized")?;
    for id in ["inv_0", "pay_0", "..%2f..", "%00"] {
        let path = format!("{INVOICES}/{id}");
        send(api.secret(Method::GET, &path))
            .await?
            .problem(404, "not-found")?;
    }
    Ok(())
}

#[tokio::test]
async fn health_checks_pass_and_sigterm_stops_the_server() -> Result<()> {
    let mut app = TestApp::start().await?;
    for path in ["/healthz", "/readyz"] {
        let answer = send(app.api.request(Method::GET, path)).await?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
    }
    ensure!(app.terminate().await?, "the server did not exit cleanly");
    Ok(())
}

/// A list is not an object with the fields in order.
#[tokio::test]
async fn a_list_is_no_object() -> Result<()> {
    let app = TestApp::start().await?;
    for (field, body) in [
        (
            "buyer",
            json!({ "order_id": "42", "amount": 1, "currency": "EUR", "buyer": ["a@b.example"] }),
        ),
        (
            "items[0]",
            json!({ "order_id": "42", "amount": 1, "currency": "EUR", "items": [["A print", 1, 1]] }),
        ),
    ] {
        let request = app.api.secret(Method::POST, "/v1/invoices");
        let refused = send(request.json(&body)).await?;
        let fields = refused.problem(422, "invalid-request")?;
        ensure!(fields == [field], "{refused:?}");
    }
    let request = app.api.secret(Method::POST, "/v1/invoices");
    let refused = send(request.json(&json!(["42", 1999, "EUR"]))).await?;
    refused.problem(422, "invalid-request")?;
    ensure!(
        refused.text.contains("must be a JSON object"),
        "{refused:?}"
    );
    Ok(())
}
