//! Stripe's own rules: which errors are Stripe's, what a payment's state is, and what a card is sent
//! with.

mod given_back;
mod hosted;

use super::scripted::{Scripted, class};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use till_server::connectors::{CallError, Cause, Reference};
use till_shared::buyer::Buyer;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_tests::providers::PaymentSystem;
use till_tests::providers::stripe::{Stripe, WITHOUT_RAW_CARDS};

const CARD_NUMBERS: &str = "Sending credit card numbers directly to the Stripe API is generally \
    unsafe. To enable raw card data APIs, see https://support.stripe.com/questions/...";

async fn scripted() -> Result<Scripted> {
    let credentials = json!({ "secret_key": "sk_test_1", "webhook_secret": "whsec_stripe_test" });
    Scripted::start("stripe", credentials).await
}

fn error(kind: &str, code: Option<&str>, message: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "message": message } })
}

fn intent(status: &str, extra: &Value) -> Value {
    let mut intent = json!({
        "id": "pi_1", "object": "payment_intent", "status": status, "amount": 1999,
        "amount_received": if status == "succeeded" { 1999 } else { 0 }, "currency": "eur",
        "metadata": {},
    });
    for (name, value) in extra.as_object().into_iter().flatten() {
        intent[name] = value.clone();
    }
    intent
}

fn session(status: &str, payment_status: &str, intent: &Value) -> Value {
    json!({
        "id": "cs_1", "object": "checkout.session", "status": status, "metadata": {},
        "payment_status": payment_status, "payment_intent": intent, "amount_total": 1999,
        "currency": "eur", "url": null,
    })
}

