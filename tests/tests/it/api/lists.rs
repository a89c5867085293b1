//! The filters of the lists.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;
use till_tests::TestApp;
use till_tests::cards::{APPROVED, DISPUTE_LOST, INSUFFICIENT_FUNDS};
use till_tests::client::{Api, send, text};
use till_tests::wait::until;

/// Returns the ids of a list.
async fn ids(api: &Api, path: &str) -> Result<Vec<String>> {
    let answer = send(api.secret(Method::GET, path)).await?;
    ensure!(answer.status == 200, "{path}: {answer:?}");
    let list = answer.json();
    let data = list["data"].as_array().context("no list")?;
    data.iter().map(|one| text(&one["id"])).collect()
}

#[tokio::test]
async fn payments_are_found_by_what_is_known_of_them() -> Result<()> {
    let app = TestApp::start().await?;
    let mut order = Api::order("a");
    order["buyer"] = json!({ "email": "Jane_Doe%@shop.example" });
    let first = app.api.invoice_of(&order).await?;
    let declined = app.api.paid_with(&first, INSUFFICIENT_FUNDS).await?;
    let declined = text(&declined["payment"]["id"])?;
    let second = app.api.invoice("b").await?;
    let paid = app.api.paid_with(&second, APPROVED).await?;
    let last4 = text(&paid["payment"]["card"]["last4"])?;
    let paid = text(&paid["payment"]["id"])?;
    let order_id = text(&order["order_id"])?;
    let list = async |query: String| ids(&app.api, &format!("/v1/payments?{query}")).await;
    let both = [paid.clone(), declined.clone()];
    for (query, expected) in [
        (String::new(), &both[..]),
        (format!("order_id={order_id}"), &both[1..]),
        ("status=succeeded".into(), &both[..1]),
        ("decline=insufficient_funds".into(), &both[1..]),
        ("decline=expired_card".into(), &[]),
        ("connector=sandbox".into(), &both),
        ("connector=stripe".into(), &[]),
        (format!("last4={last4}"), &both[..1]),
        ("email=jane_doe%25@shop.example".into(), &both[1..]),
        ("email=janexdoe%25@shop.example".into(), &[]),
        ("email=e_doe%25@shop.example".into(), &[]),
        ("created_after=2026-01-01".into(), &both),
        ("created_before=2026-01-01".into(), &[]),
        ("created_after=2026-01-01T00:00:00%2B02:00".into(), &both),
        (format!("invoice={}&limit=1", second.id), &both[..1]),
    ] {
        let found = list(query.clone()).await?;
        ensure!(found == expected, "{query}: {found:?}");
    }
    for (query, field) in [
        ("status=lost", "status"),
        ("decline=lost", "decline"),
        ("last4=42", "last4"),
        ("last4=abcd", "last4"),
        ("connector=none", "connector"),
        ("created_after=yesterday", "created_after"),
        ("created_before=2026-02-30", "created_before"),
        ("card=4242", "card"),
    ] {
        let answer = send(
            app.api
                .secret(Method::GET, &format!("/v1/payments?{query}")),
        )
        .await?;
        ensure!(
            answer.problem(422, "invalid-request")? == [field],
            "{query}: {answer:?}"
        );
    }
    Ok(())
}

