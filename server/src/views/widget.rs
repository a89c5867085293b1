//! What the widget shows.

use super::payment::fixed_payment;
use crate::clock::rfc3339;
use crate::store::invoices::InvoiceRow;
use crate::store::payments::PaymentRow;
use crate::store::projects::Project;
use till_shared::card_data::CardEncryptionKey;
use till_shared::widget::{
    Bill, BillingData, FixedPayment, MethodInfo, ProjectInfo, Verification, WidgetState,
};

/// The state of an invoice: what changes while the widget is open. It does not name the card, which only
/// the answer to the fixation does: others may have the client token.
pub fn widget_state(
    row: &InvoiceRow,
    payment: Option<&PaymentRow>,
    continue_url: Option<String>,
) -> WidgetState {
    let shown = payment.map(fixed_payment);
    let (payment, verification) = match shown {
        Some(FixedPayment {
            mut payment,
            verification,
        }) => {
            payment.shown.card = None;
            (Some(payment), verification)
        }
        None => (None, Verification::None),
    };
    WidgetState {
        status: row.status,
        payment,
        verification,
        continue_url,
    }
}

/// Billing data: everything the widget shows.
pub fn billing_data(
    project: &Project,
    row: &InvoiceRow,
    methods: Vec<MethodInfo>,
    state: WidgetState,
    card_encryption_key: Option<CardEncryptionKey>,
) -> BillingData {
    let settings = &project.settings;
    let widget = &settings.widget;
    let bill = Bill {
        project: ProjectInfo {
            name: settings.name.clone(),
            logo_url: widget.logo_url.clone(),
        },
        amount: row.money.amount,
        currency: row.money.currency.to_string(),
        exponent: row.money.currency.exponent(),
        description: row.description.clone(),
        items: row.items.clone(),
        missing: row.buyer.missing(&settings.required_buyer_fields),
        methods,
        theme: widget.theme,
        accent: widget.accent.clone(),
        locale: row.locale.clone().or_else(|| widget.locale.clone()),
        expires_at: rfc3339(row.expires_at),
        test: settings.test,
    };
    BillingData {
        invoice: row.id.clone(),
        order_id: row.order_id.clone(),
        bill,
        state,
        card_encryption_key,
    }
}
