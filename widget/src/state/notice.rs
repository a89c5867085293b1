//! The notice above the form about the last payment.

use crate::api::State;
use crate::i18n::{self, t};
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::{DeclineCode, PaymentStatus};

/// Returns the message about the last payment that is shown above the form.
pub fn payment_notice(state: &State) -> Option<String> {
    let payment = state.payment.as_ref()?;
    if state.status != InvoiceStatus::Open {
        return None;
    }
    Some(match payment.status {
        PaymentStatus::Declined => {
            let decline = payment.decline.as_ref();
            i18n::decline(decline.map_or(DeclineCode::CardDeclined, |decline| decline.code))
        }
        PaymentStatus::Failed => t("failed"),
        PaymentStatus::Canceled => t("payment_canceled"),
        PaymentStatus::Created
        | PaymentStatus::RequiresVerification
        | PaymentStatus::Processing
        | PaymentStatus::Succeeded => return None,
    })
}
