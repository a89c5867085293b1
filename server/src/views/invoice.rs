//! Invoices.

use super::payment::{fixed_payment, payment};
use crate::app::App;
use crate::clock::rfc3339;
use crate::store::invoices::InvoiceRow;
use crate::store::payments::PaymentRow;
use crate::store::projects::Project;
use till_shared::invoice::Invoice;
use till_shared::widget::Verification;

/// An invoice with its payments.
pub fn invoice(app: &App, project: &Project, row: &InvoiceRow, payments: &[PaymentRow]) -> Invoice {
    Invoice {
        id: row.id.clone(),
        object: "invoice".into(),
        project: row.project.clone(),
        order_id: row.order_id.clone(),
        amount: row.money.amount,
        currency: row.money.currency,
        description: row.description.clone(),
        items: row.items.clone(),
        buyer: row.buyer.clone(),
        missing: row.buyer.missing(&project.settings.required_buyer_fields),
        status: row.status,
        payments: payments.iter().map(payment).collect(),
        amount_refunded: row.amount_refunded,
        payment_url: app.payment_page_url(&row.id),
        confirmation_url: payments.iter().find_map(confirmation_url),
        client_token: app.keys.client_token(&row.id),
        locale: row.locale.clone(),
        metadata: row.metadata.clone(),
        test: project.settings.test,
        created_at: rfc3339(row.created_at),
        expires_at: rfc3339(row.expires_at),
        paid_at: row.paid_at.map(rfc3339),
    }
}

/// The payment system's form, while a payment waits for the buyer there.
fn confirmation_url(row: &PaymentRow) -> Option<String> {
    match fixed_payment(row).verification {
        Verification::Redirect { url } | Verification::Frame { url } => Some(url),
        Verification::None => None,
    }
}
