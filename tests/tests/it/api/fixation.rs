//! Payment fixation: validation, idempotency and order checks.

use anyhow::{Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS, VERIFIED};
use till_tests::client::{Api, card, send, text};
use till_tests::faults::relay::{Fault, Relay};
use till_tests::wait::until;

#[tokio::test]
async fn an_invalid_card_is_reported_by_field() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let before = app.api.read(&opened.id).await?;
    let with = |field: &str, value: Value| {
        let mut body = card(APPROVED);
        body["card"][field] = value;
        body
    };
    for (body, fields) in [
        (
            with("number", json!("4242424242424241")),
            vec!["card.number"],
        ),
        (with("number", json!("")), vec!["card.number"]),
        (with("number", json!("four")), vec!["card.number"]),
        (
            with("number", json!(4242424242424242_u64)),
            vec!["card.number"],
        ),
        (with("exp_month", json!(13)), vec!["card.exp_month"]),
        (with("exp_month", json!(300)), vec!["card.exp_month"]),
        (with("exp_month", json!(-1)), vec!["card.exp_month"]),
        (with("exp_year", json!(2020)), vec!["card.exp_year"]),
        (with("cvc", json!("12")), vec!["card.cvc"]),
        (with("cvc", json!("12a")), vec!["card.cvc"]),
        (with("pin", json!("1")), vec!["card.pin"]),
        (
            json!({ "method": "card", "card": { "holder": "Jo" } }),
            vec!["card.number", "card.exp_month", "card.cvc"],
        ),
        (json!({ "method": "card", "card": {} }), vec!["card"]),
        (json!({ "method": "card" }), vec!["card"]),
        (json!({ "method": "cash" }), vec!["method"]),
        (
            json!({ "method": "card", "color": 1, "card": {} }),
            vec!["color"],
        ),
    ] {
        let answer = app.api.pay(&opened, &body).await?;
        let reported = answer.problem(422, "invalid-request")?;
        ensure!(reported == fields, "{body}: {reported:?}");
    }
    ensure!(app.api.read(&opened.id).await? == before);
    ensure!(app.ledger().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn missing_buyer_data_is_required() -> Result<()> {
    let app = TestApp::with(&["--require", "email", "--require", "country"]).await?;
    let mut order = Api::order("1");
    order["buyer"] = json!({ "country": "DE" });
    let opened = app.api.invoice_of(&order).await?;
    let billing = send(app.api.widget(Method::GET, &opened, "")).await?.json();
    ensure!(billing["missing"] == json!(["email"]), "{billing}");

    let without = app.api.pay(&opened, &card(APPROVED)).await?;
    ensure!(without.problem(422, "invalid-request")? == ["buyer.email"]);
    let mut body = card(APPROVED);
    body["buyer"] = json!({ "email": "buyer@shop.example" });
    let paid = app.api.pay(&opened, &body).await?;
    ensure!(paid.status == 201, "{paid:?}");
    let invoice = app.api.read(&opened.id).await?;
    ensure!(
        invoice["buyer"]["email"] == "buyer@shop.example",
        "{invoice}"
    );
    ensure!(invoice["missing"] == json!([]));
    Ok(())
}

#[tokio::test]
async fn flat_card_fields_are_accepted() -> Result<()> {
    let app = TestApp::with(&["--require", "email"]).await?;
    let opened = app.api.invoice("1").await?;
    let body = json!({
        "method": "card", "number": "4242 4242 4242 4242", "exp_month": "12", "exp_year": "39",
        "cvc": "123", "holder": "A. Buyer", "email": "buyer@shop.example",
    });
    let paid = app.api.pay(&opened, &body).await?;
    ensure!(paid.json()["payment"]["status"] == "succeeded", "{paid:?}");
    Ok(())
}

#[tokio::test]
async fn only_the_invoices_client_token_is_accepted() -> Result<()> {
    let app = TestApp::start().await?;
    let mine = app.api.invoice("1").await?;
    let other = app.api.invoice("2").await?;
    for token in ["", "ct_wrong", other.token.as_str(), app.keys.sk.as_str()] {
        for (method, rest) in [
            (Method::GET, ""),
            (Method::GET, "/events"),
            (Method::POST, "/payments"),
            (Method::POST, "/payments/pay_1/cancel"),
        ] {
            let path = format!("/v1/widget/invoices/{}{rest}", mine.id);
            let request = app.api.request(method, &path).bearer_auth(token);
            let answer = send(request.json(&card(APPROVED))).await?;
            answer.problem(401, "unauthorized")?;
        }
    }
    ensure!(app.ledger().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_expired_invoice_cannot_be_paid() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    app.expire(&opened.id).await?;
    let answer = app.api.pay(&opened, &card(APPROVED)).await?;
    answer.problem(409, "invoice-expired")?;
    app.api.until_status(&opened.id, "expired").await?;
    let answer = app.api.pay(&opened, &card(APPROVED)).await?;
    answer.problem(409, "invoice-expired")?;
    ensure!(app.ledger().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_paid_invoice_cannot_be_paid_again() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, APPROVED).await?;
    ensure!(fixed["payment"]["status"] == "succeeded", "{fixed}");
    ensure!(
        fixed["verification"] == json!({ "kind": "none" }),
        "{fixed}"
    );
    ensure!(fixed["payment"]["card"]["last4"] == "4242", "{fixed}");
    let before = app.api.read(&opened.id).await?;
    let answer = app.api.pay(&opened, &card(APPROVED)).await?;
    answer.problem(409, "invoice-paid")?;
    ensure!(app.api.read(&opened.id).await? == before);
    ensure!(app.net_captured().await? == 1999);
    Ok(())
}

#[tokio::test]
async fn a_retry_with_the_same_key_replays_the_response() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let press = || {
        let request = app.api.widget(Method::POST, &opened, "/payments");
        send(
            request
                .header("idempotency-key", "press-1")
                .json(&card(VERIFIED)),
        )
    };
    let first = press().await?;
    let again = press().await?;
    ensure!(first.status == 201 && again.header("idempotent-replayed") == "true");
    ensure!(first.text == again.text);
    ensure!(app.ledger().await?.len() == 1);
    Ok(())
}

/// The provider's response is lost, so the buyer does not see the form. The reconciler finds it.
#[tokio::test]
async fn a_lost_provider_response_still_leads_to_the_form() -> Result<()> {
    let relay = Relay::start().await?;
    relay.inject(|method, path| {
        if *method == Method::POST && path == "/v1/payments" {
            Fault::DropResponse
        } else {
            Fault::None
        }
    });
    let setup = Setup {
        sandbox_relay: Some(&relay),
        ..Setup::default()
    };
    let app = TestApp::set_up(setup).await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, VERIFIED).await?;
    ensure!(fixed["payment"]["status"] == "processing", "{fixed}");
    let mut shown = Value::Null;
    until("the verification form", async || {
        shown = send(app.api.widget(Method::GET, &opened, "")).await?.json();
        Ok(shown["verification"]["url"].is_string())
    })
    .await?;
    ensure!(
        shown["payment"]["status"] == "requires_verification",
        "{shown}"
    );
    let form = text(&shown["verification"]["url"])?;
    let confirm = app.api.request(Method::POST, &form);
    send(confirm.form(&[("action", "confirm")])).await?;
    app.api.until_status(&opened.id, "paid").await?;
    Ok(())
}

