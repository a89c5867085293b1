//! Adyen's webhooks.

use super::fixture::{Fixture, money};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use till_server::connectors::{
    DashboardRefund, DisputeUpdate, PaymentKey, RefundOutcome, Reversal, WebhookError, WebhookEvent,
};
use till_shared::dispute::DisputeStatus;
use till_shared::payment::PaymentStatus;
use till_tests::providers::adyen::webhooks::{Event, batch};

/// The payment's id at Adyen.
const PSP: &str = "9913140798220028";
/// The id of what happened later.
const LATER: &str = "QFQTPCQ8HXSKGK82";
const REFUND: &str = "rfd_01a20f6cc88c704985832b4041dd32c0";
const OTHER_KEY: &str = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF";

/// A message about the fixture's payment after it was made.
fn later<'a>(fixture: &'a Fixture, code: &'a str) -> Event<'a> {
    Event {
        code,
        psp: LATER,
        original: PSP,
        reference: fixture.payment.as_str(),
        amount: 500,
        ..Event::default()
    }
}

async fn events(fixture: &Fixture, event: &Event<'_>) -> Result<Vec<WebhookEvent>> {
    fixture.events(&batch(&[event.item()])).await
}

#[tokio::test]
async fn one_item_that_cannot_be_used_does_not_fail_the_batch() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    let paid = Event {
        reference: fixture.payment.as_str(),
        ..Event::default()
    };
    let foreign = Event {
        reference: "order-17",
        ..Event::default()
    };
    let other_merchant = Event {
        merchant: "OtherMerchant",
        ..paid.clone()
    };
    let mut unreadable = paid.item();
    unreadable["NotificationRequestItem"]["amount"] = "19.99 EUR".into();
    let items = [
        unreadable,
        json!({ "Other": {} }),
        Value::Null,
        other_merchant.item(),
        foreign.item(),
        paid.item(),
    ];
    match &fixture.events(&batch(&items)).await?[..] {
        [WebhookEvent::Payment(id, update)] => {
            ensure!(*id == fixture.payment && update.status == PaymentStatus::Succeeded);
            ensure!(update.money == Some(money(1999)), "{update:?}");
        }
        events => bail!("{} events", events.len()),
    }
    let forged = Event {
        key: OTHER_KEY,
        ..paid.clone()
    };
    for items in [[paid.item(), forged.item()], [forged.item(), paid.item()]] {
        let rejected = fixture.parse(&batch(&items)).await;
        ensure!(matches!(rejected, Err(WebhookError::InvalidSignature(_))));
    }
    Ok(())
}

#[tokio::test]
async fn both_keys_are_accepted_while_the_key_changes() -> Result<()> {
    let mut fixture = Fixture::new(&[]).await?;
    let reference = fixture.payment.to_string();
    let signed = |key: &str| {
        let event = Event {
            key,
            reference: &reference,
            ..Event::default()
        };
        batch(&[event.item()])
    };
    let before = fixture.credentials["hmac_key"].clone();
    let before = before.as_str().context("no key")?;
    ensure!(fixture.parse(&signed(OTHER_KEY)).await.is_err());
    fixture.credentials["hmac_key"] = OTHER_KEY.into();
    ensure!(fixture.parse(&signed(before)).await.is_err());
    fixture.credentials["hmac_key_previous"] = before.into();
    for key in [before, OTHER_KEY] {
        ensure!(fixture.events(&signed(key)).await?.len() == 1);
    }
    ensure!(fixture.parse(&signed("00ff")).await.is_err());
    let mut wrong = fixture.credentials.clone();
    wrong["hmac_key_previous"] = "not hexadecimal".into();
    ensure!(Fixture::at(wrong).is_err());
    Ok(())
}

