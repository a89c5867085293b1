//! One order is paid once: late money, other attempts, and a payment system's payment that is
//! reported for two of ours.

use super::shop::Shop;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::client::{Api, Opened, send, text};
use till_tests::providers::mock::State;
use till_tests::providers::stripe::Stripe;
use till_tests::providers::{PaymentSystem, Plan};
use till_tests::wait::until;

type StripeShop = Shop<Stripe>;

/// Begins a payment that waits for the buyer, and returns its id.
async fn begin(shop: &StripeShop, opened: &Opened) -> Result<String> {
    let fixed = shop.pay(opened, Plan::Verify).await?;
    text(&fixed["payment"]["id"])
}

/// Ends a payment here without the payment system's knowledge, as a late success finds it.
async fn forget(shop: &StripeShop, payment: &str, opened: &Opened, status: &str) -> Result<()> {
    let store = shop.app.store().await?;
    sqlx::query("update payments set status = 'declined', next_check_at = null where id = $1")
        .bind(payment)
        .execute(&store)
        .await?;
    sqlx::query("update invoices set status = $1 where id = $2")
        .bind(status)
        .bind(&opened.id)
        .execute(&store)
        .await?;
    Ok(())
}

/// The payment system charges the buyer after all, and says so.
async fn late_success(shop: &StripeShop, payment: &str) -> Result<()> {
    shop.system.capture(payment, 1999, "EUR")?;
    let answer = shop.send_webhook(&shop.system.message(payment)?).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

fn types(shop: &StripeShop) -> Vec<String> {
    let callbacks = shop.app.project.callbacks();
    let types = callbacks.iter().map(|c| c.body["type"].as_str());
    types.flatten().map(str::to_owned).collect()
}

async fn until_told(shop: &StripeShop, expected: &[&str]) -> Result<()> {
    let told = until("the callbacks", async || {
        Ok(types(shop).len() >= expected.len())
    })
    .await;
    told.with_context(|| format!("{:?}\n{}", types(shop), shop.app.log()))?;
    // Callbacks of different invoices have no order.
    let (mut told, mut expected) = (types(shop), expected.to_vec());
    told.sort();
    expected.sort_unstable();
    ensure!(told == expected, "{told:?}");
    Ok(())
}

#[tokio::test]
async fn late_money_cancels_the_newer_invoice_of_the_order() -> Result<()> {
    let shop = StripeShop::open().await?;
    let old = shop.app.api.invoice("1").await?;
    let late = begin(&shop, &old).await?;
    forget(&shop, &late, &old, "expired").await?;
    let newer = shop.app.api.invoice("1").await?;
    ensure!(newer.id != old.id);
    late_success(&shop, &late).await?;
    shop.app.api.until_status(&old.id, "paid").await?;
    shop.app.api.until_status(&newer.id, "canceled").await?;
    until_told(
        &shop,
        &["invoice.paid", "payment.succeeded", "invoice.canceled"],
    )
    .await?;
    // The order is paid: it has this invoice.
    let again = shop.app.api.secret(Method::POST, "/v1/invoices");
    let again = send(again.json(&Api::order("1"))).await?;
    ensure!(
        again.status == 200 && again.json()["id"] == old.id.as_str(),
        "{again:?}"
    );
    Ok(())
}

#[tokio::test]
async fn late_money_goes_back_if_the_newer_invoice_is_paid() -> Result<()> {
    let shop = StripeShop::open().await?;
    let old = shop.app.api.invoice("1").await?;
    let late = begin(&shop, &old).await?;
    forget(&shop, &late, &old, "canceled").await?;
    let newer = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&newer, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    shop.app.api.until_status(&newer.id, "paid").await?;
    late_success(&shop, &late).await?;
    let refunds = format!("/v1/refunds?payment={late}");
    let mut refund = Value::Null;
    until("the refund of the late money", async || {
        let list = send(shop.app.api.secret(Method::GET, &refunds))
            .await?
            .json();
        refund = list["data"][0].clone();
        Ok(shop.system.net_captured().await? == 1999)
    })
    .await?;
    ensure!(refund["source"] == "duplicate", "{refund}");
    if let Some(message) = shop.system.refunded(&text(&refund["id"])?)? {
        shop.send_webhook(&message).await?;
    }
    until_told(
        &shop,
        &[
            "invoice.paid",
            "payment.succeeded",
            "payment.duplicate_refunded",
        ],
    )
    .await?;
    let old = shop.app.api.read(&old.id).await?;
    ensure!(
        old["status"] == "canceled" && old["amount_refunded"] == 0,
        "{old}"
    );
    let newer = shop.app.api.read(&newer.id).await?;
    ensure!(
        newer["status"] == "paid" && newer["amount_refunded"] == 0,
        "{newer}"
    );
    Ok(())
}

#[tokio::test]
async fn late_money_calls_off_the_payment_of_the_newer_invoice() -> Result<()> {
    let shop = StripeShop::open().await?;
    let old = shop.app.api.invoice("1").await?;
    let late = begin(&shop, &old).await?;
    forget(&shop, &late, &old, "expired").await?;
    let newer = shop.app.api.invoice("1").await?;
    let live = begin(&shop, &newer).await?;
    late_success(&shop, &late).await?;
    shop.app.api.until_status(&old.id, "paid").await?;
    shop.app.api.until_status(&newer.id, "canceled").await?;
    let state = shop.system.mock.entry(&live).map(|entry| entry.state);
    ensure!(state == Some(State::Canceled), "{state:?}");
    until_told(
        &shop,
        &["invoice.paid", "payment.succeeded", "invoice.canceled"],
    )
    .await?;
    ensure!(shop.system.net_captured().await? == 1999);
    Ok(())
}

#[tokio::test]
async fn a_success_calls_off_the_other_payment_of_the_invoice() -> Result<()> {
    let shop = StripeShop::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let late = begin(&shop, &opened).await?;
    forget(&shop, &late, &opened, "open").await?;
    let live = begin(&shop, &opened).await?;
    late_success(&shop, &late).await?;
    shop.app.api.until_status(&opened.id, "paid").await?;
    until("the other payment to be canceled", async || {
        let payment = send(
            shop.app
                .api
                .secret(Method::GET, &format!("/v1/payments/{live}")),
        );
        Ok(payment.await?.json()["status"] == "canceled")
    })
    .await?;
    let state = shop.system.mock.entry(&live).map(|entry| entry.state);
    ensure!(state == Some(State::Canceled), "{state:?}");
    until_told(&shop, &["invoice.paid", "payment.succeeded"]).await?;
    ensure!(shop.app.api.read(&opened.id).await?["status"] == "paid");
    Ok(())
}

/// A decline of the other attempt that arrives after the invoice was paid is not told.
#[tokio::test]
async fn no_decline_follows_the_paid_invoice() -> Result<()> {
    let shop = StripeShop::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let late = begin(&shop, &opened).await?;
    forget(&shop, &late, &opened, "open").await?;
    let live = begin(&shop, &opened).await?;
    let declined = shop
        .system
        .mock
        .with(&live, |entry| entry.state = State::Declined);
    declined.context("no payment")?;
    late_success(&shop, &late).await?;
    shop.app.api.until_status(&opened.id, "paid").await?;
    shop.send_webhook(&shop.system.message(&live)?).await?;
    until("the other payment to end", async || {
        let payment = send(
            shop.app
                .api
                .secret(Method::GET, &format!("/v1/payments/{live}")),
        );
        // Declined or, if it was called off before that was known, canceled.
        let status = payment.await?.json()["status"].clone();
        Ok(status == "declined" || status == "canceled")
    })
    .await?;
    until_told(&shop, &["invoice.paid", "payment.succeeded"]).await
}

#[tokio::test]
async fn a_payment_of_the_payment_system_pays_one_of_ours() -> Result<()> {
    let shop = StripeShop::open().await?;
    let paid = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&paid, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    let payment = shop.assert_paid_once(&paid).await?;
    let other = shop.app.api.invoice("2").await?;
    let second = begin(&shop, &other).await?;
    // The payment system's first payment, reported with the id of our second.
    let reference = text(&payment["reference"])?;
    let changed = shop.system.mock.with(&second, |entry| {
        entry.reference.clone_from(&reference);
        entry.state = State::Paid;
    });
    changed.context("no payment")?;
    let answer = shop.send_webhook(&shop.system.message(&second)?).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let invoice = shop.app.api.read(&other.id).await?;
    ensure!(invoice["status"] == "processing", "{invoice}");
    ensure!(
        invoice["payments"][0]["status"] == "requires_verification",
        "{invoice}"
    );
    ensure!(shop.app.log().contains("pays another payment"));
    Ok(())
}

/// A refund that the project makes of a payment that went back is not the invoice's.
#[tokio::test]
async fn a_duplicates_refund_by_hand_is_not_the_invoices() -> Result<()> {
    let shop = StripeShop::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let late = begin(&shop, &opened).await?;
    forget(&shop, &late, &opened, "open").await?;
    let fixed = shop.pay(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    shop.app.api.until_status(&opened.id, "paid").await?;
    late_success(&shop, &late).await?;
    let store = shop.app.store().await?;
    let sql = "select id from refunds where payment = $1";
    let mut automatic: Option<String> = None;
    until("the refund of the duplicate", async || {
        automatic = sqlx::query_scalar(sql)
            .bind(&late)
            .fetch_optional(&store)
            .await?;
        Ok(automatic.is_some() && shop.system.net_captured().await? == 1999)
    })
    .await?;
    // It comes back, and the project refunds by hand.
    let failed = shop
        .system
        .refund_failed(&automatic.context("no refund")?)?;
    let answer = shop.send_webhook(&failed).await?;
    ensure!(answer.status == 200, "{answer:?}");
    until("the failed refund", async || {
        Ok(types(&shop).contains(&"refund.failed".to_owned()))
    })
    .await?;
    shop.refund(&json!({ "id": late }), 1999).await?;
    let invoice = shop.app.api.read(&opened.id).await?;
    ensure!(invoice["status"] == "paid", "{invoice}");
    ensure!(invoice["amount_refunded"] == 0, "{invoice}");
    Ok(())
}

/// New credentials are tried on a live payment before they are stored.
#[tokio::test]
async fn credentials_that_do_not_know_a_live_payment_are_rejected() -> Result<()> {
    let shop = StripeShop::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let live = begin(&shop, &opened).await?;
    let another = Stripe::start().await?;
    let id = shop.app.keys.id.clone();
    let change = async |credentials: Value| {
        let account = json!({ "kind": "stripe", "account": "main", "credentials": credentials });
        let request = shop
            .app
            .operator(Method::PATCH, &format!("/v1/projects/{id}"));
        send(request.json(&json!({ "connectors": [account] }))).await
    };
    let refused = change(another.credentials()).await?;
    let fields = refused.problem(422, "invalid-request")?;
    ensure!(fields == ["connectors[0].credentials"], "{refused:?}");
    let accepted = change(shop.system.credentials()).await?;
    ensure!(accepted.status == 200, "{accepted:?}");
    late_success(&shop, &live).await?;
    shop.app.api.until_status(&opened.id, "paid").await?;
    // Without a live payment, there is nothing to lose.
    let accepted = change(another.credentials()).await?;
    ensure!(accepted.status == 200, "{accepted:?}");
    Ok(())
}

/// The payment system has lost a payment that it had: nobody is told that it failed.
#[tokio::test]
async fn a_known_payment_that_is_missing_is_an_alarm() -> Result<()> {
    let shop = StripeShop::with(&["--connector-timeout-ms", "500"]).await?;
    let opened = shop.app.api.invoice("1").await?;
    let payment = begin(&shop, &opened).await?;
    shop.system.mock.entries().clear();
    let store = shop.app.store().await?;
    let long_ago = "update payments set created_at = 0, updated_at = 0 where id = $1";
    sqlx::query(long_ago).bind(&payment).execute(&store).await?;
    until("the alarm", async || {
        let ready = send(shop.app.api.request(Method::GET, "/readyz")).await?;
        ensure!(ready.status == 200, "{ready:?}");
        Ok(ready.text.contains("payments_to_review"))
    })
    .await
    .with_context(|| shop.app.log())?;
    let invoice = shop.app.api.read(&opened.id).await?;
    ensure!(invoice["status"] == "processing", "{invoice}");
    let metrics = send(shop.app.api.request(Method::GET, "/metrics")).await?;
    let counted = "till_payments_to_review{connector=\"stripe\"} 1";
    ensure!(metrics.text.contains(counted), "{}", metrics.text);
    Ok(())
}

/// An order that differs names each field. What is not the order's data is taken over.
#[tokio::test]
async fn an_order_again_names_what_differs() -> Result<()> {
    let shop = StripeShop::open().await?;
    let mut order = Api::order("7");
    order["buyer"] = json!({ "email": "buyer@shop.example" });
    let first = shop.app.api.invoice_of(&order).await?;
    let post = async |order: &Value| {
        send(
            shop.app
                .api
                .secret(Method::POST, "/v1/invoices")
                .json(order),
        )
        .await
    };
    let mut other = order.clone();
    other["amount"] = json!(2000);
    other["buyer"]["email"] = json!("other@shop.example");
    let answer = post(&other).await?;
    let fields = answer.problem(409, "order-id-reused")?;
    ensure!(fields == ["amount", "buyer.email"], "{answer:?}");
    order["metadata"] = json!({ "basket": "b2" });
    order["locale"] = json!("de");
    order["success_url"] = json!("http://127.0.0.1/thanks");
    let answer = post(&order).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let invoice = answer.json();
    ensure!(invoice["id"] == first.id.as_str(), "{invoice}");
    ensure!(
        invoice["metadata"]["basket"] == "b2" && invoice["locale"] == "de",
        "{invoice}"
    );
    // During a payment nothing is taken over.
    begin(&shop, &first).await?;
    order["locale"] = json!("fr");
    let answer = post(&order).await?;
    ensure!(
        answer.status == 200 && answer.json()["locale"] == "de",
        "{answer:?}"
    );
    Ok(())
}
