//! What a ledger has of a payment.

use std::collections::BTreeMap;

/// What happened to a payment's money, in minor units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// The captured amount.
    pub captured: i64,
    /// The refunded amount.
    pub refunded: i64,
    /// The amount that was taken back without a dispute.
    pub reversed: i64,
    /// The status of the dispute.
    pub dispute: Option<String>,
}

/// The amounts by payment, without payments that moved no money.
pub(super) type Ledger = BTreeMap<String, Totals>;
