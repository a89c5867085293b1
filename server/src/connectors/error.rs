//! What can go wrong with a call to a payment system and with a webhook from it.

use reqwest::StatusCode;
use std::sync::Arc;
use till_shared::money::Money;
use till_shared::payment::Method;

/// Why a call to a payment system failed. The variant decides what happens to the payment next:
/// whether the next account may be tried, and whether the payment system is polled.
///
/// A decline by the bank is not an error but a [`PaymentUpdate`](super::PaymentUpdate).
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The payment system did not process the request, for example because it does not accept the
    /// credentials. It charged nothing and never will.
    #[error("not sent: {0}")]
    NotSent(Cause),
    /// The payment system rejected the request of this account. It charged nothing and never will.
    #[error("refused: {0}")]
    Refused(Cause),
    /// The payment system may or may not have processed the request. It must not be sent to another
    /// account.
    #[error("outcome unknown: {0}")]
    Unknown(Cause),
}

impl CallError {
    /// The cause, without what it means for the payment.
    pub fn into_cause(self) -> Cause {
        match self {
            Self::NotSent(cause) | Self::Refused(cause) | Self::Unknown(cause) => cause,
        }
    }
}

/// The cause of a [`CallError`]. No text here contains a URL or credentials.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The connection failed, timed out or broke.
    #[error("{0}")]
    Connection(#[source] reqwest::Error),
    /// The body of the request cannot be sent again.
    #[error("the request body cannot be cloned")]
    RequestBody,
    /// Every attempt was answered with HTTP 429.
    #[error("HTTP 429 on every attempt")]
    RateLimited,
    /// An error response that is not in the payment system's format.
    #[error("HTTP {0}")]
    Status(StatusCode),
    /// A response that cannot be parsed.
    #[error("unreadable response, HTTP {status}: {error}")]
    UnreadableResponse {
        /// The HTTP status.
        status: StatusCode,
        /// Why the body cannot be parsed.
        #[source]
        error: serde_json::Error,
    },
    /// An error response in the payment system's own words.
    #[error("{0}")]
    Message(String),
    /// The account's credentials are not what the connector reads.
    #[error("the account's credentials cannot be read")]
    Credentials,
    /// The payment system issued no access token.
    #[error("no access token: {0}")]
    AccessToken(#[source] Arc<CallError>),
    /// The payment system's API has no exact representation of the amount.
    #[error("the payment system has no exact representation of {0}")]
    InexactAmount(Money),
    /// The connector does not offer the payment method.
    #[error("{0} is not supported by this connector")]
    UnsupportedMethod(Method),
    /// The payment system's id of the payment or refund is not known yet.
    #[error("the payment system's reference is not known yet")]
    NoReference,
    /// The payment system no longer has the payment or refund.
    #[error("the payment system no longer has it")]
    Missing,
    /// The payment system takes no card numbers from this account's servers, in its own words.
    #[error("the account may not send card numbers: set its card_entry to hosted ({0})")]
    RawCardData(String),
    /// The response is about another payment of this server.
    #[error("the payment system's reference belongs to another payment")]
    OtherPayment,
    /// The payment was not found in as many pages of the payment system's list as are searched.
    #[error("not found within the page limit of the payment system's list")]
    TooManyPages,
}

/// Why a webhook was rejected.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The signature is missing, wrong or too old.
    #[error("invalid signature: {0}")]
    InvalidSignature(#[from] SignatureError),
    /// The signature is valid, but the body is not in the documented format.
    #[error("malformed body: {0}")]
    Malformed(#[from] MalformedWebhook),
    /// The payment system had to be called to process the webhook, and the call failed. The payment
    /// system should send the webhook again.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The webhook is about a payment that is not the account's, and was not verified: that would take a
    /// call. It is answered as received.
    #[error("about a payment that is not the account's")]
    Unmatched,
    /// The webhook cannot be processed now. The payment system should send it again.
    #[error("postponed: {0}")]
    Postponed(#[from] Postponed),
}

/// Why a webhook cannot be processed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Postponed {
    /// Whether the account carries the payment cannot be looked up.
    #[error("the payment cannot be looked up")]
    Lookup,
    /// Nothing proves who sent the webhook, and the payment system was called too often for webhooks
    /// about this payment.
    #[error("too many calls were made for webhooks about this payment")]
    TooManyCalls,
}

/// Why a webhook's signature is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header or field with the signature is absent.
    #[error("the signature is missing")]
    Missing,
    /// The signature or a header that belongs to it cannot be parsed.
    #[error("the signature is malformed")]
    Malformed,
    /// The time of signing is outside the tolerance.
    #[error("the timestamp is outside the tolerance")]
    Expired,
    /// The signature does not match the body.
    #[error("the signature does not match the body")]
    Mismatch,
    /// The account's credentials hold no usable key to verify with.
    #[error("the account's credentials hold no usable key")]
    NoKey,
    /// The signature algorithm is not the documented one.
    #[error("the signature algorithm is not supported")]
    UnsupportedAlgorithm,
    /// The certificate's URL is not on the payment system's hosts.
    #[error("the certificate URL is not on the payment system's hosts")]
    CertificateUrl,
    /// The certificate cannot be downloaded or parsed.
    #[error("the certificate cannot be read")]
    UnreadableCertificate,
    /// The certificate chain does not end at a trusted root.
    #[error("the certificate is not trusted")]
    UntrustedCertificate,
    /// The certificate is not issued for the payment system's domain.
    #[error("the certificate is for another domain")]
    CertificateName,
    /// The webhook names no payment of this account. Mollie signs nothing: the payment's id is the
    /// only proof.
    #[error("the account has no such payment")]
    UnknownPayment,
}

/// Why a webhook's body cannot be processed.
#[derive(Debug, thiserror::Error)]
pub enum MalformedWebhook {
    /// It is not the documented JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is not the documented form.
    #[error(transparent)]
    Form(#[from] serde_urlencoded::de::Error),
    /// Its payment reference was not issued by this server.
    #[error("the payment reference was not issued by this server")]
    Reference,
}

/// Credentials are not what the connector reads. The text quotes no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct InvalidCredentials {
    /// The expected fields, in words.
    pub expected: &'static str,
}
