//! The buyer's return. The result that the buyer brings may belong to another payment.

use super::fixture::{Fixture, Reply};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use till_server::connectors::{CallError, PaymentUpdate, Reference};
use till_shared::payment::PaymentStatus;

/// The update after a response to `/payments/details`.
async fn returned(fixture: &Fixture, response: Value) -> Result<PaymentUpdate> {
    fixture.script(&[Reply::json(200, response)]);
    let update = fixture.handle_return("X6XtfGC3!Y").await?;
    update.context("no update")
}

#[tokio::test]
async fn only_a_response_that_names_our_payment_and_amount_decides() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    let ours = fixture.payment.as_str();
    let amount = json!({ "value": 1999, "currency": "EUR" });
    let psp = "V4HZ4RBFJGXXGN82";
    for foreign in [
        json!({ "resultCode": "Authorised", "pspReference": psp }),
        json!({ "resultCode": "Authorised", "pspReference": psp, "amount": amount }),
        json!({ "resultCode": "Authorised", "pspReference": psp, "amount": amount,
            "merchantReference": "pay_01a20f6cc88c704985832b4041dd32c0" }),
        json!({ "resultCode": "Refused", "pspReference": psp, "refusalReasonCode": "12" }),
        json!({ "resultCode": "Cancelled", "pspReference": psp,
            "merchantReference": "pay_01a20f6cc88c704985832b4041dd32c0" }),
        json!({ "resultCode": "RedirectShopper",
            "action": { "type": "redirect", "method": "GET", "url": "https://bank.example" } }),
    ] {
        let update = returned(&fixture, foreign.clone()).await?;
        ensure!(update.status == PaymentStatus::Processing, "{foreign}");
        // Another payment's reference is never stored on this one.
        ensure!(update.reference.is_none(), "{foreign}");
    }
    let own = |result: &str, amount: &Value| {
        json!({ "resultCode": result, "pspReference": psp, "merchantReference": ours,
            "amount": amount, "refusalReasonCode": "12" })
    };
    let paid = returned(&fixture, own("Authorised", &amount)).await?;
    ensure!(paid.status == PaymentStatus::Succeeded, "{paid:?}");
    ensure!(paid.reference == Some(Reference::payment(psp)), "{paid:?}");
    let unproved = returned(&fixture, own("Authorised", &Value::Null)).await?;
    ensure!(unproved.status == PaymentStatus::Processing, "{unproved:?}");
    let declined = returned(&fixture, own("Refused", &Value::Null)).await?;
    ensure!(declined.status == PaymentStatus::Declined, "{declined:?}");
    Ok(())
}

#[tokio::test]
async fn after_details_with_an_unknown_outcome_the_payment_is_processing() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    for replies in [
        vec![Reply::Late, Reply::Late],
        vec![Reply::Late, Reply::error(422, "14_006")],
        vec![
            Reply::Text(500, String::new()),
            Reply::Text(502, String::new()),
        ],
        vec![Reply::Text(403, "<html>Forbidden</html>".into())],
    ] {
        fixture.script(&replies);
        let update = fixture.handle_return("X6XtfGC3!Y").await?.context("none")?;
        ensure!(update.status == PaymentStatus::Processing, "{update:?}");
        ensure!(update.reference.is_none(), "{update:?}");
    }
    // The result is not one that Adyen issued: the payment waits for the right one.
    fixture.script(&[Reply::error(422, "14_006")]);
    let refused = fixture.handle_return("made up").await;
    ensure!(matches!(refused, Err(CallError::Refused(_))), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn another_result_has_another_idempotency_key() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    let authorised = Reply::json(200, json!({ "resultCode": "Authorised" }));
    fixture.script(&[authorised.clone(), authorised.clone(), authorised]);
    for result in ["one", "another", "one"] {
        fixture.handle_return(result).await?;
    }
    let keys: Vec<_> = fixture.requests().into_iter().map(|r| r.key).collect();
    let [first, second, third] = &keys[..] else {
        anyhow::bail!("{keys:?}")
    };
    ensure!(first == third && first != second, "{keys:?}");
    ensure!(keys.iter().all(|key| key.len() <= 64), "{keys:?}");
    Ok(())
}
