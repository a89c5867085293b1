//! Routing: which account of a project is used. After an unknown outcome, no other account is tried.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Opened, card, send, text};
use till_tests::providers::adyen::Adyen;
use till_tests::providers::mollie::Mollie;
use till_tests::providers::paypal::PayPal;
use till_tests::providers::stripe::Stripe;
use till_tests::providers::{PaymentSystem, Plan};
use till_tests::wait::until;

const FAST: [&str; 2] = ["--connector-timeout-ms", "1500"];

/// Lists the payment attempts, oldest first: connector, account and status.
async fn attempts(app: &TestApp) -> Result<Vec<(String, String, String)>> {
    let sql = "select connector, account, status from payments order by id";
    Ok(sqlx::query_as(sql).fetch_all(&app.store().await?).await?)
}

fn rows(expected: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let own = |s: &str| s.to_owned();
    expected
        .iter()
        .map(|(a, b, c)| (own(a), own(b), own(c)))
        .collect()
}

/// Pays with two Stripe accounts. The first follows the plan and the second approves.
async fn pay_with_two_accounts(plan: Plan) -> Result<(TestApp, Stripe, Stripe, Opened, Value)> {
    let (first, second) = (Stripe::start().await?, Stripe::start().await?);
    let accounts = [
        ("stripe", "first", first.credentials()),
        ("stripe", "second", second.credentials()),
    ];
    let app = TestApp::with_accounts(&accounts, &FAST).await?;
    let opened = app.api.invoice("1").await?;
    first.pay(plan);
    let answer = app.api.pay(&opened, &second.pay(Plan::Approve)).await?;
    ensure!(answer.status == 201, "{answer:?}");
    let fixed = answer.json();
    Ok((app, first, second, opened, fixed))
}

#[tokio::test]
async fn a_definite_failure_tries_the_next_account() -> Result<()> {
    // Invalid keys, missing permission, invalid request, rate limit.
    for plan in [
        Plan::Fail(401),
        Plan::Fail(403),
        Plan::Fail(400),
        Plan::RateLimit(1000),
    ] {
        let (app, first, second, opened, fixed) = pay_with_two_accounts(plan).await?;
        ensure!(
            fixed["payment"]["status"] == "succeeded",
            "{plan:?} {fixed}"
        );
        let attempts = attempts(&app).await?;
        let expected = rows(&[
            ("stripe", "first", "failed"),
            ("stripe", "second", "succeeded"),
        ]);
        ensure!(attempts == expected, "{plan:?} {attempts:?}");
        ensure!(first.payments().await? == 0 && second.net_captured().await? == 1999);
        // Each attempt is a payment with its own idempotency key.
        let invoice = app.api.until_status(&opened.id, "paid").await?;
        let payments = invoice["payments"].as_array().context("no payments")?;
        ensure!(payments.len() == 2 && second.idempotency_keys() == [text(&payments[1]["id"])?]);
        ensure!(fixed["payment"]["id"] == payments[1]["id"]);
    }
    Ok(())
}

#[tokio::test]
async fn an_unreachable_account_is_skipped() -> Result<()> {
    let second = Adyen::start().await?;
    let mut nowhere = Stripe::start().await?.credentials();
    // Nothing listens on port 9 (discard).
    nowhere["base_url"] = "http://127.0.0.1:9".into();
    let accounts = [
        ("stripe", "gone", nowhere),
        ("adyen", "there", second.credentials()),
    ];
    let app = TestApp::with_accounts(&accounts, &FAST).await?;
    let webhooks = format!("{}/v1/connectors/adyen/there/webhooks", app.api.url);
    second.set_webhook_url(webhooks);
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.pay(&opened, &second.pay(Plan::Approve)).await?;
    let fixed = fixed.json();
    ensure!(fixed["payment"]["connector"] == "adyen", "{fixed}");
    app.api.until_status(&opened.id, "paid").await?;
    let attempts = attempts(&app).await?;
    ensure!(
        attempts
            == rows(&[
                ("stripe", "gone", "failed"),
                ("adyen", "there", "succeeded")
            ])
    );
    // The project receives the callbacks of both attempts in order.
    until("the callbacks", async || {
        Ok(app.project.callbacks().len() == 3)
    })
    .await?;
    let types = app.project.callbacks();
    let types: Vec<_> = types.iter().map(|a| a.body["type"].as_str()).collect();
    ensure!(
        types
            == [
                Some("payment.failed"),
                Some("invoice.paid"),
                Some("payment.succeeded")
            ]
    );
    Ok(())
}

