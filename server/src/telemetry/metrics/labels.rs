//! The labels of the metrics. They are few and known beforehand: connectors, routes, outcomes. None
//! names a project, an order or a buyer.

use prometheus_client::encoding::EncodeLabelSet;
use strum::{EnumString, IntoStaticStr, VariantArray};

/// How a call to a payment system ended.
#[derive(Clone, Copy, Debug, Eq, Hash, IntoStaticStr, PartialEq, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ConnectorCall {
    /// The payment system answered; a decline is an answer, too.
    Answered,
    /// The request never arrived: nothing was charged.
    NotSent,
    /// The account was refused: nothing was charged.
    Refused,
    /// The call may or may not have been carried out.
    Unknown,
}

/// How a project answered an order check.
#[derive(Clone, Copy, Debug, Eq, Hash, IntoStaticStr, PartialEq, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum OrderCheck {
    /// The project accepted the order.
    Accepted,
    /// The project rejected the order, or named another amount.
    Rejected,
    /// There was no answer, or none that can be read.
    Unavailable,
}

/// The limit that an attempt to pay exceeded.
#[derive(Clone, Copy, Debug, Eq, Hash, IntoStaticStr, PartialEq, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AttemptLimit {
    /// Of the invoice.
    Invoice,
    /// Of the client's address.
    Address,
    /// Of the card.
    Card,
    /// Of the project.
    Project,
}

/// What became of an attempt to pay that has to come with a captcha's token.
#[derive(Clone, Copy, Debug, Eq, Hash, IntoStaticStr, PartialEq, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum CaptchaCheck {
    /// It came without a token.
    Required,
    /// The provider confirmed the token.
    Solved,
    /// The provider rejected the token.
    Rejected,
    /// The provider gave no usable answer.
    Unavailable,
}

/// What became of a payment system's webhook.
#[derive(Clone, Copy, Debug, Eq, Hash, IntoStaticStr, PartialEq, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Webhook {
    /// Applied for the first time.
    Applied,
    /// Applied before.
    Repeated,
    /// The signature does not verify.
    #[strum(serialize = "forged")]
    InvalidSignature,
    /// The signature verifies and the body is not as documented.
    Malformed,
    /// No payment or refund of this server is meant.
    Unmatched,
    /// It can't be applied now, and the payment system sends it again.
    Failed,
}

/// How a refund ended.
#[derive(Clone, Copy, Debug, Eq, Hash, IntoStaticStr, PartialEq, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RefundEnd {
    /// The money was returned.
    Succeeded,
    /// The payment system refused.
    Failed,
}

/// A background worker of a serving process.
#[derive(Clone, Copy, Debug, Eq, Hash, IntoStaticStr, PartialEq, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Worker {
    /// Delivers callbacks.
    Outbox,
    /// Polls payments whose outcome is unknown, submits refunds, expires invoices.
    Reconciler,
    /// Receives the changes that other servers make.
    Subscriber,
    /// Removes data that are older than their retention.
    Retention,
}

/// What became of an attempt to deliver a callback.
#[derive(Clone, Copy, Debug, Eq, Hash, IntoStaticStr, PartialEq, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Callback {
    /// The endpoint answered 2xx.
    Delivered,
    /// The endpoint answered another status.
    Refused,
    /// The endpoint did not answer.
    Unreachable,
}

/// A directive of a content security policy, under its own name (Content Security Policy Level 3, section
/// 6, and Trusted Types).
#[derive(Clone, Copy, Debug, EnumString, Eq, Hash, IntoStaticStr, PartialEq, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of the specification")]
pub enum CspDirective {
    BaseUri,
    ChildSrc,
    ConnectSrc,
    DefaultSrc,
    FontSrc,
    FormAction,
    FrameAncestors,
    FrameSrc,
    ImgSrc,
    ManifestSrc,
    MediaSrc,
    ObjectSrc,
    RequireTrustedTypesFor,
    ScriptSrc,
    ScriptSrcAttr,
    ScriptSrcElem,
    StyleSrc,
    StyleSrcAttr,
    StyleSrcElem,
    TrustedTypes,
    WorkerSrc,
    /// One that is not in this list, or none.
    Other,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct RequestLabels {
    pub method: String,
    pub route: String,
    pub status: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct AttemptLabels {
    pub connector: String,
    pub method: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct DeclineLabels {
    pub connector: String,
    pub code: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct CallLabels {
    pub connector: String,
    pub operation: String,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ConnectorLabel {
    pub connector: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ConnectorOutcome {
    pub connector: String,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Outcome {
    pub outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct LimitLabel {
    pub limit: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct WorkerLabel {
    pub worker: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct StateLabel {
    pub state: &'static str,
}

impl ConnectorLabel {
    pub fn new(connector: &str) -> Self {
        Self {
            connector: connector.to_owned(),
        }
    }
}

impl ConnectorOutcome {
    pub fn new(connector: &str, outcome: &'static str) -> Self {
        Self {
            connector: connector.to_owned(),
            outcome,
        }
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct DirectiveLabel {
    pub directive: &'static str,
}