#[tokio::test]
async fn only_stripes_own_errors_say_that_nothing_was_taken() -> Result<()> {
    let stripe = scripted().await?;
    let invalid = error("invalid_request_error", Some("parameter_unknown"), "no").to_string();
    let html = "<html>Forbidden</html>".to_owned();
    let problem = json!({ "type": "about:blank", "title": "Bad Request", "status": 400 });
    let strange = error("proxy_error", None, "no").to_string();
    for (status, body, expected) in [
        (400, &invalid, "refused"),
        (402, &invalid, "refused"),
        (401, &invalid, "not sent"),
        (403, &invalid, "not sent"),
        (409, &invalid, "unknown"),
        (424, &error("api_error", None, "no").to_string(), "unknown"),
        (
            400,
            &error("idempotency_error", None, "no").to_string(),
            "unknown",
        ),
        (400, &problem.to_string(), "unknown"),
        (400, &strange, "unknown"),
        (402, &html, "unknown"),
        (403, &html, "unknown"),
        (404, &html, "unknown"),
    ] {
        for method in [Method::Card, Method::Ideal] {
            stripe.answer_text(status, body);
            let result = stripe.create(method, &Buyer::default()).await;
            ensure!(class(&result) == expected, "{status} {body}: {result:?}");
        }
        stripe.answer(200, &json!({ "data": [], "has_more": false }));
        stripe.answer_text(status, body);
        let result = stripe.refund("pi_1", None).await;
        ensure!(
            class(&result) == expected,
            "refund, {status} {body}: {result:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn only_a_card_error_is_a_decline() -> Result<()> {
    let stripe = scripted().await?;
    let mut declined = error("card_error", Some("card_declined"), "no");
    declined["error"]["decline_code"] = "insufficient_funds".into();
    declined["error"]["payment_intent"] = intent("requires_payment_method", &json!({}));
    stripe.answer(402, &declined);
    let update = stripe.create(Method::Card, &Buyer::default()).await?;
    ensure!(update.status == PaymentStatus::Declined, "{update:?}");
    ensure!(update.decline == Some(DeclineCode::InsufficientFunds));
    ensure!(update.reference == Some(Reference::payment("pi_1")));
    for status in [402, 400] {
        stripe.answer(status, &error("invalid_request_error", None, CARD_NUMBERS));
        match stripe.create(Method::Card, &Buyer::default()).await {
            Err(CallError::Refused(cause @ Cause::RawCardData(_))) => {
                ensure!(
                    cause.to_string().contains("set its card_entry to hosted"),
                    "{cause}"
                );
            }
            other => bail!("{status}: {other:?}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_stripe_says_that_it_has_no_such_payment() -> Result<()> {
    let stripe = scripted().await?;
    let (payment, page) = (Reference::payment("pi_1"), Reference::page("cs_1"));
    let missing = error(
        "invalid_request_error",
        Some("resource_missing"),
        "No such object",
    );
    let no_such_url = error("invalid_request_error", None, "Unrecognized request URL");
    for reference in [&payment, &page] {
        stripe.answer(404, &missing);
        ensure!(stripe.fetch(Some(reference)).await?.is_none());
        for body in [no_such_url.to_string(), "<html>Not Found</html>".into()] {
            stripe.answer_text(404, &body);
            let result = stripe.fetch(Some(reference)).await;
            ensure!(result.is_err(), "{body}: {result:?}");
        }
    }
    // In a list of what there is, nothing is missing.
    stripe.answer(404, &missing);
    ensure!(stripe.fetch(None).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_success_needs_an_amount_and_our_payment() -> Result<()> {
    let stripe = scripted().await?;
    let (payment, page) = (Reference::payment("pi_1"), Reference::page("cs_1"));
    stripe.answer(200, &intent("succeeded", &json!({ "currency": "???" })));
    let update = stripe.fetch(Some(&payment)).await?.context("no payment")?;
    ensure!(update.status == PaymentStatus::Processing, "{update:?}");
    let mut paid = session("complete", "paid", &"pi_1".into());
    paid["amount_total"] = Value::Null;
    stripe.answer(200, &paid);
    let update = stripe.fetch(Some(&page)).await?.context("no payment")?;
    ensure!(update.status == PaymentStatus::Processing, "{update:?}");
    // The metadata name another payment.
    let other = json!({ "till_payment": "pay_01a20f6cc88c704985832b4041dd32ff" });
    stripe.answer(200, &intent("succeeded", &json!({ "metadata": other })));
    ensure!(class(&stripe.fetch(Some(&payment)).await) == "unknown");
    let mut paid = session("complete", "paid", &"pi_1".into());
    paid["metadata"] = other;
    stripe.answer(200, &paid);
    ensure!(class(&stripe.fetch(Some(&page)).await) == "unknown");
    let ours = json!({ "till_payment": stripe.payment });
    stripe.answer(200, &intent("succeeded", &json!({ "metadata": ours })));
    let update = stripe.fetch(Some(&payment)).await?.context("no payment")?;
    ensure!(update.status == PaymentStatus::Succeeded, "{update:?}");
    Ok(())
}

#[tokio::test]
async fn canceled_is_stripes_word() -> Result<()> {
    let stripe = scripted().await?;
    let (payment, page) = (Reference::payment("pi_1"), Reference::page("cs_1"));
    let refused = error(
        "invalid_request_error",
        Some("payment_intent_unexpected_state"),
        "no",
    );
    for (status, expected) in [
        ("canceled", PaymentStatus::Canceled),
        ("requires_action", PaymentStatus::RequiresVerification),
        ("processing", PaymentStatus::Processing),
        ("succeeded", PaymentStatus::Succeeded),
    ] {
        stripe.answer(400, &refused);
        stripe.answer(200, &intent(status, &json!({})));
        let update = stripe.cancel(Some(&payment)).await?.context("no payment")?;
        ensure!(update.status == expected, "{status}: {update:?}");
    }
    for (status, payment_status, expected) in [
        ("open", "unpaid", PaymentStatus::RequiresVerification),
        ("complete", "unpaid", PaymentStatus::Processing),
        ("complete", "paid", PaymentStatus::Succeeded),
        ("expired", "unpaid", PaymentStatus::Canceled),
    ] {
        stripe.answer(400, &refused);
        stripe.answer(200, &session(status, payment_status, &"pi_1".into()));
        let update = stripe.cancel(Some(&page)).await?.context("no payment")?;
        ensure!(update.status == expected, "{status}: {update:?}");
    }
    // A payment whose creation was not answered is searched for first.
    let ours = json!({ "metadata": { "till_payment": stripe.payment } });
    stripe.received();
    stripe.answer(
        200,
        &json!({ "data": [intent("requires_action", &ours)], "has_more": false }),
    );
    stripe.answer(200, &intent("canceled", &ours));
    let update = stripe.cancel(None).await?.context("no payment")?;
    ensure!(update.status == PaymentStatus::Canceled, "{update:?}");
    let calls = stripe.received();
    ensure!(
        calls
            .last()
            .is_some_and(|c| c.call == "POST /v1/payment_intents/pi_1/cancel"),
        "{calls:?}"
    );
    Ok(())
}

/// The buyer has left Stripe's page, and the only attempt to pay has failed since.
#[tokio::test]
async fn a_complete_session_ends_with_its_payment() -> Result<()> {
    let stripe = scripted().await?;
    let page = Reference::page("cs_1");
    let failed = json!({ "last_payment_error": { "code": "card_declined" } });
    let failed = intent("requires_payment_method", &failed);
    stripe.answer(200, &session("complete", "unpaid", &failed));
    let update = stripe.fetch(Some(&page)).await?.context("no payment")?;
    ensure!(update.status == PaymentStatus::Declined, "{update:?}");
    let calls = stripe.received();
    ensure!(
        calls
            .last()
            .is_some_and(|c| c.call.ends_with("?expand[]=payment_intent"))
    );
    // While the session is open, the buyer may try another card.
    stripe.answer(200, &session("open", "unpaid", &failed));
    let update = stripe.fetch(Some(&page)).await?.context("no payment")?;
    ensure!(
        update.status == PaymentStatus::RequiresVerification,
        "{update:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_card_is_sent_with_what_fraud_checks_need() -> Result<()> {
    let stripe = scripted().await?;
    let buyer = Buyer {
        email: Some("buyer@shop.example".into()),
        name: Some("A. Buyer".into()),
        phone: Some("+49 30 123456".into()),
        country: Some("DE".into()),
    };
    stripe.answer(200, &intent("succeeded", &json!({})));
    stripe.create(Method::Card, &buyer).await?;
    stripe.answer(200, &session("open", "unpaid", &Value::Null));
    stripe.create(Method::Ideal, &buyer).await?;
    let calls = stripe.received();
    let form = |n: usize| -> Result<Vec<(String, String)>> {
        let body = calls.get(n).context("no call")?.body.as_bytes();
        Ok(url::form_urlencoded::parse(body).into_owned().collect())
    };
    let (card, page) = (form(0)?, form(1)?);
    let sent = |form: &[(String, String)], field: &str, value: &str| {
        form.iter().any(|(f, v)| f == field && v == value)
    };
    for (field, value) in [
        ("[ip]", "203.0.113.7"),
        ("[user_agent]", "Mozilla/5.0 (test)"),
        ("[referrer]", "https://shop.example"),
        ("[billing_details][email]", "buyer@shop.example"),
        ("[billing_details][name]", "A. Buyer"),
        ("[billing_details][phone]", "+49 30 123456"),
        ("[billing_details][address][country]", "DE"),
    ] {
        let field = format!("payment_method_data{field}");
        ensure!(sent(&card, &field, value), "{field}: {card:?}");
    }
    ensure!(
        sent(&page, "customer_email", "buyer@shop.example"),
        "{page:?}"
    );
    ensure!(sent(&page, "locale", "de"), "{page:?}");
    // A card that Stripe's page declines must not end the payment.
    let named = |(f, _): &(String, String)| f == "payment_intent_data[metadata][till_payment]";
    ensure!(!page.iter().any(named), "{page:?}");
    Ok(())
}

#[tokio::test]
async fn the_login_is_checked() -> Result<()> {
    let stripe = scripted().await?;
    stripe.answer(200, &json!({ "object": "balance" }));
    ensure!(class(&stripe.check_login().await) == "ok");
    stripe.answer(
        401,
        &error("invalid_request_error", None, "Invalid API Key provided"),
    );
    ensure!(class(&stripe.check_login().await) == "not sent");
    Ok(())
}

/// The mock account answers as an ordinary one does.
#[tokio::test]
async fn an_account_without_raw_card_access_refuses_the_card() -> Result<()> {
    let system = Stripe::start().await?;
    let mut credentials = system.credentials();
    credentials["secret_key"] = WITHOUT_RAW_CARDS.into();
    let stripe = Scripted::at("stripe", &credentials)?;
    match stripe.create(Method::Card, &Buyer::default()).await {
        Err(CallError::Refused(Cause::RawCardData(_))) => {}
        other => bail!("{other:?}"),
    }
    ensure!(system.payments().await? == 0);
    // Its page takes cards.
    let update = stripe.create(Method::Ideal, &Buyer::default()).await?;
    ensure!(
        update.status == PaymentStatus::RequiresVerification,
        "{update:?}"
    );
    Ok(())
}
