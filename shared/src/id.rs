//! Prefixed ids. They sort by creation time because the server generates them from UUIDv7
//! (RFC 9562).

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// The longest id that is accepted, in bytes, prefix included.
const MAX_LEN: usize = 64;

/// The error for text that is not an id of the expected type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadId {
    /// The expected prefix, for example `inv_`.
    pub prefix: &'static str,
}

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be an id that begins with {}", self.prefix)
    }
}

impl std::error::Error for BadId {}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal, $pattern:literal, $example:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(pattern = $pattern, example = $example))]
        pub struct $name(String);

        impl $name {
            /// The prefix of these ids.
            pub const PREFIX: &'static str = $prefix;

            /// Creates an id from its unique part, which must be lowercase letters and digits.
            pub fn from_unique(unique: impl fmt::Display) -> Self {
                Self(format!("{}{unique}", $prefix))
            }

            /// Returns the id as text, prefix included.
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
    /// The id of a project: the merchant's site or game.
    ProjectId, "prj_", "^prj_[0-9a-z]{1,60}$",
    "prj_019abc0de0007000800000000000000a"
);
id!(
    /// The id of a project's secret key.
    KeyId, "key_", "^key_[0-9a-z]{1,60}$",
    "key_019abc0de0007000800000000000000a"
);
id!(
    /// The id of an invoice.
    InvoiceId, "inv_", "^inv_[0-9a-z]{1,60}$",
    "inv_019abc0de0007000800000000000000a"
);
id!(
    /// The id of a payment: one attempt to pay an invoice. Also sent to payment systems as the
    /// idempotency key.
    PaymentId, "pay_", "^pay_[0-9a-z]{1,60}$",
    "pay_019abc0de0007000800000000000000a"
);
id!(
    /// The id of a refund.
    RefundId, "rfd_", "^rfd_[0-9a-z]{1,60}$",
    "rfd_019abc0de0007000800000000000000a"
);
id!(
    /// The id of a dispute.
    DisputeId, "dsp_", "^dsp_[0-9a-z]{1,60}$",
    "dsp_019abc0de0007000800000000000000a"
);
id!(
    /// The id of a callback. Sent as the `webhook-id` header on every delivery attempt.
    EventId, "evt_", "^evt_[0-9a-z]{1,60}$",
    "evt_019abc0de0007000800000000000000a"
);
id!(
    /// The id of a request to the server. Sent in the `x-request-id` response header and written to
    /// every log line of the request.
    RequestId, "req_", "^req_[0-9a-z]{1,60}$",
    "req_019abc0de0007000800000000000000a"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_needs_its_prefix() {
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
