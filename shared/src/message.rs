//! Messages between the page (`till.js`), the widget and the return page, sent with `postMessage`.
//! The sender names the exact target origin; the receiver checks the origin and the source.
//!
//! The TypeScript declarations that the scripts are checked against are generated from these types.

use crate::id::{InvoiceId, PaymentId};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A message from the widget to the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "till", rename_all = "snake_case")]
pub enum ToPage {
    /// A preloaded frame is ready to receive [`ToWidget::Prepare`] and [`ToWidget::Open`].
    Loaded,
    /// The accessible names are known.
    Named(Names),
    /// See [`EventName::Ready`].
    Ready(TillEvent),
    /// See [`EventName::Fixation`].
    Fixation(TillEvent),
    /// See [`EventName::Verification`].
    Verification(TillEvent),
    /// See [`EventName::Paid`].
    Paid(TillEvent),
    /// See [`EventName::Declined`].
    Declined(TillEvent),
    /// See [`EventName::Expired`].
    Expired(TillEvent),
    /// See [`EventName::Error`].
    Error(TillEvent),
    /// See [`EventName::Close`].
    Close(TillEvent),
    /// The height of the content changed.
    Resize(Size),
    /// The page has to go to a URL: the verification form cannot be shown in a frame and the buyer
    /// chose to continue in this tab.
    Navigate(Destination),
    /// The popup goes to a bank's page. It posts no message until it is back, and the page may lose
    /// sight of it: if the bank's page has a `Cross-Origin-Opener-Policy`, the popup reads as closed.
    Leaving,
}

/// The accessible names of the widget, in its language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Names {
    /// The name of the dialog and of the frame.
    pub payment: String,
    /// The name of the close button.
    pub close: String,
}

/// The size of the widget's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Size {
    /// The height in CSS pixels.
    pub height: u32,
}

/// Where the page has to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Destination {
    /// The URL, http or https.
    pub url: String,
}

/// A message from the page to the widget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
// `tag` describes the format; a plain type with that format takes less WebAssembly to read.
#[serde(tag = "till", rename_all = "snake_case", try_from = "ToWidgetFields")]
pub enum ToWidget {
    /// Load the billing data of an invoice that the buyer is likely to open.
    Prepare(InvoiceAndToken),
    /// Show an invoice: the buyer opened the widget.
    Open(InvoiceAndToken),
    /// Close. The widget asks the buyer first while a payment is in progress.
    Close,
}

/// The fields of [`ToWidget`] in JSON.
#[derive(Deserialize)]
struct ToWidgetFields {
    till: String,
    invoice: Option<InvoiceId>,
    token: Option<String>,
}

impl TryFrom<ToWidgetFields> for ToWidget {
    type Error = &'static str;

    fn try_from(fields: ToWidgetFields) -> Result<Self, &'static str> {
        let access = fields.invoice.zip(fields.token);
        let access = access.map(|(invoice, token)| InvoiceAndToken { invoice, token });
        match (fields.till.as_str(), access) {
            ("prepare", Some(access)) => Ok(Self::Prepare(access)),
            ("open", Some(access)) => Ok(Self::Open(access)),
            ("close", _) => Ok(Self::Close),
            _ => Err("not a message to the widget"),
        }
    }
}

/// An invoice and the token that gives access to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InvoiceAndToken {
    /// The invoice's `id`.
    #[cfg_attr(test, ts(type = "string"))]
    pub invoice: InvoiceId,
    /// The invoice's `client_token`.
    pub token: String,
}

/// A message from the return page to the widget that opened the verification form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Returned {
    /// The payment that the buyer returned from.
    pub till_returned: ReturnedPayment,
}

/// The content of the return page's message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReturnedPayment {
    /// The payment's id.
    #[cfg_attr(test, ts(type = "string"))]
    pub payment: PaymentId,
}

/// A message from the page with a captcha to the payment page around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FromCaptcha {
    /// The captcha's state.
    pub till_captcha: CaptchaState,
}

/// The state of a captcha.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CaptchaState {
    /// The height that it needs, in CSS pixels.
    pub height: u32,
    /// When it is solved, the provider's token for the payment fixation.
    pub token: Option<String>,
}

/// The events of a widget, in the order in which they occur. `ready`, `paid` and `expired` occur at most
/// once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EventName {
    /// The widget opens.
    Open,
    /// The browser blocked the popup. The widget opens in a dialog instead.
    PopupBlocked,
    /// The widget shows the invoice.
    Ready,
    /// The buyer pressed Pay, and the payment was created.
    Fixation,
    /// The payment needs the buyer's verification.
    Verification,
    /// The invoice is paid.
    Paid,
    /// The payment was declined. The buyer can try again.
    Declined,
    /// The invoice has expired. The project creates a new one for the order.
    Expired,
    /// An error. `code` has the reason.
    Error,
    /// The widget closed.
    Close,
}

impl EventName {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name in messages and in the names of DOM events.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The detail of an event. For display only: deliver goods on the callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct TillEvent {
    /// The invoice, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub invoice: Option<InvoiceId>,
    /// The payment, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub payment: Option<PaymentId>,
    /// The invoice's status, or `error`.
    pub status: String,
    /// A decline code, a problem type or, if the widget cannot start, what went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What went wrong, in English. For developers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
