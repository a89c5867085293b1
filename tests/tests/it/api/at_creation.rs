//! Invoices created with a payment method, and canceled invoices.

use anyhow::{Result, ensure};
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Answer, Api, card, send, text};
use till_tests::wait::until;

const INVOICES: &str = "/v1/invoices";

fn with_method(number: &str) -> Value {
    let mut order = Api::order(number);
    order["method"] = json!("card");
    order
}

async fn post(app: &TestApp, order: &Value) -> Result<Answer> {
    send(app.api.secret(Method::POST, INVOICES).json(order)).await
}

#[tokio::test]
async fn creating_with_a_method_returns_the_confirmation_url() -> Result<()> {
    let app = TestApp::with(&["--success-url", "http://127.0.0.1:1/thanks"]).await?;
    let created = post(&app, &with_method("1")).await?;
    ensure!(created.status == 201, "{created:?}");
    let invoice = created.json();
    ensure!(invoice["status"] == "processing", "{invoice}");
    ensure!(
        invoice["payments"][0]["status"] == "requires_verification",
        "{invoice}"
    );
    let form = text(&invoice["confirmation_url"])?;
    ensure!(form.starts_with(&app.sandbox), "{form}");

    // The same order does not call the provider again.
    let again = post(&app, &with_method("1")).await?;
    ensure!(
        again.status == 200 && again.json()["confirmation_url"] == json!(form),
        "{again:?}"
    );
    ensure!(app.ledger().await?.len() == 1);

    let confirm = app
        .api
        .request(Method::POST, &form)
        .form(&[("action", "confirm")]);
    let back = send(confirm).await?.header("location").to_owned();
    let page = send(app.api.request(Method::GET, &back)).await?;
    ensure!(page.text.contains("http://127.0.0.1:1/thanks?"), "{page:?}");
    let id = text(&invoice["id"])?;
    let paid = app.api.until_status(&id, "paid").await?;
    ensure!(paid["confirmation_url"].is_null(), "{paid}");
    ensure!(app.net_captured().await? == 1999);
    until("two callbacks", async || {
        Ok(app.project.callbacks().len() == 2)
    })
    .await
}

#[tokio::test]
async fn creating_again_after_a_canceled_form_returns_a_new_form() -> Result<()> {
    let app = TestApp::start().await?;
    let created = post(&app, &with_method("1")).await?.json();
    let form = text(&created["confirmation_url"])?;
    send(
        app.api
            .request(Method::POST, &form)
            .form(&[("action", "cancel")]),
    )
    .await?;
    app.api.until_status(&text(&created["id"])?, "open").await?;
    let again = post(&app, &with_method("1")).await?.json();
    ensure!(
        again["id"] == created["id"] && again["payments"].as_array().is_some_and(|p| p.len() == 2)
    );
    ensure!(again["confirmation_url"].is_string() && again["confirmation_url"] != json!(form));
    Ok(())
}

#[tokio::test]
async fn a_rejected_order_creates_no_invoice() -> Result<()> {
    let app = TestApp::with(&["--check-url", "PROJECT/check", "--require", "email"]).await?;
    let none = async |order: &Value| -> Result<Answer> {
        let answer = post(&app, order).await?;
        let list = send(app.api.secret(Method::GET, INVOICES)).await?.json();
        ensure!(list["data"] == json!([]), "{list}");
        ensure!(app.ledger().await?.is_empty());
        Ok(answer)
    };
    let missing = none(&with_method("1")).await?;
    ensure!(missing.problem(422, "invalid-request")? == ["buyer.email"]);
    let mut order = with_method("1");
    order["buyer"] = json!({ "email": "buyer@shop.example" });
    app.project
        .respond_to_checks(|_| r#"{"accept":false,"reason":"sold out"}"#.into_response());
    none(&order).await?.problem(422, "order-rejected")?;
    app.project.respond_to_checks(|_| "?".into_response());
    none(&order)
        .await?
        .problem(502, "order-check-unavailable")?;
    order["method"] = json!("barter");
    ensure!(none(&order).await?.problem(422, "invalid-request")? == ["method"]);

    order["method"] = json!("card");
    let before = app.project.checks().len();
    app.project
        .respond_to_checks(|_| r#"{"accept":true}"#.into_response());
    ensure!(post(&app, &order).await?.status == 201);
    ensure!(app.project.checks().len() == before + 1, "one order check");
    Ok(())
}

#[tokio::test]
async fn an_open_invoice_can_be_canceled() -> Result<()> {
    let app = TestApp::start().await?;
    let api = &app.api;
    let cancel = |id: &str| {
        let path = format!("{INVOICES}/{id}/cancel");
        send(api.secret(Method::POST, &path))
    };
    let opened = api.invoice("1").await?;
    let stranger = app.another_project().await?;
    let path = format!("{INVOICES}/{}/cancel", opened.id);
    send(stranger.secret(Method::POST, &path))
        .await?
        .problem(404, "not-found")?;
    let canceled = cancel(&opened.id).await?;
    ensure!(
        canceled.status == 200 && canceled.json()["status"] == "canceled",
        "{canceled:?}"
    );
    ensure!(
        cancel(&opened.id).await?.json() == canceled.json(),
        "a second cancel is not an error"
    );
    let pay = api.pay(&opened, &card(APPROVED)).await?;
    pay.problem(409, "invoice-canceled")?;
    until("the callback", async || {
        Ok(app.project.callbacks().len() == 1)
    })
    .await?;
    ensure!(app.project.callbacks()[0].body["type"] == "invoice.canceled");

    let processing = api.invoice("2").await?;
    api.paid_with(&processing, VERIFIED).await?;
    cancel(&processing.id)
        .await?
        .problem(409, "payment-in-progress")?;
    let paid = api.invoice("3").await?;
    api.paid_with(&paid, APPROVED).await?;
    cancel(&paid.id).await?.problem(409, "invoice-paid")?;
    let expired = api.invoice("4").await?;
    app.expire(&expired.id).await?;
    api.until_status(&expired.id, "expired").await?;
    cancel(&expired.id).await?.problem(409, "invoice-expired")?;
    Ok(())
}

#[tokio::test]
async fn concurrent_cancel_and_payment_have_one_winner() -> Result<()> {
    let app = TestApp::start().await?;
    for n in 0..6 {
        let opened = app.api.invoice(&n.to_string()).await?;
        let path = format!("{INVOICES}/{}/cancel", opened.id);
        let card = card(APPROVED);
        let (canceled, paid) = tokio::try_join!(
            send(app.api.secret(Method::POST, &path)),
            app.api.pay(&opened, &card),
        )?;
        let end = app.api.read(&opened.id).await?["status"].clone();
        let (canceled, paid) = (canceled.status == 200, paid.status == 201);
        ensure!(canceled != paid, "canceled {canceled}, paid {paid}");
        ensure!(end == if paid { "paid" } else { "canceled" }, "{end}");
    }
    Ok(())
}
