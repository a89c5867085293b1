//! Which screen is shown.

use super::data::Data;
use till_shared::invoice::InvoiceStatus;
use till_shared::widget::Verification;

/// The screen that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// The billing data is loading.
    Loading,
    /// The billing data could not be loaded.
    Failed,
    /// The payment form.
    Form,
    /// The payment system's verification form.
    Verification,
    /// The outcome of the payment is pending.
    Processing,
    /// Paid.
    Paid,
    /// The invoice expired.
    Expired,
    /// Canceled by the project.
    Canceled,
    /// Refunded.
    Refunded,
}

impl Screen {
    /// The value of `data-screen` in the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Failed => "failed",
            Self::Form => "form",
            Self::Verification => "verification",
            Self::Processing => "processing",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::Refunded => "refunded",
        }
    }

    /// The screen for the billing data. `sending`: a payment is being submitted.
    pub fn of(data: &Data, sending: bool) -> Self {
        let state = match data {
            Data::Loading => return Self::Loading,
            Data::Failed(_) => return Self::Failed,
            Data::Loaded(data) => &data.state,
        };
        match state.status {
            InvoiceStatus::Open => Self::Form,
            InvoiceStatus::Processing if sending => Self::Form,
            InvoiceStatus::Processing => match state.verification {
                Verification::None => Self::Processing,
                Verification::Redirect { .. } | Verification::Frame { .. } => Self::Verification,
            },
            InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded => Self::Paid,
            InvoiceStatus::Refunded => Self::Refunded,
            InvoiceStatus::Canceled => Self::Canceled,
            InvoiceStatus::Expired => Self::Expired,
        }
    }
}
