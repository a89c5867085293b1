//! Mollie's own rules: which errors are Mollie's, what cannot be canceled, and which changes a webhook
//! stands for.

use super::scripted::{Scripted, class};
use super::shop::Shop;
use anyhow::{Context, Result, bail, ensure};
use reqwest::Method as Verb;
use serde_json::{Value, json};
use till_server::connectors::{
    PaymentKey, Reference, RefundOutcome, SignatureError, WebhookError, WebhookEvent,
};
use till_shared::buyer::Buyer;
use till_shared::dispute::DisputeStatus;
use till_shared::payment::{Method, PaymentStatus};
use till_tests::client::{Opened, send, text};
use till_tests::providers::mock::method;
use till_tests::providers::mollie::Mollie;
use till_tests::providers::{Message, PaymentSystem, Plan};

async fn scripted() -> Result<Scripted> {
    Scripted::start("mollie", json!({ "api_key": "test_key" })).await
}

fn error(status: u16) -> Value {
    json!({
        "status": status, "title": "No", "detail": "no",
        "_links": { "documentation": { "href": "https://docs.mollie.com", "type": "text/html" } },
    })
}

fn payment(mollie: &Scripted, status: &str) -> Value {
    json!({
        "resource": "payment", "id": "tr_1", "status": status,
        "amount": { "value": "19.99", "currency": "EUR" },
        "metadata": { "till_payment": mollie.payment }, "_links": {},
    })
}

fn refund(id: &str, status: &str, metadata: &Value) -> Value {
    json!({
        "resource": "refund", "id": id, "status": status, "metadata": metadata,
        "amount": { "value": "5.00", "currency": "EUR" },
    })
}

fn ping() -> Message {
    Message {
        headers: vec![],
        body: "id=tr_1".into(),
    }
}