/// Every list has the filters by which one looks for yesterday's payment.
#[tokio::test]
async fn all_lists_are_narrowed_alike() -> Result<()> {
    let app = TestApp::start().await?;
    let mut order = Api::order("a");
    order["buyer"] = json!({ "email": "Jane@shop.example" });
    let jane = app.api.invoice_of(&order).await?;
    app.api.paid_with(&jane, INSUFFICIENT_FUNDS).await?;
    let paid = app.api.paid_with(&jane, DISPUTE_LOST).await?;
    let last4 = text(&paid["payment"]["card"]["last4"])?;
    let payment = text(&paid["payment"]["id"])?;
    let refund = app.refund(&payment, 500).await?;
    let other = app.api.invoice("b").await?;
    let fixed = app.api.paid_with(&other, APPROVED).await?;
    app.refund(&text(&fixed["payment"]["id"])?, 400).await?;
    let order_id = text(&order["order_id"])?;
    until("the dispute", async || {
        Ok(ids(&app.api, "/v1/disputes?status=lost").await?.len() == 1)
    })
    .await?;
    let dispute = ids(&app.api, "/v1/disputes").await?;
    for (list, expected) in [
        ("invoices", vec![jane.id.clone()]),
        ("refunds", vec![refund]),
        ("disputes", dispute),
    ] {
        for query in [
            format!("order_id={order_id}"),
            "email=jane@SHOP.example".into(),
            format!("last4={last4}"),
            format!("order_id={order_id}&created_after=2026-01-01&created_before=2100-01-01"),
        ] {
            let found = ids(&app.api, &format!("/v1/{list}?{query}")).await?;
            ensure!(found == expected, "{list} {query}: {found:?}");
        }
        for query in [
            "order_id=none",
            "email=j@a.example",
            "last4=0000",
            "created_before=2026-01-01",
        ] {
            let found = ids(&app.api, &format!("/v1/{list}?{query}")).await?;
            ensure!(found.is_empty(), "{list} {query}: {found:?}");
        }
        for (query, field) in [
            ("last4=42", "last4"),
            ("created_before=soon", "created_before"),
        ] {
            let request = app.api.secret(Method::GET, &format!("/v1/{list}?{query}"));
            let answer = send(request).await?;
            ensure!(
                answer.problem(422, "invalid-request")? == [field],
                "{answer:?}"
            );
        }
    }
    for list in ["refunds", "disputes"] {
        let found = ids(&app.api, &format!("/v1/{list}?invoice={}", jane.id)).await?;
        ensure!(found.len() == 1, "{list}: {found:?}");
    }
    let found = ids(&app.api, "/v1/invoices?decline=insufficient_funds").await?;
    ensure!(found == [jane.id.clone()], "{found:?}");
    let all = ids(&app.api, "/v1/events?limit=100").await?;
    let of_jane = ids(
        &app.api,
        &format!("/v1/events?invoice={}&limit=100", jane.id),
    )
    .await?;
    ensure!(
        !of_jane.is_empty() && of_jane.len() < all.len(),
        "{of_jane:?} {all:?}"
    );
    for query in [
        format!("order_id={order_id}"),
        "email=jane@shop.example".into(),
    ] {
        let found = ids(&app.api, &format!("/v1/events?{query}&limit=100")).await?;
        ensure!(found == of_jane, "{query}: {found:?}");
    }
    for (query, expected) in [
        ("created_before=2026-01-01", &[][..]),
        ("created_after=2100-01-01", &[]),
        ("created_after=2026-01-01&created_before=2100-01-01", &all),
    ] {
        let found = ids(&app.api, &format!("/v1/events?{query}&limit=100")).await?;
        ensure!(found == expected, "{query}: {found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn refunds_are_listed() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("a").await?;
    let fixed = app.api.paid_with(&opened, APPROVED).await?;
    let payment = text(&fixed["payment"]["id"])?;
    let first = app.refund(&payment, 500).await?;
    let second = app.refund(&payment, 400).await?;
    let both = [second, first];
    for (query, expected) in [
        (String::new(), &both[..]),
        (format!("payment={payment}"), &both),
        ("status=succeeded".into(), &both),
        ("status=failed".into(), &[]),
        ("created_after=2026-01-01".into(), &both),
        (format!("cursor={}", both[0]), &both[1..]),
    ] {
        let found = ids(&app.api, &format!("/v1/refunds?{query}")).await?;
        ensure!(found == expected, "{query}: {found:?}");
    }
    let other = app.another_project().await?;
    ensure!(ids(&other, "/v1/refunds").await?.is_empty());
    let answer = send(other.secret(Method::GET, &format!("/v1/refunds/{}", both[0]))).await?;
    answer.problem(404, "not-found")?;
    let answer = send(app.api.secret(Method::GET, "/v1/refunds?status=lost")).await?;
    ensure!(
        answer.problem(422, "invalid-request")? == ["status"],
        "{answer:?}"
    );
    Ok(())
}

/// Times select a range of ids, and the rows whose times a test clock has moved.
#[tokio::test]
async fn times_find_what_a_test_clock_has_moved() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--speedup", "1"]).await?;
    let moved = app.api.invoice("a").await?;
    let request = app.api.secret(Method::POST, "/v1/test/advance");
    let answer = send(request.json(&json!({ "seconds": 1200 }))).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let now = app.api.invoice("b").await?;
    let created = text(&app.api.read(&moved.id).await?["created_at"])?;
    let between = created.parse::<jiff::Timestamp>()? + jiff::SignedDuration::from_secs(600);
    let both = [now.id.clone(), moved.id.clone()];
    for (query, expected) in [
        (String::new(), &both[..]),
        (format!("created_before={between}"), &both[1..]),
        (format!("created_after={between}"), &both[..1]),
        (format!("created_before={between}&status=open"), &both[1..]),
        (format!("created_before={between}&status=paid"), &[]),
        (
            format!("created_before={between}&cursor={}", now.id),
            &both[1..],
        ),
        (format!("created_before={between}&cursor={}", moved.id), &[]),
        ("created_before=2100-01-01&limit=1".into(), &both[..1]),
        ("created_after=2020-01-01".into(), &both),
    ] {
        let found = ids(&app.api, &format!("/v1/invoices?{query}")).await?;
        ensure!(found == expected, "{query}: {found:?}");
    }
    Ok(())
}
