//! Outcomes that are unknown, and payments whose creation was not answered.

use super::fixture::{Fixture, Reply};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use till_server::connectors::{CallError, PaymentRef, Reference};
use till_shared::payment::{Method, PaymentStatus};

fn is_unknown<T>(result: &Result<T, CallError>) -> bool {
    matches!(result, Err(CallError::Unknown(_)))
}

#[tokio::test]
async fn an_error_that_is_not_adyens_is_unknown() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    for (status, body) in [
        (401, ""),
        (403, "<html>Forbidden</html>"),
        (404, r#"{"message":"no route"}"#),
        (413, ""),
        (422, "{}"),
        (
            422,
            r#"{"errorCode":"101","message":"Invalid card number"}"#,
        ),
    ] {
        fixture.script(&[Reply::Text(status, body.into())]);
        ensure!(is_unknown(&fixture.create().await), "{status} {body}");
        fixture.script(&[Reply::Text(status, body.into())]);
        ensure!(is_unknown(&fixture.refund().await), "{status} {body}");
    }
    Ok(())
}

#[tokio::test]
async fn documented_errors_are_believed() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    for status in [401, 403] {
        fixture.script(&[Reply::error(status, "901")]);
        let created = fixture.create().await;
        ensure!(matches!(created, Err(CallError::NotSent(_))), "{created:?}");
        fixture.script(&[Reply::error(status, "901")]);
        let refunded = fixture.refund().await;
        ensure!(
            matches!(refunded, Err(CallError::NotSent(_))),
            "{refunded:?}"
        );
    }
    fixture.script(&[Reply::error(422, "14_030")]);
    let created = fixture.create().await;
    ensure!(matches!(created, Err(CallError::Refused(_))), "{created:?}");
    fixture.script(&[Reply::error(422, "704")]);
    ensure!(is_unknown(&fixture.create().await), "in progress");
    fixture.script(&[Reply::error(422, "101")]);
    let declined = fixture.create().await?;
    ensure!(declined.status == PaymentStatus::Declined, "{declined:?}");
    Ok(())
}

#[tokio::test]
async fn after_a_time_out_no_error_means_that_nothing_was_taken() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    for second in [
        Reply::error(401, "000"),
        Reply::error(422, "14_030"),
        Reply::error(422, "101"),
        Reply::Text(422, String::new()),
        Reply::Text(503, String::new()),
    ] {
        fixture.script(&[Reply::Late, second.clone()]);
        ensure!(is_unknown(&fixture.create().await));
        fixture.script(&[Reply::Late, second]);
        ensure!(is_unknown(&fixture.refund().await));
    }
    let limited = vec![Reply::Text(429, String::new()); 4];
    fixture.script(&[&[Reply::Late][..], &limited].concat());
    ensure!(is_unknown(&fixture.create().await));
    // The idempotency key brings the outcome of the first attempt.
    let refused = json!({ "resultCode": "Refused", "refusalReasonCode": "12" });
    fixture.script(&[Reply::Late, Reply::json(200, refused)]);
    let declined = fixture.create().await?;
    ensure!(declined.status == PaymentStatus::Declined, "{declined:?}");
    let keys: Vec<_> = fixture.requests().into_iter().map(|r| r.key).collect();
    ensure!(keys == [fixture.payment.as_str(); 2], "{keys:?}");
    Ok(())
}

#[tokio::test]
async fn a_success_without_an_amount_is_not_believed() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    let body = json!({
        "pspReference": "993617895204576J", "resultCode": "Authorised",
        "merchantReference": fixture.payment,
    });
    fixture.script(&[Reply::json(200, body)]);
    let update = fixture.create().await?;
    ensure!(update.status == PaymentStatus::Processing, "{update:?}");
    let known = Some(Reference::payment("993617895204576J"));
    ensure!(update.reference == known, "{update:?}");
    Ok(())
}

fn received() -> Reply {
    let body = json!({ "pspReference": "993617894906488A", "status": "received" });
    Reply::json(201, body)
}

#[tokio::test]
async fn an_unanswered_payment_is_canceled_by_our_id() -> Result<()> {
    let fixture = Fixture::new(&[received(), received()]).await?;
    for _ in 0..2 {
        let update = fixture.fetch(&fixture.payment_ref(None)).await?;
        let update = update.context("the payment is lost")?;
        ensure!(update.status == PaymentStatus::Created, "{update:?}");
    }
    let requests = fixture.requests();
    ensure!(requests.len() == 2, "{requests:?}");
    ensure!(requests[0].path == "/cancels", "{requests:?}");
    ensure!(requests[0].body["paymentReference"] == fixture.payment.as_str());
    // The second poll repeats the request.
    ensure!(requests[0].key == requests[1].key && !requests[0].key.is_empty());
    Ok(())
}

#[tokio::test]
async fn only_an_unanswered_payment_is_canceled_by_a_poll() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    let known = Reference::payment("QFQTPCQ8HXSKGK82");
    let unanswered = fixture.payment_ref(None);
    let a_day_ms = 24 * 3_600_000;
    for payment in [
        fixture.payment_ref(Some(&known)),
        // A call is still on its way.
        PaymentRef {
            calls_ended: false,
            ..fixture.payment_ref(None)
        },
        // Adyen no longer looks for it.
        PaymentRef {
            created_at: unanswered.created_at - a_day_ms,
            ..fixture.payment_ref(None)
        },
    ] {
        let update = fixture.fetch(&payment).await?.context("lost")?;
        ensure!(update.status == PaymentStatus::Created, "{update:?}");
        ensure!(fixture.requests().is_empty(), "{:?}", fixture.requests());
    }
    Ok(())
}

#[tokio::test]
async fn a_payment_with_a_redirect_is_known_by_our_id() -> Result<()> {
    let redirect = json!({
        "resultCode": "RedirectShopper",
        "action": { "type": "redirect", "method": "GET", "url": "https://bank.example" },
    });
    let fixture = Fixture::new(&[Reply::json(200, redirect)]).await?;
    let client = super::fixture::client();
    let update = fixture
        .create_as(Method::Ideal, None, &client, None)
        .await?;
    ensure!(
        update.status == PaymentStatus::RequiresVerification,
        "{update:?}"
    );
    let reference = update.reference.context("no reference")?;
    // A poll does not cancel a payment while the buyer confirms it.
    fixture
        .fetch(&fixture.payment_ref(Some(&reference)))
        .await?;
    ensure!(fixture.requests().len() == 1, "{:?}", fixture.requests());
    // The buyer's cancellation does, and waits for Adyen's word.
    fixture.script(&[received()]);
    let canceled = fixture
        .cancel(&fixture.payment_ref(Some(&reference)))
        .await?;
    let canceled = canceled.context("no update")?;
    ensure!(canceled.status == PaymentStatus::Processing, "{canceled:?}");
    let requests = fixture.requests();
    ensure!(requests[0].path == "/cancels", "{requests:?}");
    ensure!(requests[0].body["paymentReference"] == fixture.payment.as_str());
    fixture.script(&[Reply::Late, Reply::Late]);
    let unknown = fixture.cancel(&fixture.payment_ref(Some(&reference))).await;
    ensure!(is_unknown(&unknown), "{unknown:?}");
    Ok(())
}
