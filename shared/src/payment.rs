//! A payment: one attempt to pay an invoice.

use crate::card::CardSummary;
use crate::id::{InvoiceId, PaymentId};
use crate::money::Currency;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Where a payment stands. Moves forward only; see the server's `domain::payment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PaymentStatus {
    /// Written down; the payment system has not been heard yet.
    Created,
    /// The buyer has to confirm on the verification form.
    RequiresVerification,
    /// Its fate is open: with the payment system, or simply unknown.
    Processing,
    /// The money was taken.
    Succeeded,
    /// The payment system or the bank said no. Nothing was taken.
    Declined,
    /// It could not be carried out, and nothing was taken.
    Failed,
    /// Given up by the buyer or the project before money moved.
    Canceled,
}

impl PaymentStatus {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether it may still succeed by the ordinary way. At most one such payment an invoice.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Created | Self::RequiresVerification | Self::Processing => true,
            Self::Succeeded | Self::Declined | Self::Failed | Self::Canceled => false,
        }
    }
}

/// Why a payment was declined, the same words for every payment system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DeclineCode {
    /// Not enough money on the account.
    InsufficientFunds,
    /// Refused without a reason that may be told.
    CardDeclined,
    /// The card is past its expiry.
    ExpiredCard,
    /// The security code is wrong.
    IncorrectCvc,
    /// There is no such card number.
    IncorrectNumber,
    /// The buyer did not pass the verification.
    VerificationFailed,
    /// The buyer left the verification.
    VerificationAbandoned,
    /// Refused on suspicion of fraud.
    FraudSuspected,
    /// Above a limit of the card or account.
    LimitExceeded,
    /// The method can't be used for this payment.
    MethodUnavailable,
    /// The payment system erred; nothing was taken.
    ProcessingError,
}

impl DeclineCode {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// An English sentence for projects and logs; the widget has its own, in the buyer's language.
    pub const fn message(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "The account has insufficient funds.",
            Self::CardDeclined => "The card was declined.",
            Self::ExpiredCard => "The card has expired.",
            Self::IncorrectCvc => "The security code is incorrect.",
            Self::IncorrectNumber => "The card number is incorrect.",
            Self::VerificationFailed => "The buyer did not pass the verification.",
            Self::VerificationAbandoned => "The buyer left the verification.",
            Self::FraudSuspected => "The payment was refused on suspicion of fraud.",
            Self::LimitExceeded => "The payment exceeds a limit of the card.",
            Self::MethodUnavailable => "The payment method is not available for this payment.",
            Self::ProcessingError => "The payment system could not process the payment.",
        }
    }
}

/// A decline with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decline {
    /// The reason, for programs.
    pub code: DeclineCode,
    /// The reason, for people (English).
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

/// A way to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Method {
    /// A card whose data the buyer types into the widget.
    Card,
    /// A PayPal account.
    Paypal,
    /// iDEAL, from the buyer's bank in the Netherlands.
    Ideal,
    /// Bancontact, Belgium's debit cards.
    Bancontact,
    /// EPS, from the buyer's bank in Austria.
    Eps,
}

impl Method {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The currencies it pays in whoever carries it, as ISO 4217 codes; `None` where that is the
    /// payment system's to say.
    pub const fn currencies(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Card | Self::Paypal => None,
            Self::Ideal | Self::Bancontact | Self::Eps => Some(&["EUR"]),
        }
    }
}

/// A payment as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// Always `payment`.
    pub object: String,
    /// The invoice it pays.
    pub invoice: InvoiceId,
    /// The way it is paid.
    pub method: Method,
    /// The kind of the connector that carries it, for example `sandbox`.
    pub connector: String,
    /// The payment system's own id for it, once known.
    pub reference: Option<String>,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: Currency,
    /// Where it stands.
    pub status: PaymentStatus,
    /// Why it was declined, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
    /// What may be shown of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardSummary>,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC.
    pub updated_at: String,
}
