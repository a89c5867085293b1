//! Problem documents, RFC 9457.

use crate::captcha::Captcha;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The type of a problem: the last path segment of a document's `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ProblemType {
    /// The request is invalid; `errors` names the fields.
    InvalidRequest,
    /// The credentials are missing or invalid.
    Unauthorized,
    /// The credentials do not permit the request.
    Forbidden,
    /// The resource does not exist or is not accessible.
    NotFound,
    /// The path does not support the HTTP method.
    MethodNotAllowed,
    /// The content type of the body is not supported.
    UnsupportedMediaType,
    /// The body is too large.
    PayloadTooLarge,
    /// The idempotency key was used with a different body.
    IdempotencyKeyReused,
    /// A request with the same idempotency key is in progress.
    IdempotencyKeyInUse,
    /// The order id belongs to a different order of the project.
    OrderIdReused,
    /// The invoice is already paid.
    InvoicePaid,
    /// The invoice has expired.
    InvoiceExpired,
    /// The invoice was canceled.
    InvoiceCanceled,
    /// Another payment of the invoice is in progress.
    PaymentInProgress,
    /// There were too many attempts to pay; `retry_after` says when the next one may be made.
    TooManyAttempts,
    /// The payment is final and cannot be changed.
    PaymentFinal,
    /// The payment cannot be refunded by this amount.
    NotRefundable,
    /// The next attempt to pay has to come with the token of a captcha.
    CaptchaRequired,
    /// The project has no account for this payment method and currency.
    MethodUnavailable,
    /// The project rejected the order.
    OrderRejected,
    /// The project did not respond to the order check.
    OrderCheckUnavailable,
    /// An internal error. The server logs the cause with the request id.
    #[serde(rename = "internal-error")]
    #[strum(serialize = "internal-error")]
    Internal,
    /// The server is overloaded or not ready.
    Unavailable,
}

impl ProblemType {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the HTTP status of the problem type.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::IdempotencyKeyReused => 422,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::CaptchaRequired => 403,
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
            Self::TooManyAttempts => 429,
            Self::MethodUnavailable | Self::OrderRejected => 422,
            Self::OrderCheckUnavailable => 502,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// Returns the title, the same for every occurrence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is invalid",
            Self::Unauthorized => "The credentials are missing or invalid",
            Self::Forbidden => "The credentials do not permit this request",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::PayloadTooLarge => "The body is too large",
            Self::IdempotencyKeyReused => "The idempotency key was used with a different body",
            Self::IdempotencyKeyInUse => "A request with this idempotency key is in progress",
            Self::OrderIdReused => "The order id belongs to a different order",
            Self::InvoicePaid => "The invoice is already paid",
            Self::InvoiceExpired => "The invoice has expired",
            Self::InvoiceCanceled => "The invoice was canceled",
            Self::PaymentInProgress => "A payment is in progress",
            Self::TooManyAttempts => "Too many attempts to pay",
            Self::CaptchaRequired => "A captcha is required",
            Self::PaymentFinal => "The payment is final",
            Self::NotRefundable => "The payment cannot be refunded",
            Self::MethodUnavailable => "The payment method is not available",
            Self::OrderRejected => "The order was rejected",
            Self::OrderCheckUnavailable => "The order could not be confirmed",
            Self::Internal => "Internal error",
            Self::Unavailable => "Temporarily unavailable",
        }
    }
}

/// A problem document, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// What the widget reads.
    #[serde(flatten)]
    pub reason: Reason,
    /// A summary of the problem type.
    pub title: String,
    /// The HTTP status.
    #[cfg_attr(feature = "openapi", schema(minimum = 400, maximum = 599))]
    pub status: u16,
    /// The request id, also written to the log.
    pub request_id: String,
    /// With `captcha-required`: the captcha to show to the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captcha: Option<Captcha>,
}

/// The part of a problem document that the widget reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reason {
    /// The problem type, a URI reference such as `/problems/order-rejected`.
    #[cfg_attr(
        feature = "openapi",
        schema(format = "uri-reference", pattern = "^/problems/[a-z-]+$")
    )]
    pub r#type: String,
    /// What happened in this request.
    pub detail: String,
    /// The invalid fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// When to try again, in seconds from now. Also in the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub retry_after: Option<u32>,
}

impl Reason {
    /// Returns the problem type, if it is known.
    pub fn kind(&self) -> Option<ProblemType> {
        self.r#type
            .rsplit('/')
            .next()
            .and_then(|segment| segment.parse().ok())
    }

    /// Returns whether the server could not decrypt the card.
    pub fn is_about_encryption(&self) -> bool {
        let first = self.errors.first();
        first.is_some_and(|error| error.field == "encrypted_card")
    }
}

/// An invalid field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The path of the field: `card.number`, `items[0].name`.
    pub field: String,
    /// The error, for programs: `required`, `invalid`, `unknown_field`, ...
    pub code: String,
    /// The error, for people, in English.
    pub message: String,
}

impl FieldError {
    /// Creates a field error.
    pub fn new(field: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code: code.to_owned(),
            message: message.into(),
        }
    }
}
