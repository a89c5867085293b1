//! PayPal's webhooks.

use super::scripted;
use super::system::{PAYMENT, REFUND};
use anyhow::{Context, Result, bail, ensure};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use std::time::Duration;
use till_server::connectors::{
    Account, Cache, Ctx, PaymentKey, RefundOutcome, WebhookError, WebhookEvent, WebhookMessage,
    by_kind, http_client,
};
use till_server::domain::Timing;
use till_shared::dispute::DisputeStatus;
use till_tests::providers::mock::{Entry, State};
use till_tests::providers::paypal::PayPal;
use till_tests::providers::{Dispute, Message, PaymentSystem, Plan, now};

const CAPTURE: &str = "CFB23DD1404B23858";

type Parsed = Result<Vec<WebhookMessage>, WebhookError>;

/// Parses a webhook with the account at a mock.
async fn parse(system: &PayPal, message: &Message) -> Result<Parsed> {
    let account = Account {
        kind: "paypal".into(),
        id: "main".into(),
        credentials: system.credentials().to_string().into(),
    };
    let ctx = Ctx {
        http: &http_client(Duration::from_secs(5))?,
        cache: &Cache::default(),
        account: &account,
        known: None,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &message.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
    }
    let connector = by_kind("paypal").context("no connector")?;
    let (body, timing) = (message.body.as_bytes(), Timing::at(now() * 1000));
    Ok(connector.parse_webhook(&ctx, &headers, body, timing).await)
}

/// The only event of a webhook.
async fn event(system: &PayPal, message: &Message) -> Result<WebhookEvent> {
    let mut messages = parse(system, message).await??;
    let mut message = messages.pop().context("no message")?;
    ensure!(messages.is_empty() && message.events.len() == 1);
    message.events.pop().context("no event")
}

/// A mock with a captured payment.
async fn paid() -> Result<PayPal> {
    let system = PayPal::start().await?;
    system.mock.entries().push(Entry {
        ours: PAYMENT.into(),
        reference: Entry::unique(PAYMENT).to_uppercase(),
        amount: 1999,
        currency: "EUR".into(),
        state: State::Paid,
        plan: Plan::Approve,
        return_url: String::new(),
        refunds: vec![],
        dispute: None,
        reversed: false,
    });
    Ok(system)
}

#[tokio::test]
async fn a_webhook_that_names_no_payment_of_ours_costs_no_call() -> Result<()> {
    let system = scripted().await?;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("paypal-transmission-id", "1".to_owned()),
        (
            "paypal-transmission-time",
            "2027-01-15T08:00:00Z".to_owned(),
        ),
        ("paypal-transmission-sig", "AAAA".to_owned()),
        ("paypal-auth-algo", "SHA256withRSA".to_owned()),
        ("paypal-cert-url", format!("{}/certificate", system.base)),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(&value)?,
        );
    }
    let parse = async |kind: &str, resource: Value| {
        let body = json!({ "id": "WH-1", "event_type": kind, "resource": resource }).to_string();
        let (ctx, timing) = (system.ctx(), Timing::at(1_800_000_000_000));
        let connector = system.connector();
        connector
            .parse_webhook(&ctx, &headers, body.as_bytes(), timing)
            .await
    };
    let other = json!({ "id": "3C6", "status": "COMPLETED", "custom_id": "order 42" });
    for (kind, resource) in [
        ("PAYMENT.CAPTURE.COMPLETED", other),
        (
            "PAYMENT.CAPTURE.COMPLETED",
            json!({ "id": "3C6", "status": "COMPLETED" }),
        ),
        (
            "CHECKOUT.ORDER.APPROVED",
            json!({ "purchase_units": [{ "custom_id": "42" }] }),
        ),
        ("CUSTOMER.DISPUTE.CREATED", json!({ "dispute_id": "PP-1" })),
        (
            "BILLING.SUBSCRIPTION.CREATED",
            json!({ "custom_id": PAYMENT }),
        ),
    ] {
        let messages = parse(kind, resource).await?;
        ensure!(messages.is_empty(), "{kind}");
    }
    ensure!(system.seen().is_empty());
    // One that names a payment of ours is verified.
    let ours = json!({ "id": "3C6", "status": "COMPLETED", "custom_id": PAYMENT });
    ensure!(parse("PAYMENT.CAPTURE.COMPLETED", ours).await.is_err());
    ensure!(
        system
            .seen()
            .iter()
            .any(|seen| seen.call == "GET /certificate")
    );
    Ok(())
}

/// The certificate of a dispute's webhook comes alone: PayPal is asked whether it signed it.
#[tokio::test]
async fn a_certificate_alone_is_believed_if_paypal_says_so() -> Result<()> {
    let system = paid().await?;
    let message = system.dispute(PAYMENT, Dispute::Opened)?;
    let url = |m: &Message| m.headers.iter().any(|(_, value)| value.ends_with("/alone"));
    ensure!(url(&message), "{message:?}");
    event(&system, &message).await?;
    let forged = [
        message.altered("19.99", "0.01"),
        message.with("paypal-transmission-sig", "AAAA"),
        message.with("paypal-transmission-id", "2"),
    ];
    for forged in forged {
        let result = parse(&system, &forged).await?;
        ensure!(
            matches!(result, Err(WebhookError::InvalidSignature(_))),
            "{forged:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn disputes_and_reversals_name_the_capture() -> Result<()> {
    let system = paid().await?;
    for (stage, expected) in [
        (Dispute::Opened, DisputeStatus::NeedsResponse),
        (Dispute::Won, DisputeStatus::Won),
        (Dispute::Lost, DisputeStatus::Lost),
    ] {
        match event(&system, &system.dispute(PAYMENT, stage)?).await? {
            WebhookEvent::Dispute(PaymentKey::Theirs(capture), update) => {
                ensure!(capture == CAPTURE, "{capture}");
                ensure!(update.status == expected, "{update:?}");
                ensure!(update.money.is_some_and(|m| m.amount == 1999), "{update:?}");
                let due = update.respond_by.is_some();
                ensure!(due == (stage == Dispute::Opened), "{update:?}");
            }
            _ => bail!("no dispute"),
        }
    }
    let message = system.reversal(PAYMENT)?.context("no reversal")?;
    match event(&system, &message).await? {
        WebhookEvent::Reversal(PaymentKey::Theirs(capture), reversal) => {
            ensure!(capture == CAPTURE, "{capture}");
            ensure!(
                reversal.money.is_some_and(|m| m.amount == 1999),
                "{reversal:?}"
            );
        }
        _ => bail!("no reversal"),
    }
    Ok(())
}

#[tokio::test]
async fn a_refund_is_ours_by_its_id() -> Result<()> {
    let system = paid().await?;
    let dashboard = system.dashboard_refund(PAYMENT, 500)?;
    match event(&system, &dashboard).await? {
        WebhookEvent::DashboardRefund(PaymentKey::Theirs(capture), refund) => {
            ensure!(capture == CAPTURE, "{capture}");
            ensure!(refund.money.is_some_and(|m| m.amount == 500), "{refund:?}");
            ensure!(
                matches!(refund.outcome, RefundOutcome::Succeeded(_)),
                "{refund:?}"
            );
        }
        _ => bail!("no refund of the dashboard"),
    }
    system.mock.with(PAYMENT, |entry| {
        for refund in &mut entry.refunds {
            refund.ours = REFUND.into();
        }
    });
    match event(&system, &system.refund_failed(REFUND)?).await? {
        WebhookEvent::Refund(id, RefundOutcome::Failed(_)) => ensure!(id.as_str() == REFUND),
        _ => bail!("no failed refund"),
    }
    Ok(())
}
