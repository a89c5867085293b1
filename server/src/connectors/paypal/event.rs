//! What PayPal's webhooks report. <https://developer.paypal.com/api/rest/webhooks/event-names/>

use super::dispute::Dispute;
use super::model::{Capture, Refund, Unit};
use crate::connectors::types::{DashboardRefund, Reversal, WebhookEvent};
use serde::Deserialize;
use serde_json::Value;

/// A webhook's body.
#[derive(Deserialize)]
pub struct Event {
    pub id: String,
    event_type: EventType,
    #[serde(default)]
    resource: Value,
}

/// What happened to the resource of a webhook.
#[derive(Deserialize)]
enum EventType {
    #[serde(rename = "PAYMENT.CAPTURE.COMPLETED")]
    CaptureCompleted,
    #[serde(rename = "PAYMENT.CAPTURE.PENDING")]
    CapturePending,
    #[serde(rename = "PAYMENT.CAPTURE.DECLINED")]
    CaptureDeclined,
    #[serde(rename = "PAYMENT.CAPTURE.DENIED")]
    CaptureDenied,
    #[serde(rename = "PAYMENT.CAPTURE.REFUNDED")]
    CaptureRefunded,
    #[serde(rename = "PAYMENT.CAPTURE.REVERSED")]
    CaptureReversed,
    #[serde(rename = "PAYMENT.REFUND.PENDING")]
    RefundPending,
    #[serde(rename = "PAYMENT.REFUND.FAILED")]
    RefundFailed,
    #[serde(rename = "CUSTOMER.DISPUTE.CREATED")]
    DisputeCreated,
    #[serde(rename = "CUSTOMER.DISPUTE.UPDATED")]
    DisputeUpdated,
    #[serde(rename = "CUSTOMER.DISPUTE.RESOLVED")]
    DisputeResolved,
    #[serde(rename = "CHECKOUT.ORDER.APPROVED")]
    OrderApproved,
    #[serde(rename = "CHECKOUT.ORDER.COMPLETED")]
    OrderCompleted,
    #[serde(rename = "CHECKOUT.PAYMENT-APPROVAL.REVERSED")]
    ApprovalReversed,
    #[serde(other)]
    Other,
}

/// The resource of a webhook about an order.
#[derive(Deserialize)]
struct OrderResource {
    #[serde(default)]
    purchase_units: Vec<Unit>,
}

impl Event {
    /// What the webhook reports; empty if it names no payment of this server.
    ///
    /// # Errors
    /// When the resource is not in the documented format.
    pub fn reported(self) -> Result<Vec<WebhookEvent>, serde_json::Error> {
        let resource = self.resource;
        Ok(match self.event_type {
            EventType::CaptureCompleted
            | EventType::CapturePending
            | EventType::CaptureDeclined
            | EventType::CaptureDenied => of_capture(serde_json::from_value(resource)?),
            EventType::CaptureRefunded | EventType::RefundPending => {
                of_refund(serde_json::from_value(resource)?, false)
            }
            EventType::RefundFailed => of_refund(serde_json::from_value(resource)?, true),
            EventType::CaptureReversed => of_reversal(serde_json::from_value(resource)?),
            EventType::DisputeCreated | EventType::DisputeUpdated | EventType::DisputeResolved => {
                let dispute: Dispute = serde_json::from_value(resource)?;
                let updates = dispute.updates().into_iter();
                return Ok(updates
                    .map(|(payment, update)| WebhookEvent::Dispute(payment, update))
                    .collect());
            }
            // An approved order is captured, unless its payment has ended.
            EventType::OrderApproved | EventType::OrderCompleted | EventType::ApprovalReversed => {
                of_order(serde_json::from_value(resource)?)
            }
            EventType::Other => None,
        }
        .into_iter()
        .collect())
    }
}

fn of_capture(capture: Capture) -> Option<WebhookEvent> {
    let payment = capture.custom_id.as_deref()?.parse().ok()?;
    Some(WebhookEvent::Payment(payment, capture.into()))
}

fn of_refund(refund: Refund, failed: bool) -> Option<WebhookEvent> {
    let outcome = if failed {
        refund.failed()
    } else {
        refund.outcome()?
    };
    if let Some(id) = refund.our_id() {
        return Some(WebhookEvent::Refund(id, outcome));
    }
    let payment = refund.payment_key()?;
    let refund = DashboardRefund {
        reference: refund.id?,
        money: refund.amount.and_then(|amount| amount.money()),
        outcome,
    };
    Some(WebhookEvent::DashboardRefund(payment, refund))
}

fn of_reversal(reversal: Refund) -> Option<WebhookEvent> {
    let payment = reversal.payment_key()?;
    let reversal = Reversal {
        reference: reversal.id?,
        money: reversal.amount.and_then(|amount| amount.money()),
    };
    Some(WebhookEvent::Reversal(payment, reversal))
}

fn of_order(order: OrderResource) -> Option<WebhookEvent> {
    let mut ids = order.purchase_units.into_iter().filter_map(|u| u.custom_id);
    ids.find_map(|id| id.parse().ok())
        .map(WebhookEvent::Refetch)
}