#[tokio::test]
async fn only_mollies_own_errors_say_that_nothing_was_taken() -> Result<()> {
    let mollie = scripted().await?;
    let own = |status: u16| error(status).to_string();
    // RFC 9457, as a proxy may send it.
    let problem = json!({ "type": "about:blank", "title": "No", "status": 400, "detail": "no" });
    for (status, body, expected) in [
        (400, own(400), "refused"),
        (422, own(422), "refused"),
        (401, own(401), "not sent"),
        (403, own(403), "not sent"),
        (404, own(404), "unknown"),
        (409, own(409), "unknown"),
        (400, own(422), "unknown"),
        (400, problem.to_string(), "unknown"),
        (403, "<html>Forbidden</html>".into(), "unknown"),
        (422, "{}".into(), "unknown"),
    ] {
        mollie.answer_text(status, &body);
        let result = mollie.create(Method::Ideal, &Buyer::default()).await;
        ensure!(class(&result) == expected, "{status} {body}: {result:?}");
        mollie.answer(200, &payment(&mollie, "paid"));
        mollie.answer_text(status, &body);
        let result = mollie.refund("tr_1", None).await;
        ensure!(
            class(&result) == expected,
            "refund, {status} {body}: {result:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn only_mollie_says_that_it_has_no_such_payment() -> Result<()> {
    let mollie = scripted().await?;
    let reference = Reference::payment("tr_1");
    mollie.answer(404, &error(404));
    ensure!(mollie.fetch(Some(&reference)).await?.is_none());
    let problem = json!({ "title": "Not Found", "status": 404, "detail": "no route" });
    for (status, body) in [
        (404, problem.to_string()),
        (404, "<html>Not Found</html>".into()),
        (410, error(410).to_string()),
    ] {
        mollie.answer_text(status, &body);
        let result = mollie.fetch(Some(&reference)).await;
        ensure!(result.is_err(), "{status} {body}: {result:?}");
    }
    mollie.answer(404, &error(404));
    ensure!(mollie.fetch(None).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_success_needs_an_amount_and_our_payment() -> Result<()> {
    let mollie = scripted().await?;
    let reference = Reference::payment("tr_1");
    let mut paid = payment(&mollie, "paid");
    paid["amount"]["currency"] = "???".into();
    mollie.answer(200, &paid);
    let update = mollie
        .fetch(Some(&reference))
        .await?
        .context("no payment")?;
    ensure!(update.status == PaymentStatus::Processing, "{update:?}");
    let mut paid = payment(&mollie, "paid");
    paid["metadata"]["till_payment"] = "pay_01a20f6cc88c704985832b4041dd32ff".into();
    mollie.answer(200, &paid);
    ensure!(class(&mollie.fetch(Some(&reference)).await) == "unknown");
    Ok(())
}

#[tokio::test]
async fn canceled_is_mollies_word() -> Result<()> {
    let mollie = scripted().await?;
    let reference = Reference::payment("tr_1");
    for (status, expected) in [
        ("open", PaymentStatus::RequiresVerification),
        ("pending", PaymentStatus::Processing),
        ("paid", PaymentStatus::Succeeded),
        ("failed", PaymentStatus::Declined),
        ("canceled", PaymentStatus::Canceled),
        ("expired", PaymentStatus::Canceled),
    ] {
        mollie.answer(422, &error(422));
        mollie.answer(200, &payment(&mollie, status));
        let update = mollie
            .cancel(Some(&reference))
            .await?
            .context("no payment")?;
        ensure!(update.status == expected, "{status}: {update:?}");
    }
    // The response to the cancellation.
    mollie.answer(200, &payment(&mollie, "canceled"));
    let update = mollie
        .cancel(Some(&reference))
        .await?
        .context("no payment")?;
    ensure!(update.status == PaymentStatus::Canceled, "{update:?}");
    Ok(())
}

#[tokio::test]
async fn a_payment_has_a_locale_and_an_address_that_mollie_takes() -> Result<()> {
    let mollie = scripted().await?;
    let buyer = Buyer {
        email: Some("buyer@shop.example".into()),
        phone: Some("+49 30 123456".into()),
        ..Buyer::default()
    };
    let mut rejected = error(422);
    rejected["field"] = "billingAddress.email".into();
    mollie.answer(422, &rejected);
    mollie.answer(201, &payment(&mollie, "open"));
    mollie.create(Method::Ideal, &buyer).await?;
    let calls = mollie.received();
    let [first, second] = &calls[..] else {
        bail!("{calls:?}");
    };
    let body: Value = serde_json::from_str(&first.body)?;
    ensure!(body["locale"] == "de_AT", "{body}");
    let address = json!({ "email": "buyer@shop.example", "phone": "+4930123456" });
    ensure!(body["billingAddress"] == address, "{body}");
    // The address is not needed. Another request needs another key.
    let body: Value = serde_json::from_str(&second.body)?;
    ensure!(body["billingAddress"].is_null(), "{body}");
    ensure!(first.key == mollie.payment.as_str() && first.key != second.key);
    // Any other refusal stands.
    mollie.answer(422, &error(422));
    ensure!(class(&mollie.create(Method::Ideal, &buyer).await) == "refused");
    ensure!(mollie.received().len() == 1);
    Ok(())
}

#[tokio::test]
async fn a_webhook_reports_refunds_and_chargebacks() -> Result<()> {
    let mollie = scripted().await?;
    let mut paid = payment(&mollie, "paid");
    let ours = json!({ "till_refund": mollie.refund });
    paid["_embedded"]["refunds"] = json!([
        refund("re_1", "failed", &ours),
        refund("re_2", "refunded", &Value::Null)
    ]);
    paid["_links"]["chargebacks"] = json!({ "href": "https://api.mollie.com/v2/payments/..." });
    let mut chargeback = json!({
        "id": "chb_1", "amount": { "value": "19.99", "currency": "EUR" }, "reason": null,
        "reversedAt": null,
    });
    for expected in [DisputeStatus::NeedsResponse, DisputeStatus::Won] {
        mollie.answer(200, &paid);
        let list = json!({
            "_embedded": { "chargebacks": [chargeback] }, "_links": { "next": null },
        });
        mollie.answer(200, &list);
        let events = mollie.webhook(&ping()).await?;
        let key = PaymentKey::Ours(mollie.payment.clone());
        let [
            WebhookEvent::Payment(_, update),
            WebhookEvent::Refund(id, failed),
            WebhookEvent::DashboardRefund(refunded, dashboard),
            WebhookEvent::Dispute(disputed, dispute),
        ] = &events[..]
        else {
            bail!("{} events", events.len());
        };
        ensure!(update.status == PaymentStatus::Succeeded);
        ensure!(*id == mollie.refund && *failed == RefundOutcome::Failed("failed".into()));
        ensure!(*refunded == key && dashboard.reference == "re_2");
        ensure!(dashboard.money == Some(mollie.money(500)));
        ensure!(*disputed == key && dispute.reference == "chb_1");
        ensure!(dispute.status == expected, "{dispute:?}");
        ensure!(dispute.money == Some(mollie.money(1999)));
        chargeback["reversedAt"] = "2026-03-21T09:13:37+00:00".into();
    }
    Ok(())
}

#[tokio::test]
async fn a_webhook_that_names_no_payment_of_ours_makes_no_call() -> Result<()> {
    let mut mollie = scripted().await?;
    mollie.known = false;
    match mollie.webhook(&ping()).await {
        Err(WebhookError::InvalidSignature(SignatureError::UnknownPayment)) => {}
        Err(error) => bail!("{error}"),
        Ok(events) => bail!("{} events", events.len()),
    }
    ensure!(mollie.received().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_refund_that_was_canceled_at_mollie_is_not_made_again() -> Result<()> {
    let mollie = scripted().await?;
    mollie.answer(200, &payment(&mollie, "paid"));
    mollie.answer(404, &error(404));
    let outcome = mollie.refund("tr_1", Some("re_1")).await?;
    ensure!(
        outcome == RefundOutcome::Failed("canceled".into()),
        "{outcome:?}"
    );
    let calls = mollie.received();
    ensure!(
        calls.iter().all(|c| c.call.starts_with("GET ")),
        "{calls:?}"
    );
    // The key is another account's: that says nothing about the refund.
    mollie.answer(404, &error(404));
    ensure!(class(&mollie.refund("tr_1", Some("re_1")).await) == "unknown");
    Ok(())
}

#[tokio::test]
async fn the_login_is_checked() -> Result<()> {
    let mollie = scripted().await?;
    mollie.answer(200, &json!({ "count": 0 }));
    ensure!(class(&mollie.check_login().await) == "ok");
    mollie.answer(401, &error(401));
    ensure!(class(&mollie.check_login().await) == "not sent");
    Ok(())
}

async fn pay(shop: &Shop<Mollie>, n: &str, name: &str) -> Result<(Opened, Value)> {
    shop.system.pay(Plan::Verify);
    let opened = shop.app.api.invoice(n).await?;
    let answer = shop.app.api.pay(&opened, &method(name)).await?;
    ensure!(answer.status == 201, "{answer:?}\n{}", shop.app.log());
    Ok((opened, answer.json()))
}

/// A bank's page is open: the buyer may still pay, and does.
#[tokio::test]
async fn a_payment_that_cannot_be_canceled_is_not_canceled() -> Result<()> {
    let shop = Shop::<Mollie>::open().await?;
    let (opened, fixed) = pay(&shop, "1", "bancontact").await?;
    let rest = format!("/payments/{}/cancel", text(&fixed["payment"]["id"])?);
    let canceled = send(shop.app.api.widget(Verb::POST, &opened, &rest)).await?;
    ensure!(
        canceled.json()["payment"]["status"] == "requires_verification",
        "{canceled:?}"
    );
    shop.finish(&fixed).await?;
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

/// What one payment's return URL carries says nothing about another payment.
#[tokio::test]
async fn a_return_query_of_another_payment_pays_nothing() -> Result<()> {
    let shop = Shop::<Mollie>::open().await?;
    let (cheap, cheap_fixed) = pay(&shop, "1", "ideal").await?;
    let (dear, dear_fixed) = pay(&shop, "2", "ideal").await?;
    let entry = |fixed: &Value| {
        let id = fixed["payment"]["id"].as_str().unwrap_or_default();
        shop.system.mock.entry(id).context("no payment")
    };
    shop.system
        .confirm(&text(&cheap_fixed["verification"]["url"])?)
        .await?;
    let forged = format!(
        "{}&id={}&status=paid",
        entry(&dear_fixed)?.return_url,
        entry(&cheap_fixed)?.reference
    );
    let answer = send(shop.app.api.request(Verb::GET, &forged)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let invoice = shop.app.api.read(&dear.id).await?;
    ensure!(
        invoice["payments"][0]["status"] == "requires_verification",
        "{invoice}"
    );
    let answer = send(
        shop.app
            .api
            .request(Verb::GET, &entry(&cheap_fixed)?.return_url),
    )
    .await?;
    ensure!(answer.status == 200, "{answer:?}");
    shop.app.api.until_status(&cheap.id, "paid").await?;
    ensure!(shop.app.api.read(&dear.id).await?["status"] == "processing");
    Ok(())
}
