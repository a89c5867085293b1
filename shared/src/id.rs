//! Prefixed ids. They sort by time because the server fills the rest with a UUIDv7 (RFC 9562).

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Longest id accepted from outside, prefix included.
const MAX_LEN: usize = 64;

/// Text that isn't an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadId {
    /// The prefix such an id begins with, for example `inv_`.
    pub prefix: &'static str,
}

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected an id that begins with {}", self.prefix)
    }
}

impl std::error::Error for BadId {}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal, $example:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(example = $example))]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// The id with this unique part: lower-case letters and digits.
            pub fn from_unique(unique: impl fmt::Display) -> Self {
                Self(format!("{}{unique}", $prefix))
            }

            /// The id as text, prefix included.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(s: &str) -> Result<Self, BadId> {
                let unique = s.strip_prefix($prefix).filter(|rest| {
                    !rest.is_empty()
                        && s.len() <= MAX_LEN
                        && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                });
                unique.map(|_| Self(s.to_owned())).ok_or(BadId { prefix: $prefix })
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A project: the merchant's site or game.
    ProjectId, "prj_", "prj_019abc0de0007000800000000000000a"
);
id!(
    /// An invoice: what is owed for one order.
    InvoiceId, "inv_", "inv_019abc0de0007000800000000000000a"
);
id!(
    /// A payment: one attempt to pay an invoice. Also the idempotency key sent to payment systems.
    PaymentId, "pay_", "pay_019abc0de0007000800000000000000a"
);
id!(
    /// A refund of a payment, whole or in part.
    RefundId, "rfd_", "rfd_019abc0de0007000800000000000000a"
);
id!(
    /// A callback to the project; `webhook-id` on every attempt to deliver it.
    EventId, "evt_", "evt_019abc0de0007000800000000000000a"
);
id!(
    /// One request to the server, in its answer's `x-request-id` and in every log line about it.
    RequestId, "req_", "req_019abc0de0007000800000000000000a"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_apart_by_prefix() {
        assert!("inv_0190a".parse::<InvoiceId>().is_ok());
        for bad in ["pay_0190a", "inv_", "inv_A", "inv_a/b", "", "inv_a b"] {
            assert!(bad.parse::<InvoiceId>().is_err(), "{bad}");
        }
        assert!(
            format!("inv_{}", "a".repeat(61))
                .parse::<InvoiceId>()
                .is_err()
        );
    }
}
