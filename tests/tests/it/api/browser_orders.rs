//! Orders that come from a browser: the project confirms the amount each time, and what one browser says
//! keeps nobody else out.

use super::html_form::{order as form, post as post_form, set, signed};
use anyhow::{Context, Result, ensure};
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Answer, Api, Opened, send, text};

const CHECKED: [&str; 2] = ["--check-url", "PROJECT/check"];
const SHOP: &str = "https://shop.example";

/// Sends an order as a page of the shop does.
async fn post(app: &TestApp, order: &Value) -> Result<Answer> {
    let request = app.api.request(Method::POST, "/v1/widget/invoices");
    let request = request.bearer_auth(&app.keys.pk).header("origin", SHOP);
    send(request.json(order)).await
}

/// Sends an order that is accepted, and reads its invoice.
async fn accepted(app: &TestApp, order: &Value) -> Result<Value> {
    let answer = post(app, order).await?;
    ensure!(matches!(answer.status, 200 | 201), "{answer:?}");
    app.api.read(&text(&answer.json()["id"])?).await
}

fn opened(answer: &Answer) -> Result<Opened> {
    let invoice = answer.json();
    Ok(Opened {
        id: text(&invoice["id"])?,
        token: text(&invoice["client_token"])?,
    })
}

async fn count(app: &TestApp) -> Result<usize> {
    super::html_form::invoices(app).await
}

fn answer_checks(app: &TestApp, answer: &'static str) {
    app.project
        .respond_to_checks(move |_| answer.into_response());
}