#[tokio::test]
async fn a_second_payment_is_rejected_while_the_first_is_pending() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let first = app.api.paid_with(&opened, VERIFIED).await?;
    ensure!(
        first["payment"]["status"] == "requires_verification",
        "{first}"
    );
    let second = app.api.pay(&opened, &card(APPROVED)).await?;
    second.problem(409, "payment-in-progress")?;

    let id = first["payment"]["id"].as_str().unwrap_or_default();
    let rest = format!("/payments/{id}/cancel");
    let canceled = send(app.api.widget(Method::POST, &opened, &rest)).await?;
    ensure!(
        canceled.json()["payment"]["status"] == "canceled",
        "{canceled:?}"
    );
    ensure!(canceled.json()["status"] == "open", "{canceled:?}");
    let again = send(app.api.widget(Method::POST, &opened, &rest)).await?;
    again.problem(409, "payment-final")?;
    let other = app.api.invoice("2").await?;
    let foreign = send(app.api.widget(Method::POST, &other, &rest)).await?;
    foreign.problem(404, "not-found")?;

    app.api.paid_with(&opened, APPROVED).await?;
    ensure!(app.net_captured().await? == 1999);
    Ok(())
}

#[tokio::test]
async fn a_payment_requires_an_accepted_order_check() -> Result<()> {
    let app = TestApp::with(&["--check-url", "PROJECT/check"]).await?;
    let opened = app.api.invoice("1").await?;
    let project = &app.project;

    project.respond_to_checks(|_| r#"{"accept":false,"reason":"sold out"}"#.into_response());
    let refused = app.api.pay(&opened, &card(APPROVED)).await?;
    refused.problem(422, "order-rejected")?;
    ensure!(refused.json()["detail"] == "sold out", "{refused:?}");
    project.respond_to_checks(|_| r#"{"accept":true,"amount":1,"currency":"EUR"}"#.into_response());
    let refused = app.api.pay(&opened, &card(APPROVED)).await?;
    refused.problem(422, "order-rejected")?;
    for no_answer in ["", "yes", "{}"] {
        project.respond_to_checks(move |_| no_answer.into_response());
        let refused = app.api.pay(&opened, &card(APPROVED)).await?;
        refused.problem(502, "order-check-unavailable")?;
    }
    project.respond_to_checks(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let refused = app.api.pay(&opened, &card(APPROVED)).await?;
    refused.problem(502, "order-check-unavailable")?;
    ensure!(app.ledger().await?.is_empty());

    let before = project.checks().len();
    // The second attempt of the order check succeeds.
    project.respond_to_checks(move |n| {
        if n > before {
            r#"{"accept":true,"amount":1999,"currency":"EUR"}"#.into_response()
        } else {
            StatusCode::BAD_GATEWAY.into_response()
        }
    });
    app.api.paid_with(&opened, APPROVED).await?;
    let checks = project.checks();
    ensure!(
        checks
            .iter()
            .all(|c| c.verified && c.body["type"] == "order.check")
    );
    ensure!(checks.len() == before + 2, "{}", checks.len());
    Ok(())
}

#[tokio::test]
async fn a_page_can_create_an_order_that_the_project_accepts() -> Result<()> {
    let app = TestApp::with(&["--check-url", "PROJECT/check"]).await?;
    let post = |pk: &str, origin: &'static str, amount: Value| {
        let mut order = Api::order("7");
        order["amount"] = amount;
        let request = app.api.request(Method::POST, "/v1/widget/invoices");
        send(
            request
                .bearer_auth(pk)
                .header("origin", origin)
                .json(&order),
        )
    };
    let (pk, shop) = (app.keys.pk.as_str(), "https://shop.example");
    let foreign = post(pk, "https://evil.example", json!("19.99")).await?;
    foreign.problem(403, "forbidden")?;
    let unknown = post("pk_unknown", shop, json!("19.99")).await?;
    unknown.problem(401, "unauthorized")?;
    let decimals = post(pk, shop, json!("19.999")).await?;
    ensure!(decimals.problem(422, "invalid-request")? == ["amount"]);
    ensure!(decimals.header("access-control-allow-origin") == shop);
    app.project
        .respond_to_checks(|_| r#"{"accept":false}"#.into_response());
    post(pk, shop, json!("19.99"))
        .await?
        .problem(422, "order-rejected")?;
    let list = send(app.api.secret(Method::GET, "/v1/invoices"))
        .await?
        .json();
    ensure!(list["data"] == json!([]), "{list}");

    app.project.confirm_orders();
    let made = post(pk, shop, json!("19.99")).await?;
    ensure!(made.status == 201, "{made:?}");
    let invoice = app.api.read(&text(&made.json()["id"])?).await?;
    ensure!(invoice["amount"] == 1999, "{invoice}");
    let again = post(pk, shop, json!(1999)).await?;
    ensure!(
        again.status == 200 && again.json()["id"] == made.json()["id"],
        "{again:?}"
    );
    Ok(())
}

/// A fingerprint of the security code, even a keyed one, would be a trace of it.
#[tokio::test]
async fn a_key_does_not_depend_on_the_security_code() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let pay = |body: &Value| {
        let request = app.api.widget(Method::POST, &opened, "/payments");
        send(request.header("idempotency-key", "k").json(body))
    };
    let first = pay(&card(APPROVED)).await?;
    ensure!(first.status == 201, "{first:?}");
    let mut other_code = card("4242 4242 4242 4242");
    other_code["card"]["cvc"] = json!("321");
    let again = pay(&other_code).await?;
    ensure!(
        again.status == 201 && again.json() == first.json(),
        "{again:?}"
    );
    let other_card = pay(&card(VERIFIED)).await?;
    other_card.problem(422, "idempotency-key-reused")?;
    let mut later = card(APPROVED);
    later["card"]["exp_year"] = json!(2038);
    pay(&later).await?.problem(422, "idempotency-key-reused")?;
    // An invalid card is not the one that was paid with.
    for (field, invalid) in [
        ("cvc", json!("")),
        ("cvc", json!(null)),
        ("cvc", json!("12345")),
        ("cvc", json!("12a")),
        ("number", json!("4242 4242 4242 4242 4242")),
        ("number", json!("4242")),
    ] {
        let mut body = card(APPROVED);
        body["card"][field] = invalid;
        pay(&body).await?.problem(422, "idempotency-key-reused")?;
    }
    Ok(())
}

#[tokio::test]
async fn card_data_is_not_stored() -> Result<()> {
    let app = TestApp::start().await?;
    for (n, number) in [APPROVED, VERIFIED, INSUFFICIENT_FUNDS]
        .into_iter()
        .enumerate()
    {
        let opened = app.api.invoice(&n.to_string()).await?;
        let mut body = card(number);
        body["card"]["cvc"] = json!("987");
        body["card"]["holder"] = json!("Unlikely Cardholder");
        let request = app.api.widget(Method::POST, &opened, "/payments");
        let answer = send(request.header("idempotency-key", "k").json(&body)).await?;
        ensure!(answer.status == 201, "{answer:?}");
    }
    let bytes = app.bytes()?;
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|w| w == text);
    ensure!(holds(b"4242"), "the last four digits are not stored");
    for secret in [APPROVED, VERIFIED, INSUFFICIENT_FUNDS, "\"987\""] {
        ensure!(!holds(secret.as_bytes()), "{secret} is stored");
    }
    for key in [&app.keys.sk, &app.keys.signing_secret] {
        ensure!(!holds(key.as_bytes()), "a key is stored in plain text");
    }
    Ok(())
}
