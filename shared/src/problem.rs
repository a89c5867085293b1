//! Problem documents, RFC 9457.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// What went wrong, for programs. On the wire the last segment of the document's `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ProblemType {
    /// The data sent is not acceptable; `errors` names the fields.
    InvalidRequest,
    /// No credentials, or none that fit.
    Unauthorized,
    /// The credentials fit, but this is not allowed with them.
    Forbidden,
    /// There is no such thing, or not for you.
    NotFound,
    /// The path exists, the method doesn't.
    MethodNotAllowed,
    /// The body is not of a type that is taken here.
    UnsupportedMediaType,
    /// The body is larger than is taken here.
    PayloadTooLarge,
    /// The idempotency key was used with another body.
    IdempotencyKeyReused,
    /// The first call with this idempotency key is still running.
    IdempotencyKeyInUse,
    /// The project has another order under this number.
    OrderIdReused,
    /// The invoice is paid already.
    InvoicePaid,
    /// The invoice was not paid in time.
    InvoiceExpired,
    /// The invoice was called off.
    InvoiceCanceled,
    /// Another payment of the invoice is under way.
    PaymentInProgress,
    /// The payment can't be changed that way any more.
    PaymentFinal,
    /// There is nothing of this payment that could be given back.
    NotRefundable,
    /// The project has no connector for this method and currency.
    MethodUnavailable,
    /// The project refused the order.
    OrderRejected,
    /// The project did not answer the order check.
    OrderCheckUnavailable,
    /// Something failed on our side; the cause is in our log under the request id.
    #[serde(rename = "internal-error")]
    #[strum(serialize = "internal-error")]
    Internal,
    /// Too much to do just now.
    Unavailable,
}

impl ProblemType {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The HTTP status it goes with.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::IdempotencyKeyReused => 422,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::UnsupportedMediaType => 415,
            Self::PayloadTooLarge => 413,
            Self::IdempotencyKeyInUse
            | Self::OrderIdReused
            | Self::InvoicePaid
            | Self::InvoiceExpired
            | Self::InvoiceCanceled
            | Self::PaymentInProgress
            | Self::PaymentFinal
            | Self::NotRefundable => 409,
            Self::MethodUnavailable | Self::OrderRejected => 422,
            Self::OrderCheckUnavailable => 502,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// A short summary that is the same for every occurrence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not valid",
            Self::Unauthorized => "Credentials are missing or wrong",
            Self::Forbidden => "Not allowed with these credentials",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::PayloadTooLarge => "The body is too large",
            Self::IdempotencyKeyReused => "The idempotency key was used with another body",
            Self::IdempotencyKeyInUse => "The first call with this idempotency key still runs",
            Self::OrderIdReused => "The order id belongs to another order",
            Self::InvoicePaid => "The invoice is paid",
            Self::InvoiceExpired => "The invoice has expired",
            Self::InvoiceCanceled => "The invoice was canceled",
            Self::PaymentInProgress => "A payment is in progress",
            Self::PaymentFinal => "The payment can't be changed any more",
            Self::NotRefundable => "The payment can't be refunded",
            Self::MethodUnavailable => "The payment method is not available",
            Self::OrderRejected => "The order was rejected",
            Self::OrderCheckUnavailable => "The order could not be checked",
            Self::Internal => "Something went wrong on our side",
            Self::Unavailable => "Temporarily unavailable",
        }
    }
}

/// A problem document, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI reference that ends in the [`ProblemType`]'s word: `/problems/order-rejected`.
    pub r#type: String,
    /// The type in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The request, as the log knows it.
    pub request_id: String,
    /// Every field that won't do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// The type's word, if it is one of ours.
    pub fn kind(&self) -> Option<ProblemType> {
        self.r#type
            .rsplit('/')
            .next()
            .and_then(|word| word.parse().ok())
    }
}

/// One field that won't do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The field, with dots for nesting: `card.number`.
    pub field: String,
    /// What is wrong with it, for programs: `required`, `invalid`, `unknown_field`, ...
    pub code: String,
    /// What is wrong with it, for people (English).
    pub message: String,
}

impl FieldError {
    /// A field error of three texts.
    pub fn new(field: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code: code.to_owned(),
            message: message.into(),
        }
    }
}
