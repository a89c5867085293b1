//! The buyer's details, as they are stored.

use till_shared::buyer::{Buyer, BuyerField, acceptable};
use till_shared::text;

/// Removes the buyer's details that are invalid. The payment page asks for them.
pub fn keep_valid(buyer: &mut Buyer) {
    for field in BuyerField::ALL {
        let Some(given) = buyer.get(*field) else {
            continue;
        };
        let value = normal_detail(*field, given);
        if value.is_none() {
            tracing::info!(%field, "the order's buyer data are invalid and count as missing");
        }
        buyer.set(*field, value);
    }
}

/// A detail of the buyer without blanks at its ends and with its case set right; `None` if it is
/// invalid.
pub fn normal_detail(field: BuyerField, given: &str) -> Option<String> {
    let mut value = text::trim(given).to_owned();
    if field == BuyerField::Country {
        value.make_ascii_uppercase();
    }
    Some(value).filter(|value| acceptable(field, value))
}