#[tokio::test]
async fn a_cancellation_ends_the_payment() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    for code in ["TECHNICAL_CANCEL", "CANCELLATION"] {
        match &events(&fixture, &later(&fixture, code)).await?[..] {
            [
                WebhookEvent::Reversal(PaymentKey::Ours(ours), reversal),
                WebhookEvent::Payment(payment, update),
            ] => {
                ensure!(*ours == fixture.payment && *payment == fixture.payment);
                ensure!(reversal.reference == LATER && reversal.money.is_none());
                ensure!(update.status == PaymentStatus::Canceled, "{update:?}");
            }
            events => bail!("{code}: {} events", events.len()),
        }
    }
    // A captured payment is not canceled: its own message reports it.
    let captured = Event {
        success: false,
        ..later(&fixture, "TECHNICAL_CANCEL")
    };
    ensure!(events(&fixture, &captured).await?.is_empty());
    let none = Event {
        original: "",
        amount: 0,
        ..captured
    };
    match &events(&fixture, &none).await?[..] {
        [WebhookEvent::Payment(id, update)] => {
            ensure!(*id == fixture.payment && update.status == PaymentStatus::Failed);
        }
        events => bail!("{} events", events.len()),
    }
    Ok(())
}

async fn refund(fixture: &Fixture, event: &Event<'_>) -> Result<RefundOutcome> {
    match events(fixture, event).await?.pop() {
        Some(WebhookEvent::Refund(id, outcome)) => {
            ensure!(id.as_str() == REFUND);
            Ok(outcome)
        }
        _ => bail!("no refund of ours"),
    }
}

async fn dashboard_refund(
    fixture: &Fixture,
    event: &Event<'_>,
) -> Result<(PaymentKey, DashboardRefund)> {
    match events(fixture, event).await?.pop() {
        Some(WebhookEvent::DashboardRefund(payment, refund)) => Ok((payment, refund)),
        _ => bail!("no refund from the Customer Area"),
    }
}

#[tokio::test]
async fn refunds_end_and_fail_later() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    let ours = |code, success, reason| Event {
        reference: REFUND,
        success,
        reason,
        ..later(&fixture, code)
    };
    let succeeded = RefundOutcome::Succeeded(LATER.into());
    let made = refund(&fixture, &ours("REFUND", true, "")).await?;
    ensure!(made == succeeded, "{made:?}");
    for (event, reason) in [
        (ours("REFUND", false, "No balance"), "No balance"),
        (
            ours("REFUND_FAILED", true, "Refund Failed"),
            "Refund Failed",
        ),
        (ours("REFUNDED_REVERSED", true, ""), "REFUNDED_REVERSED"),
    ] {
        let failed = refund(&fixture, &event).await?;
        ensure!(failed == RefundOutcome::Failed(reason.into()), "{failed:?}");
    }
    Ok(())
}

#[tokio::test]
async fn refunds_from_the_customer_area_are_taken_over() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    let theirs = PaymentKey::Theirs(PSP.into());
    for (reference, key) in [
        ("Refund by support", theirs.clone()),
        ("", theirs),
        (
            fixture.payment.as_str(),
            PaymentKey::Ours(fixture.payment.clone()),
        ),
    ] {
        let made = Event {
            reference,
            ..later(&fixture, "REFUND")
        };
        let (payment, refund) = dashboard_refund(&fixture, &made).await?;
        ensure!(payment == key, "{payment:?}");
        ensure!(refund.reference == LATER && refund.money == Some(money(500)));
        ensure!(refund.outcome == RefundOutcome::Succeeded(LATER.into()));
        let failed = Event {
            code: "REFUND_FAILED",
            reason: "Refund Failed",
            ..made
        };
        let (payment, refund) = dashboard_refund(&fixture, &failed).await?;
        ensure!(payment == key && refund.reference == LATER);
        ensure!(refund.outcome == RefundOutcome::Failed("Refund Failed".into()));
    }
    // Nothing names a payment.
    let nothing = Event {
        reference: "order-17",
        original: "",
        ..later(&fixture, "REFUND")
    };
    ensure!(events(&fixture, &nothing).await?.is_empty());
    Ok(())
}

async fn reversal(fixture: &Fixture, event: &Event<'_>) -> Result<(PaymentKey, Reversal)> {
    match events(fixture, event).await?.pop() {
        Some(WebhookEvent::Reversal(payment, reversal)) => Ok((payment, reversal)),
        _ => bail!("no reversal"),
    }
}

