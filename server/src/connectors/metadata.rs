//! Our ids in the metadata of a payment system's objects.

use serde_json::Value;
use std::str::FromStr;

/// The key of our payment id.
pub const PAYMENT: &str = "till_payment";
/// The key of our refund id.
pub const REFUND: &str = "till_refund";

/// The id under `key`; `None` if there is none or it is not one of ours.
pub fn id<T: FromStr>(metadata: &Value, key: &str) -> Option<T> {
    metadata.get(key)?.as_str()?.parse().ok()
}