#[tokio::test]
async fn if_all_accounts_fail_the_payment_fails() -> Result<()> {
    let (first, second) = (Stripe::start().await?, Adyen::start().await?);
    let accounts = [
        ("stripe", "a", first.credentials()),
        ("adyen", "b", second.credentials()),
    ];
    let app = TestApp::with_accounts(&accounts, &FAST).await?;
    let opened = app.api.invoice("1").await?;
    first.pay(Plan::Fail(401));
    let answer = app.api.pay(&opened, &second.pay(Plan::Fail(403))).await?;
    ensure!(answer.json()["payment"]["status"] == "failed", "{answer:?}");
    ensure!(attempts(&app).await? == rows(&[("stripe", "a", "failed"), ("adyen", "b", "failed")]));
    // The buyer can pay again.
    ensure!(app.api.read(&opened.id).await?["status"] == "open");
    Ok(())
}

#[tokio::test]
async fn an_unknown_outcome_does_not_try_the_next_account() -> Result<()> {
    for plan in [
        Plan::Fail(500),
        Plan::Fail(502),
        Plan::Fail(503),
        Plan::LoseResponse,
    ] {
        let (app, _first, second, opened, fixed) = pay_with_two_accounts(plan).await?;
        ensure!(
            fixed["payment"]["status"] == "processing",
            "{plan:?} {fixed}"
        );
        let attempts = attempts(&app).await?;
        ensure!(
            attempts == rows(&[("stripe", "first", "processing")]),
            "{plan:?} {attempts:?}"
        );
        ensure!(second.payments().await? == 0);
        // A second payment is rejected while the outcome is unknown.
        let again = app.api.pay(&opened, &card(APPROVED)).await?;
        again.problem(409, "payment-in-progress")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_decline_does_not_try_the_next_account() -> Result<()> {
    let (app, _first, second, opened, fixed) = pay_with_two_accounts(Plan::Decline).await?;
    ensure!(fixed["payment"]["status"] == "declined", "{fixed}");
    ensure!(attempts(&app).await? == rows(&[("stripe", "first", "declined")]));
    ensure!(second.payments().await? == 0);
    ensure!(app.api.read(&opened.id).await?["status"] == "open");
    Ok(())
}

/// The server crashes while the first account processes the payment. The stored payment names the
/// account to poll.
#[tokio::test]
async fn a_crash_during_the_first_account() -> Result<()> {
    let (first, second) = (Stripe::start().await?, Stripe::start().await?);
    let accounts = [
        ("stripe", "first", first.credentials()),
        ("stripe", "second", second.credentials()),
    ];
    let mut app = TestApp::with_accounts(&accounts, &["--connector-timeout-ms", "8000"]).await?;
    let opened = app.api.invoice("1").await?;
    let body = first.pay(Plan::LoseResponse);
    let request = app
        .api
        .widget(Method::POST, &opened, "/payments")
        .json(&body);
    let request_task = tokio::spawn(send(request));
    until("the payment to be charged", async || {
        Ok(first.payments().await? == 1)
    })
    .await?;
    app.crash_and_restart().await?;
    ensure!(request_task.await?.is_err(), "the connection is closed");
    app.api.until_status(&opened.id, "paid").await?;
    ensure!(attempts(&app).await? == rows(&[("stripe", "first", "succeeded")]));
    ensure!(first.net_captured().await? == 1999 && second.payments().await? == 0);
    Ok(())
}

/// A provider with its own payment form that responds with 503 has not charged the buyer.
#[tokio::test]
async fn a_redirect_provider_under_maintenance_is_skipped() -> Result<()> {
    let (first, second) = (Mollie::start().await?, Mollie::start().await?);
    let accounts = [
        ("mollie", "down", first.credentials()),
        ("mollie", "up", second.credentials()),
    ];
    let app = TestApp::with_accounts(&accounts, &FAST).await?;
    let opened = app.api.invoice("1").await?;
    first.pay(Plan::Fail(503));
    let fixed = app
        .api
        .pay(&opened, &second.pay(Plan::Approve))
        .await?
        .json();
    ensure!(
        fixed["payment"]["status"] == "requires_verification",
        "{fixed}"
    );
    let back = second
        .confirm(&text(&fixed["verification"]["url"])?)
        .await?;
    ensure!(send(app.api.request(Method::GET, &back)).await?.status == 200);
    app.api.until_status(&opened.id, "paid").await?;
    ensure!(
        attempts(&app).await?
            == rows(&[("mollie", "down", "failed"), ("mollie", "up", "succeeded")])
    );
    Ok(())
}

#[tokio::test]
async fn the_first_account_that_supports_method_and_currency_is_used() -> Result<()> {
    let (paypal, adyen, mollie) = (
        PayPal::start().await?,
        Adyen::start().await?,
        Mollie::start().await?,
    );
    let accounts = [
        ("mollie", "m", mollie.credentials()),
        ("paypal", "p", paypal.credentials()),
        ("adyen", "a", adyen.credentials()),
    ];
    let app = TestApp::with_accounts(&accounts, &FAST).await?;
    let order =
        |n: &str, currency: &str| json!({ "order_id": n, "amount": 1000, "currency": currency });
    let methods = async |currency: &str| {
        let opened = app.api.invoice_of(&order(currency, currency)).await?;
        let data = send(app.api.widget(Method::GET, &opened, "")).await?.json();
        let methods = data["methods"].as_array().context("no methods")?.clone();
        anyhow::Ok((opened, methods))
    };
    let (_, euro) = methods("EUR").await?;
    let names: Vec<_> = euro.iter().filter_map(|m| m["method"].as_str()).collect();
    ensure!(
        names == ["card", "paypal", "ideal", "bancontact", "eps"],
        "{names:?}"
    );
    // Mollie comes first and asks for the card on its own page.
    ensure!(euro[0]["fields"] == json!([]), "{euro:?}");
    let (dinar, kuwait) = methods("KWD").await?;
    let names: Vec<_> = kuwait.iter().filter_map(|m| m["method"].as_str()).collect();
    ensure!(names == ["card", "paypal"], "{names:?}");
    ensure!(
        kuwait[0]["fields"].as_array().is_some_and(|f| f.len() == 5),
        "{kuwait:?}"
    );

    let fixed = app
        .api
        .pay(&dinar, &json!({ "method": "paypal" }))
        .await?
        .json();
    ensure!(fixed["payment"]["connector"] == "adyen", "{fixed}");
    ensure!(paypal.payments().await? == 0 && mollie.payments().await? == 0);
    Ok(())
}

/// A valid signature authorizes updates of the same account's payments only.
#[tokio::test]
async fn a_webhook_cannot_update_another_accounts_payment() -> Result<()> {
    let (mine, others) = (Stripe::start().await?, Adyen::start().await?);
    let accounts = [
        ("adyen", "others", others.credentials()),
        ("stripe", "mine", mine.credentials()),
    ];
    let app = TestApp::with_accounts(&accounts, &FAST).await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app
        .api
        .pay(&opened, &others.pay(Plan::Verify))
        .await?
        .json();
    let payment = text(&fixed["payment"]["id"])?;
    // The Stripe account reports the Adyen account's payment.
    let claim = others.mock.entry(&payment).context("no payment")?;
    mine.mock.insert("", claim);
    mine.capture(&payment, 1999, "EUR")?;
    let message = mine.message(&payment)?;
    let mut request = app
        .api
        .request(Method::POST, "/v1/connectors/stripe/mine/webhooks");
    for (name, value) in message.headers {
        request = request.header(name, value);
    }
    // It is taken, and changes nothing.
    let answer = send(request.body(message.body)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let invoice = app.api.read(&opened.id).await?;
    ensure!(
        invoice["payments"][0]["status"] == "requires_verification",
        "{invoice}"
    );
    Ok(())
}
