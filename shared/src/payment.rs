//! Payments. A payment is one attempt to pay an invoice.

use crate::card::CardSummary;
use crate::id::{InvoiceId, PaymentId};
use crate::known;
use crate::money::Currency;
use serde::{Deserialize, Deserializer, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The status of a payment. It only moves forward; the server's `domain::payment` has the
/// transitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PaymentStatus {
    /// Stored; the payment system has not responded yet.
    Created,
    /// The buyer has to confirm on the verification form.
    RequiresVerification,
    /// The outcome is pending at the payment system or unknown.
    Processing,
    /// The payment succeeded.
    Succeeded,
    /// The payment system or the bank declined the payment. No money was taken.
    Declined,
    /// The payment could not be processed. No money was taken.
    Failed,
    /// Canceled by the buyer or the project before money was taken.
    Canceled,
}

impl PaymentStatus {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns whether the payment is in progress. An invoice has at most one such payment.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Created | Self::RequiresVerification | Self::Processing => true,
            Self::Succeeded | Self::Declined | Self::Failed | Self::Canceled => false,
        }
    }
}

/// The reason for a decline, the same for every payment system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DeclineCode {
    /// Insufficient funds on the account.
    InsufficientFunds,
    /// Declined without a specific reason.
    CardDeclined,
    /// The card has expired.
    ExpiredCard,
    /// The security code is incorrect.
    IncorrectCvc,
    /// The card number is incorrect.
    IncorrectNumber,
    /// The verification failed.
    VerificationFailed,
    /// The buyer abandoned the verification.
    VerificationAbandoned,
    /// Suspected fraud.
    FraudSuspected,
    /// The payment exceeds a limit of the card or account.
    LimitExceeded,
    /// The payment method is not available for this payment.
    MethodUnavailable,
    /// An error at the payment system. No money was taken.
    ProcessingError,
}

impl DeclineCode {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns an English message for projects and logs. The widget has its own messages, in the
    /// buyer's language.
    pub const fn message(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "The account has insufficient funds.",
            Self::CardDeclined => "The card was declined.",
            Self::ExpiredCard => "The card has expired.",
            Self::IncorrectCvc => "The security code is incorrect.",
            Self::IncorrectNumber => "The card number is incorrect.",
            Self::VerificationFailed => "The verification failed.",
            Self::VerificationAbandoned => "The buyer abandoned the verification.",
            Self::FraudSuspected => "The payment was declined on suspicion of fraud.",
            Self::LimitExceeded => "The payment exceeds a limit of the card.",
            Self::MethodUnavailable => "The payment method is not available for this payment.",
            Self::ProcessingError => "The payment system could not process the payment.",
        }
    }
}

/// A decline and its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decline {
    /// The reason, for programs.
    #[serde(deserialize_with = "decline_code")]
    pub code: DeclineCode,
    /// The reason, for people, in English.
    pub message: String,
}

impl From<DeclineCode> for Decline {
    fn from(code: DeclineCode) -> Self {
        Self {
            code,
            message: code.message().to_owned(),
        }
    }
}

/// A payment method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Method {
    /// A card, entered in the widget.
    Card,
    /// PayPal.
    Paypal,
    /// iDEAL, bank payments in the Netherlands.
    Ideal,
    /// Bancontact, debit cards in Belgium.
    Bancontact,
    /// EPS, bank payments in Austria.
    Eps,
}

impl Method {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the currencies of the method as ISO 4217 codes, or `None` if they depend on the
    /// payment system.
    pub const fn currencies(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Card | Self::Paypal => None,
            Self::Ideal | Self::Bancontact | Self::Eps => Some(&["EUR"]),
        }
    }
}

/// The method of a payment only chooses between texts.
fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
    known::or(deserializer, Method::Card)
}

/// The outcome of a payment with an unknown status is pending.
fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PaymentStatus, D::Error> {
    known::or(deserializer, PaymentStatus::Processing)
}

/// An unknown reason is a decline without a reason.
fn decline_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeclineCode, D::Error> {
    known::or(deserializer, DeclineCode::CardDeclined)
}

/// The part of a payment that the widget shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShownPayment {
    /// The payment's id.
    pub id: PaymentId,
    /// The payment method.
    #[serde(deserialize_with = "method")]
    pub method: Method,
    /// The status.
    #[serde(deserialize_with = "status")]
    pub status: PaymentStatus,
    /// The reason for the decline, if the payment was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
    /// The card details that may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardSummary>,
    /// When the payment last changed, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub updated_at: String,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Payment {
    /// What the widget shows.
    #[serde(flatten)]
    pub shown: ShownPayment,
    /// Always `payment`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^payment$"))]
    pub object: String,
    /// The invoice.
    pub invoice: InvoiceId,
    /// The connector that processes the payment, for example `sandbox`.
    pub connector: String,
    /// The payment system's id of the payment, once known.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reference: Option<String>,
    /// The amount, in minor units.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 999_999_999_999_i64)
    )]
    pub amount: i64,
    /// The amount refunded so far, in minor units.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub amount_refunded: i64,
    /// The amount that the payment system took back without a dispute, in minor units.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub amount_reversed: i64,
    /// The currency, ISO 4217.
    pub currency: Currency,
    /// When the payment was created, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub created_at: String,
}
