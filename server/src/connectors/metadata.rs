//! Our ids in the metadata of a payment system's objects.

use super::error::{CallError, Cause};
use serde_json::Value;
use std::str::FromStr;
use till_shared::id::PaymentId;

/// The key of our payment id.
pub const PAYMENT: &str = "till_payment";
/// The key of our refund id.
pub const REFUND: &str = "till_refund";

/// The id under `key`; `None` if there is none or it is not one of ours.
pub fn id<T: FromStr>(metadata: &Value, key: &str) -> Option<T> {
    metadata.get(key)?.as_str()?.parse().ok()
}

/// Checks that an object is not another payment's than `ours`. An object without our id is the one
/// that its reference names.
///
/// # Errors
/// When it is. Its state says nothing about our payment.
pub fn check_payment(metadata: &Value, ours: &PaymentId) -> Result<(), CallError> {
    match id::<PaymentId>(metadata, PAYMENT) {
        Some(named) if named != *ours => Err(CallError::Unknown(Cause::OtherPayment)),
        _ => Ok(()),
    }
}
