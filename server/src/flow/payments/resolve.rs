//! An operator ends a payment whose outcome no payment system will report.

use super::transition::{Decision, apply_audited};
use crate::app::App;
use crate::connectors::{PaymentUpdate, Reference};
use crate::flow::audit::Actor;
use crate::flow::error::{Error, Result};
use crate::views;
use serde_json::json;
use till_shared::id::PaymentId;
use till_shared::payment::{Payment, PaymentStatus};
use till_shared::problem::ProblemType;
use till_shared::text::{Layout, check_shown};

/// The longest reason and reference, in characters.
const MAX_TEXT: usize = 500;

/// What an operator found out about a payment.
pub struct Resolution {
    /// `succeeded` or `failed`.
    pub status: PaymentStatus,
    /// The payment system's id of the payment, which refunds need.
    pub reference: Option<String>,
    /// How the operator knows, for the audit log.
    pub reason: String,
}

/// Ends a payment that is processed without an end: one that is held for another amount, or whose
/// outcome stays unknown. The change is the same as if the payment system had reported it, and is
/// written to the audit log.
///
/// # Errors
/// `not-found` if there is no such payment; `payment-final` if it has ended; `payment-in-progress` if
/// it waits for the buyer; `invalid-request` for an invalid field. Nothing has changed then.
#[tracing::instrument(level = "error", skip_all, fields(payment = %id))]
pub async fn resolve(
    app: &App,
    by: &Actor,
    id: &PaymentId,
    resolution: Resolution,
) -> Result<Payment> {
    check(&resolution)?;
    let known = app.store.payment_to_change(id).await?;
    let known = known.ok_or_else(|| Error::not_found("payment"))?;
    let payment = &known.payment;
    check_open(payment.status)?;
    if let Some(reference) = &resolution.reference {
        let owner = app
            .store
            .payment_to_change_by_reference(&payment.connector, reference)
            .await?;
        if owner.is_some_and(|owner| owner.payment.id != payment.id) {
            let message = "is the reference of another payment";
            return Err(Error::field("reference", "taken", message));
        }
    }
    let decision = Decision {
        by,
        detail: json!({ "reason": resolution.reason }),
    };
    let update = PaymentUpdate {
        reference: resolution.reference.map(Reference::payment),
        money: Some(payment.money),
        ..PaymentUpdate::status(resolution.status)
    };
    let resolved = apply_audited(app, known, update, Some(decision)).await?;
    let resolved = resolved.ok_or_else(|| Error::not_found("payment"))?;
    tracing::warn!(status = %resolved.status, "an operator resolved the payment");
    Ok(views::payment(&resolved))
}

fn check(resolution: &Resolution) -> Result<()> {
    if !matches!(
        resolution.status,
        PaymentStatus::Succeeded | PaymentStatus::Failed
    ) {
        let message = format!("must be succeeded or failed, not {}", resolution.status);
        return Err(Error::field("status", "invalid", message));
    }
    for (field, text) in [
        ("reason", Some(&resolution.reason)),
        ("reference", resolution.reference.as_ref()),
    ] {
        let Some(text) = text else { continue };
        if text.trim().is_empty() {
            return Err(Error::field(field, "required", "is required"));
        }
        if let Err(error) = check_shown(text, Layout::Line, MAX_TEXT) {
            return Err(Error::field(field, error.code(), error.to_string()));
        }
    }
    Ok(())
}

fn check_open(status: PaymentStatus) -> Result<()> {
    match status {
        PaymentStatus::Created | PaymentStatus::Processing => Ok(()),
        PaymentStatus::RequiresVerification => Err(Error::problem(
            ProblemType::PaymentInProgress,
            "The payment waits for the buyer. It ends by itself.",
        )),
        PaymentStatus::Succeeded
        | PaymentStatus::Declined
        | PaymentStatus::Failed
        | PaymentStatus::Canceled => Err(Error::problem(
            ProblemType::PaymentFinal,
            format!("The payment is already {status}."),
        )),
    }
}
