//! Payments, refunds and disputes.

use crate::clock::rfc3339;
use crate::store::disputes::DisputeRow;
use crate::store::payments::PaymentRow;
use crate::store::refunds::RefundRow;
use till_shared::dispute::Dispute;
use till_shared::payment::{DeclineCode, Payment, ShownPayment};
use till_shared::refund::Refund;
use till_shared::widget::{FixedPayment, Verification};

/// A payment.
pub fn payment(row: &PaymentRow) -> Payment {
    Payment {
        shown: ShownPayment {
            id: row.id.clone(),
            method: row.method,
            status: row.status,
            decline: row.decline.map(Into::into),
            card: row.card.clone(),
            updated_at: rfc3339(row.updated_at),
        },
        object: "payment".into(),
        invoice: row.invoice.clone(),
        connector: row.connector.clone(),
        reference: row.reference.as_ref().map(|r| r.id.clone()),
        amount: row.money.amount,
        amount_refunded: row.amount_refunded,
        amount_reversed: row.amount_reversed,
        currency: row.money.currency,
        created_at: rfc3339(row.created_at),
    }
}

/// A payment with what the buyer has to do for it, for the buyer's browser. Who may be testing a stolen card
/// is not told why it was declined.
pub fn fixed_payment(row: &PaymentRow) -> FixedPayment {
    let mut payment = payment(row);
    if row.suspicious && row.decline.is_some() {
        payment.shown.decline = Some(DeclineCode::CardDeclined.into());
    }
    FixedPayment {
        payment,
        verification: if row.status.is_live() {
            row.verification.clone()
        } else {
            Verification::None
        },
    }
}

/// A refund of a payment.
pub fn refund(row: &RefundRow, payment: &PaymentRow) -> Refund {
    Refund {
        id: row.id.clone(),
        object: "refund".into(),
        payment: row.payment.clone(),
        invoice: payment.invoice.clone(),
        amount: row.amount,
        currency: payment.money.currency,
        reason: row.reason.clone(),
        status: row.status,
        source: row.source,
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}

/// A dispute of a payment.
pub fn dispute(row: &DisputeRow, payment: &PaymentRow) -> Dispute {
    Dispute {
        id: row.id.clone(),
        object: "dispute".into(),
        payment: row.payment.clone(),
        invoice: payment.invoice.clone(),
        reference: row.reference.clone(),
        amount: row.money.amount,
        currency: row.money.currency,
        reason: row.reason.clone(),
        status: row.status,
        respond_by: row.respond_by.map(rfc3339),
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}