#[tokio::test]
async fn a_failed_capture_takes_its_amount_back() -> Result<()> {
    let fixture = Fixture::new(&[]).await?;
    let failed = later(&fixture, "CAPTURE_FAILED");
    let (payment, taken) = reversal(&fixture, &failed).await?;
    ensure!(payment == PaymentKey::Ours(fixture.payment.clone()));
    ensure!(taken.reference == LATER && taken.money == Some(money(500)));
    let by_theirs = Event {
        reference: "capture-1",
        ..failed
    };
    let (payment, _) = reversal(&fixture, &by_theirs).await?;
    ensure!(payment == PaymentKey::Theirs(PSP.into()), "{payment:?}");
    Ok(())
}

async fn dispute(fixture: &Fixture, event: &Event<'_>) -> Result<DisputeUpdate> {
    match events(fixture, event).await?.pop() {
        Some(WebhookEvent::Dispute(payment, update)) => {
            ensure!(payment == PaymentKey::Ours(fixture.payment.clone()));
            ensure!(update.reference == LATER && update.money == Some(money(500)));
            Ok(update)
        }
        _ => bail!("no dispute"),
    }
}

#[tokio::test]
async fn all_messages_about_a_dispute_have_one_reference() -> Result<()> {
    use DisputeStatus::{Lost, NeedsResponse, UnderReview, Won};
    let fixture = Fixture::new(&[]).await?;
    for (code, stage, status) in [
        ("REQUEST_FOR_INFORMATION", "Unresponded", NeedsResponse),
        ("REQUEST_FOR_INFORMATION", "Responded", UnderReview),
        ("NOTIFICATION_OF_CHARGEBACK", "", NeedsResponse),
        ("NOTIFICATION_OF_CHARGEBACK", "Undefended", NeedsResponse),
        ("NOTIFICATION_OF_CHARGEBACK", "Pending", UnderReview),
        ("CHARGEBACK", "Undefended", NeedsResponse),
        ("CHARGEBACK", "Accepted", Lost),
        ("CHARGEBACK", "Lost", Lost),
        ("INFORMATION_SUPPLIED", "Pending", UnderReview),
        ("CHARGEBACK_REVERSED", "Pending", UnderReview),
        ("CHARGEBACK_REVERSED", "", Won),
        ("ISSUER_RESPONSE_TIMEFRAME_EXPIRED", "Won", Won),
        ("DISPUTE_DEFENSE_PERIOD_ENDED", "Lost", Lost),
        ("SECOND_CHARGEBACK", "", Lost),
        ("PREARBITRATION_OPEN", "", NeedsResponse),
        ("PREARBITRATION_WON", "", Won),
        ("PREARBITRATION_LOST", "", Lost),
    ] {
        // The published examples of some messages do not name Adyen's payment.
        let event = Event {
            original: "",
            reason: "Fraud",
            additional: json!({
                "disputeStatus": stage, "defensePeriodEndsAt": "2021-07-31T03:03:07+02:00",
            }),
            ..later(&fixture, code)
        };
        let update = dispute(&fixture, &event).await?;
        ensure!(update.status == status, "{code} {stage}: {update:?}");
        ensure!(update.reason.as_deref() == Some("Fraud"), "{update:?}");
        ensure!(update.respond_by == Some(1_627_693_387_000), "{update:?}");
    }
    let defended = Event {
        additional: json!({ "autoDefended": "true", "chargebackReasonCode": " 4853" }),
        ..later(&fixture, "NOTIFICATION_OF_CHARGEBACK")
    };
    let update = dispute(&fixture, &defended).await?;
    ensure!(update.status == UnderReview, "{update:?}");
    ensure!(update.reason.as_deref() == Some("4853"), "{update:?}");
    ensure!(update.respond_by.is_none(), "{update:?}");
    // An alert moves no money.
    let alert = later(&fixture, "NOTIFICATION_OF_FRAUD");
    ensure!(events(&fixture, &alert).await?.is_empty());
    Ok(())
}