#[tokio::test]
async fn the_project_confirms_the_amount() -> Result<()> {
    let app = TestApp::with(&CHECKED).await?;
    let mut cheap = Api::order("42");
    cheap["amount"] = json!("0.50");
    let unsigned = set(&form(&app), "amount", "0.50");
    for answer in [
        r#"{"accept":true}"#,
        r#"{"accept":true,"amount":50}"#,
        r#"{"accept":true,"currency":"EUR"}"#,
        r#"{"accept":true,"amount":null,"currency":"EUR"}"#,
    ] {
        answer_checks(&app, answer);
        let before = app.project.checks().len();
        let page = post(&app, &cheap).await?;
        page.problem(502, "order-check-unavailable")?;
        ensure!(app.project.checks().len() == before + 2, "no second try");
        ensure!(post_form(&app, &unsigned).await?.status == 502, "{answer}");
        ensure!(count(&app).await? == 0, "{answer}");
    }
    for answer in [
        r#"{"accept":true,"amount":1999,"currency":"EUR"}"#,
        r#"{"accept":true,"amount":50,"currency":"USD"}"#,
    ] {
        answer_checks(&app, answer);
        post(&app, &cheap).await?.problem(422, "order-rejected")?;
        ensure!(post_form(&app, &unsigned).await?.status == 422, "{answer}");
        ensure!(count(&app).await? == 0, "{answer}");
    }
    answer_checks(&app, r#"{"accept":true,"amount":50,"currency":"eur"}"#);
    let made = post(&app, &cheap).await?;
    ensure!(made.status == 201, "{made:?}");

    // Also before the payment.
    answer_checks(&app, r#"{"accept":true}"#);
    let made = opened(&made)?;
    let refused = app
        .api
        .pay(&made, &till_tests::client::card(APPROVED))
        .await?;
    refused.problem(502, "order-check-unavailable")?;
    ensure!(app.ledger().await?.is_empty());
    app.project.confirm_orders();
    app.api.paid_with(&made, APPROVED).await?;

    // Orders that the project's server or its signature names need no amount.
    answer_checks(&app, r#"{"accept":true}"#);
    let form = set(&form(&app), "order_id", "43");
    let form = post_form(&app, &signed(&app, form)?).await?;
    ensure!(form.status == 303, "{form:?}");
    let own = app.api.invoice("44").await?;
    app.api.paid_with(&own, APPROVED).await?;
    Ok(())
}

#[tokio::test]
async fn an_order_comes_again_with_other_data() -> Result<()> {
    let app = TestApp::with(&CHECKED).await?;
    let mut order = Api::order("42");
    order["buyer"] = json!({ "email": "first@shop.example", "name": "First" });
    order["metadata"] = json!({ "cart": "1" });
    let first = accepted(&app, &order).await?;

    let mut again = Api::order("42");
    again["description"] = json!("Two prints");
    again["items"] = json!([{ "name": "Print", "quantity": 2, "amount": 900 }]);
    again["buyer"] = json!({ "email": "second@shop.example" });
    again["metadata"] = json!({ "cart": "2" });
    again["locale"] = json!("de");
    again["success_url"] = json!("https://shop.example/paid");
    answer_checks(&app, r#"{"accept":false,"reason":"sold out"}"#);
    post(&app, &again).await?.problem(422, "order-rejected")?;
    ensure!(app.api.read(&text(&first["id"])?).await? == first);

    app.project.confirm_orders();
    let second = accepted(&app, &again).await?;
    let checks = app.project.checks();
    let asked = &checks.last().context("no check")?.body["data"]["invoice"];
    ensure!(
        second["id"] == first["id"] && asked["id"] == first["id"],
        "{asked}"
    );
    for field in ["description", "items", "metadata", "locale"] {
        ensure!(second[field] == again[field], "{field}: {second}");
        ensure!(asked[field] == again[field], "{field}: {asked}");
    }
    let buyer = json!({ "email": "second@shop.example" });
    ensure!(
        second["buyer"] == buyer && asked["buyer"] == buyer,
        "{second}"
    );

    // Another amount is another order, and says nothing about the rest.
    again["amount"] = json!("20.00");
    again["buyer"] = json!({ "email": "third@shop.example" });
    let other = post(&app, &again).await?;
    ensure!(other.problem(409, "order-id-reused")? == ["amount"]);
    ensure!(app.api.read(&text(&first["id"])?).await? == second);
    Ok(())
}

#[tokio::test]
async fn what_the_server_said_stays() -> Result<()> {
    let app = TestApp::with(&CHECKED).await?;
    let mut order = Api::order("42");
    order["buyer"] = json!({ "email": "buyer@shop.example" });
    order["metadata"] = json!({ "user": "7" });
    order["success_url"] = json!("https://shop.example/own");
    let own = app.api.invoice_of(&order).await?;
    let before = app.api.read(&own.id).await?;

    let mut page = Api::order("42");
    page["description"] = json!("From a page");
    page["buyer"] = json!({ "email": "stranger@evil.example" });
    page["metadata"] = json!({ "user": "9" });
    page["success_url"] = json!("https://shop.example/other");
    let after = accepted(&app, &page).await?;
    ensure!(after["description"] == "From a page", "{after}");
    for field in ["id", "buyer", "metadata"] {
        ensure!(after[field] == before[field], "{field}: {after}");
    }
    let url = "select success_url from invoices";
    let url: String = sqlx::query_scalar(url)
        .fetch_one(&app.store().await?)
        .await?;
    ensure!(url == "https://shop.example/own", "{url}");
    Ok(())
}

#[tokio::test]
async fn a_browser_that_is_first_keeps_nobody_out() -> Result<()> {
    let app = TestApp::with(&CHECKED).await?;
    let mut stranger = Api::order("42");
    stranger["description"] = json!("Nothing");
    stranger["buyer"] = json!({ "email": "stranger@evil.example", "phone": "+49 30 123456" });
    stranger["metadata"] = json!({ "user": "9" });
    let taken = accepted(&app, &stranger).await?;

    let mut order = Api::order("42");
    order["buyer"] = json!({ "email": "buyer@shop.example" });
    order["metadata"] = json!({ "user": "7" });
    let own = send(app.api.secret(Method::POST, "/v1/invoices").json(&order)).await?;
    ensure!(own.status == 200, "{own:?}");
    let own = own.json();
    ensure!(own["id"] == taken["id"]);
    let buyer = json!({ "email": "buyer@shop.example" });
    ensure!(own["buyer"] == buyer, "{own}");
    ensure!(
        own["metadata"] == order["metadata"] && own["description"] == "A print",
        "{own}"
    );

    // From then on it is the server's.
    accepted(&app, &stranger).await?;
    let now = app.api.read(&text(&own["id"])?).await?;
    ensure!(
        now["buyer"] == buyer && now["metadata"] == order["metadata"],
        "{now}"
    );
    let mut changed = order.clone();
    changed["buyer"]["email"] = json!("other@shop.example");
    let changed = send(app.api.secret(Method::POST, "/v1/invoices").json(&changed)).await?;
    ensure!(changed.problem(409, "order-id-reused")? == ["description", "buyer.email"]);
    Ok(())
}

#[tokio::test]
async fn an_order_that_is_being_paid_stays_as_it_is() -> Result<()> {
    let app = TestApp::with(&CHECKED).await?;
    let made = opened(&post(&app, &Api::order("42")).await?)?;
    app.api.paid_with(&made, VERIFIED).await?;
    let mut other = Api::order("42");
    other["description"] = json!("Two prints");
    let again = post(&app, &other).await?;
    ensure!(
        again.status == 200 && again.json()["status"] == "processing",
        "{again:?}"
    );
    ensure!(app.api.read(&made.id).await?["description"] == "A print");

    let made = opened(&post(&app, &Api::order("43")).await?)?;
    app.api.paid_with(&made, APPROVED).await?;
    let mut other = Api::order("43");
    other["description"] = json!("Two prints");
    let again = post(&app, &other).await?;
    ensure!(
        again.status == 200 && again.json()["status"] == "paid",
        "{again:?}"
    );
    ensure!(again.json()["id"] == json!(made.id));
    ensure!(app.api.read(&made.id).await?["description"] == "A print");
    let checks = app.project.checks();
    let asked = &checks.last().context("no check")?.body["data"]["invoice"];
    ensure!(
        asked["status"] == "paid" && asked["description"] == "Two prints",
        "{asked}"
    );
    Ok(())
}

/// A link to this server must not lead to any other site.
#[tokio::test]
async fn the_buyer_is_led_back_to_the_shop_only() -> Result<()> {
    let app = TestApp::with(&CHECKED).await?;
    for field in ["success_url", "failure_url"] {
        for url in [
            "https://evil.example/paid",
            "https://shop.example.evil.example/",
            "https://shop.example:8443/",
            "http://shop.example/",
            "https://evil.example/?https://shop.example",
        ] {
            let mut order = Api::order("42");
            order[field] = json!(url);
            let refused = post(&app, &order).await?;
            ensure!(refused.problem(422, "invalid-request")? == [field], "{url}");
            let refused = post_form(&app, &set(&form(&app), field, url)).await?;
            ensure!(
                refused.status == 422 && refused.text.contains(field),
                "{url}"
            );
        }
        let mut order = Api::order(field);
        order[field] = json!("https://Shop.example/paid?x=1");
        ensure!(post(&app, &order).await?.status == 201);
        let signed_form = signed(&app, set(&form(&app), field, "https://other.example/"))?;
        ensure!(
            post_form(&app, &set_order(&app, signed_form, field)?)
                .await?
                .status
                == 303
        );
    }
    Ok(())
}

/// The signed form again, for an order of its own.
fn set_order(
    app: &TestApp,
    mut fields: super::html_form::Fields,
    id: &str,
) -> Result<super::html_form::Fields> {
    fields.retain(|(name, _)| name != "signature");
    signed(app, set(&fields, "order_id", &format!("signed-{id}")))
}
