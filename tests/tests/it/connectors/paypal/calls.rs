//! Calls to PayPal.

use super::system::{PAYMENT, Scripted, foreign_bodies, meaning};
use super::{completed, count_calls, error, login_error, order, scripted};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use till_server::connectors::Reference;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};

const ORDERS: &str = "POST /v2/checkout/orders";
const ORDER: &str = "GET /v2/checkout/orders/5O190127TN364715T";
const CAPTURE_ORDER: &str = "POST /v2/checkout/orders/5O190127TN364715T/capture";
const CAPTURE: &str = "GET /v2/payments/captures/3C679366HH908993F";

fn page() -> Reference {
    Reference::page("5O190127TN364715T")
}

#[tokio::test]
async fn only_documented_errors_are_final() -> Result<()> {
    let system = scripted().await?;
    for (status, body, expected) in [
        (
            400,
            error("INVALID_REQUEST", "INVALID_PARAMETER_VALUE"),
            "refused",
        ),
        (401, login_error(), "not sent"),
        (
            401,
            error("AUTHENTICATION_FAILURE", "INVALID_ACCOUNT_STATUS"),
            "not sent",
        ),
        (
            403,
            error("NOT_AUTHORIZED", "PERMISSION_DENIED"),
            "not sent",
        ),
        (
            404,
            error("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"),
            "refused",
        ),
        (409, error("RESOURCE_CONFLICT", ""), "unknown"),
        (418, error("TEAPOT", ""), "unknown"),
        (
            422,
            error("UNPROCESSABLE_ENTITY", "CURRENCY_NOT_SUPPORTED"),
            "refused",
        ),
        (
            422,
            json!({ "name": "UNPROCESSABLE_ENTITY", "message": "no" }),
            "unknown",
        ),
        (500, error("INTERNAL_SERVER_ERROR", ""), "unknown"),
    ] {
        system.answers(ORDERS, &[(status, &body)]);
        let result = system.create(Method::Paypal).await;
        ensure!(meaning(&result) == expected, "{status} {body}: {result:?}");
    }
    system.seen();
    for status in [400, 401, 403, 404, 422] {
        for body in foreign_bodies() {
            system.answers(ORDERS, &[(status, &body)]);
            let result = system.create(Method::Paypal).await;
            ensure!(meaning(&result) == "unknown", "{status} {body}: {result:?}");
            // A proxy does not say that PayPal has not processed it: it is not sent again.
            ensure!(count_calls(&system, ORDERS) == 1, "{status} {body}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_order_carries_what_paypal_asks_for() -> Result<()> {
    let system = scripted().await?;
    system.answers(ORDERS, &[(201, &order("PAYER_ACTION_REQUIRED"))]);
    let created = system.create(Method::Paypal).await?;
    ensure!(created.reference == Some(page()), "{created:?}");
    let seen = system.seen();
    let request = seen.iter().find(|seen| seen.call == ORDERS);
    let body = &request.context("no order")?.body;
    let unit = &body["purchase_units"][0];
    ensure!(unit["custom_id"] == PAYMENT, "{body}");
    ensure!(unit["invoice_id"] == format!("42-{PAYMENT}"), "{body}");
    let wallet = &body["payment_source"]["paypal"];
    ensure!(wallet["email_address"] == "buyer@shop.example", "{body}");
    let context = &wallet["experience_context"];
    ensure!(context["locale"] == "de-AT", "{body}");
    ensure!(context["shipping_preference"] == "NO_SHIPPING", "{body}");
    Ok(())
}

#[tokio::test]
async fn the_shipping_preference_is_a_setting() -> Result<()> {
    let credentials = |preference: &str, base: &str| {
        json!({
            "client_id": "id", "client_secret": "secret", "webhook_id": "WH1", "base_url": base,
            "shipping_preference": preference,
        })
    };
    let system = Scripted::start("paypal", |base| credentials("GET_FROM_FILE", base)).await?;
    let token = json!({ "access_token": "token", "expires_in": 32400 });
    system.answers("POST /v1/oauth2/token", &[(200, &token)]);
    system.answers(ORDERS, &[(201, &order("CREATED"))]);
    system.create(Method::Paypal).await?;
    let sent = system.seen().pop().context("no order")?.body;
    let context = &sent["payment_source"]["paypal"]["experience_context"];
    ensure!(context["shipping_preference"] == "GET_FROM_FILE", "{sent}");
    let other = credentials("SET_PROVIDED_ADDRESS", &system.base);
    ensure!(system.connector().check_credentials(&other).is_err());
    Ok(())
}

#[tokio::test]
async fn a_success_needs_our_id_and_an_amount() -> Result<()> {
    let system = scripted().await?;
    let change = |pointer: &str, value: Value| -> Result<Value> {
        let mut changed = completed();
        *changed.pointer_mut(pointer).context("no field")? = value;
        Ok(changed)
    };
    let unit = "/purchase_units/0/custom_id";
    let capture = "/purchase_units/0/payments/captures/0";
    let other = json!("pay_01a20f6cc88c704985832b4041dd32c1");
    for (found, expected) in [
        (completed(), PaymentStatus::Succeeded),
        (change(unit, other.clone())?, PaymentStatus::Processing),
        (change(unit, Value::Null)?, PaymentStatus::Processing),
        (
            change(&format!("{capture}/custom_id"), other)?,
            PaymentStatus::Processing,
        ),
        (
            change(&format!("{capture}/custom_id"), Value::Null)?,
            PaymentStatus::Succeeded,
        ),
        (
            change(&format!("{capture}/amount"), Value::Null)?,
            PaymentStatus::Processing,
        ),
        (
            change(&format!("{capture}/id"), Value::Null)?,
            PaymentStatus::Processing,
        ),
        (
            change("/purchase_units", json!([]))?,
            PaymentStatus::Processing,
        ),
    ] {
        system.answers(ORDER, &[(200, &found)]);
        let update = system.fetch(&page(), false).await?.context("no payment")?;
        ensure!(update.status == expected, "{found}: {update:?}");
        let capture = Some(Reference::payment("3C679366HH908993F"));
        let succeeded = expected == PaymentStatus::Succeeded;
        ensure!(!succeeded || update.reference == capture, "{update:?}");
    }
    // Once it is known, the capture is asked for.
    let mut capture = completed()["purchase_units"][0]["payments"]["captures"][0].clone();
    let reference = Reference::payment("3C679366HH908993F");
    for (custom_id, expected) in [
        (json!(PAYMENT), PaymentStatus::Succeeded),
        (Value::Null, PaymentStatus::Processing),
    ] {
        capture["custom_id"] = custom_id;
        system.answers(CAPTURE, &[(200, &capture)]);
        let update = system.fetch(&reference, false).await?;
        ensure!(
            update.context("no payment")?.status == expected,
            "{capture}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_order_of_another_payment_is_not_captured() -> Result<()> {
    let system = scripted().await?;
    let mut approved = order("APPROVED");
    approved["purchase_units"][0]["custom_id"] = json!("pay_1");
    system.answers(ORDER, &[(200, &approved)]);
    system.answers(CAPTURE_ORDER, &[(201, &completed())]);
    let query = [("token", "5O190127TN364715T"), ("PayerID", "PAYER")];
    let update = system.handle_return(&page(), &query).await?;
    let status = update.context("no payment")?.status;
    ensure!(status == PaymentStatus::Processing, "{status}");
    ensure!(count_calls(&system, CAPTURE_ORDER) == 0);
    Ok(())
}

/// A case of a capture: the answer's status and body, the order's state afterwards, whether earlier
/// calls have ended, and the payment's state.
type CaptureCase = (u16, Value, Value, bool, PaymentStatus, Option<DeclineCode>);

#[tokio::test]
async fn a_capture_is_final_only_by_paypals_word() -> Result<()> {
    use PaymentStatus::{Declined, Processing, Succeeded};
    let system = scripted().await?;
    let refused = |issue: &str| error("UNPROCESSABLE_ENTITY", issue);
    let approved = order("APPROVED");
    let card = Some(DeclineCode::CardDeclined);
    let unusable = Some(DeclineCode::ProcessingError);
    let mut cases: Vec<CaptureCase> = vec![
        (201, completed(), approved.clone(), false, Succeeded, None),
        (
            422,
            refused("INSTRUMENT_DECLINED"),
            approved.clone(),
            false,
            Declined,
            card,
        ),
        (
            422,
            refused("REDIRECT_PAYER_FOR_ALTERNATE_FUNDING"),
            approved.clone(),
            false,
            Declined,
            card,
        ),
        // An earlier call has captured it.
        (
            422,
            refused("INSTRUMENT_DECLINED"),
            completed(),
            false,
            Succeeded,
            None,
        ),
        (
            422,
            refused("ORDER_ALREADY_CAPTURED"),
            completed(),
            false,
            Succeeded,
            None,
        ),
        (
            422,
            refused("DUPLICATE_INVOICE_ID"),
            approved.clone(),
            false,
            Processing,
            None,
        ),
        (
            422,
            refused("PAYEE_ACCOUNT_RESTRICTED"),
            approved.clone(),
            true,
            Declined,
            unusable,
        ),
        (
            422,
            refused("PREVIOUS_REQUEST_IN_PROGRESS"),
            approved.clone(),
            true,
            Processing,
            None,
        ),
        (
            409,
            error("RESOURCE_CONFLICT", ""),
            approved.clone(),
            true,
            Processing,
            None,
        ),
        (401, login_error(), approved.clone(), true, Processing, None),
        (
            403,
            error("NOT_AUTHORIZED", "PERMISSION_DENIED"),
            approved.clone(),
            true,
            Processing,
            None,
        ),
        (
            500,
            error("INTERNAL_SERVER_ERROR", ""),
            approved.clone(),
            true,
            Processing,
            None,
        ),
        (201, json!({}), approved.clone(), true, Processing, None),
    ];
    for body in foreign_bodies() {
        cases.push((422, body.clone(), approved.clone(), true, Processing, None));
        cases.push((404, body, approved.clone(), true, Processing, None));
    }
    for (status, answer, after, calls_ended, expected, decline) in cases {
        system.answers(ORDER, &[(200, &approved), (200, &after)]);
        system.answers(CAPTURE_ORDER, &[(status, &answer)]);
        let update = system.fetch(&page(), calls_ended).await;
        let update = update.with_context(|| format!("{status} {answer}"))?;
        let update = update.context("no payment")?;
        let got = (update.status, update.decline);
        ensure!(got == (expected, decline), "{status} {answer}: {update:?}");
    }
    Ok(())
}

#[tokio::test]
async fn only_an_order_that_is_not_approved_is_canceled() -> Result<()> {
    use PaymentStatus::{Canceled, Declined, Processing, Succeeded};
    let system = scripted().await?;
    let mut other = order("CREATED");
    other["purchase_units"][0]["custom_id"] = json!("pay_1");
    for (found, canceled, returned) in [
        (order("CREATED"), Canceled, Declined),
        (order("SAVED"), Canceled, Declined),
        (order("PAYER_ACTION_REQUIRED"), Canceled, Declined),
        (order("VOIDED"), Canceled, Declined),
        (order("APPROVED"), Processing, Processing),
        (order("SOMETHING_NEW"), Processing, Processing),
        (completed(), Succeeded, Succeeded),
        (
            other,
            PaymentStatus::RequiresVerification,
            PaymentStatus::RequiresVerification,
        ),
    ] {
        system.answers(ORDER, &[(200, &found)]);
        let update = system.cancel(&page()).await?.context("no payment")?;
        ensure!(update.status == canceled, "{found}: {update:?}");
        let query = [("paypal", "canceled"), ("token", "5O190127TN364715T")];
        let update = system.handle_return(&page(), &query).await?;
        let update = update.context("no payment")?;
        ensure!(update.status == returned, "{found}: {update:?}");
    }
    let missing = error("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID");
    system.answers(ORDER, &[(404, &missing)]);
    ensure!(system.cancel(&page()).await?.is_none());
    system.answers(ORDER, &[(404, &json!({}))]);
    ensure!(meaning(&system.cancel(&page()).await) == "unknown");
    let seen = system.seen();
    ensure!(!seen.iter().any(|seen| seen.call == CAPTURE_ORDER));
    Ok(())
}

#[tokio::test]
async fn the_login_is_checked_without_the_cache() -> Result<()> {
    let system = scripted().await?;
    let check = async || system.connector().check_login(&system.ctx()).await;
    ensure!(meaning(&check().await) == "answered");
    let body = json!({ "error": "invalid_client", "error_description": "Unknown client." });
    system.answers("POST /v1/oauth2/token", &[(401, &body)]);
    ensure!(meaning(&check().await) == "not sent");
    system.answers("POST /v1/oauth2/token", &[(401, &json!({}))]);
    ensure!(meaning(&check().await) == "unknown");
    Ok(())
}
