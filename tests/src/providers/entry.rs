//! The payments in the ledger of a mock provider.

use super::{Dispute, Plan};

/// The state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The payment requires confirmation.
    Open,
    /// The buyer has confirmed, and the payment is not captured.
    Confirmed,
    /// The payment is captured.
    Paid,
    /// The payment was declined.
    Declined,
    /// The payment was canceled.
    Canceled,
}

/// A refund.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Till's id.
    pub ours: String,
    /// The provider's id.
    pub id: String,
    /// The amount in minor units.
    pub amount: i64,
    /// Whether the money came back.
    pub failed: bool,
}

/// A payment.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Till's id.
    pub ours: String,
    /// The provider's id.
    pub reference: String,
    /// The amount in minor units.
    pub amount: i64,
    /// The currency code in upper case.
    pub currency: String,
    /// The state.
    pub state: State,
    /// The plan.
    pub plan: Plan,
    /// The URL to which the buyer returns.
    pub return_url: String,
    /// The refunds.
    pub refunds: Vec<Refund>,
    /// The dispute, if there is one.
    pub dispute: Option<Dispute>,
    /// Whether the provider took the money back without a dispute.
    pub reversed: bool,
}

impl Entry {
    /// Returns the unique part of Till's id, for a reference in the provider's format.
    pub fn unique(ours: &str) -> String {
        let tail = ours.rsplit('_').next().unwrap_or(ours);
        tail.chars().rev().take(16).collect()
    }
}
