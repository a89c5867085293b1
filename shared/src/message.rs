//! Messages between the project's page (`till.js`) and the widget, bound to exact origins by
//! whoever posts and whoever receives them.

use crate::id::{InvoiceId, PaymentId};
use serde::{Deserialize, Serialize};

/// From the widget to the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "till", rename_all = "snake_case")]
pub enum ToPage {
    /// Billing data is shown.
    Ready(Progress),
    /// The payment fixation call was answered.
    Fixation(Progress),
    /// The verification form is shown.
    Verification(Progress),
    /// The invoice is paid. For display only: goods are handed out on the callback.
    Paid(Progress),
    /// The payment was declined; the buyer may try again.
    Declined(Progress),
    /// Something else went wrong.
    Error(Progress),
    /// The widget is done: take it away.
    Close(Progress),
    /// The content's height changed.
    Resize {
        /// CSS pixels.
        height: u32,
    },
    /// The verification form refuses frames: take the whole page there.
    Navigate {
        /// The verification form.
        url: String,
    },
}

/// What every event tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The invoice.
    pub invoice: InvoiceId,
    /// The payment, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
    /// The invoice's status, or `error`.
    pub status: String,
    /// A decline code or a problem type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// From the page to the widget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "till", rename_all = "snake_case")]
pub enum ToWidget {
    /// The buyer pressed Esc or clicked outside: close, but ask first while money may be moving.
    Close,
}
