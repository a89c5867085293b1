//! Removing a buyer's data on request, wherever they are stored.

use super::audit::{self, Actor, Change};
use super::buyer::normal_detail;
use super::error::{Error, Result};
use crate::app::App;
use crate::clock;
use crate::store::buyer_data::{self, Candidate, Needed, Removed, Searched};
use crate::store::invoices::{self, InvoiceRow};
use crate::store::payments;
use crate::store::projects::Project;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use till_shared::buyer::{Buyer, BuyerField};
use till_shared::event::Event;
use till_shared::id::InvoiceId;

/// What became of the buyer's data of one invoice.
#[derive(Debug, Serialize)]
pub struct Forgotten {
    /// The invoice.
    pub invoice: InvoiceId,
    /// The project's order id, which stays.
    pub order_id: String,
    /// Why the data are still needed and nothing was removed; null if they were removed.
    pub kept: Option<&'static str>,
    /// What was removed.
    pub removed: RemovedData,
    /// What the payment systems keep.
    pub payment_systems: Vec<Reference>,
}

/// What was removed of an invoice.
#[derive(Debug, Default, Serialize)]
pub struct RemovedData {
    /// The fields of the invoice.
    pub fields: Vec<&'static str>,
    /// The number of payments that lost their card: brand, last four digits and expiry date.
    pub cards: i64,
    /// The number of refunds that lost their reason.
    pub refund_reasons: i64,
    /// The number of events that lost their data.
    pub events: i64,
    /// The number of delivery attempts that lost the endpoint's response.
    pub responses: i64,
    /// The number of responses that were removed from idempotency keys.
    pub idempotent_responses: i64,
}

/// A payment system's own record of a payment.
#[derive(Debug, Serialize)]
pub struct Reference {
    /// The connector's kind.
    pub connector: String,
    /// The payment system's id.
    pub reference: String,
}

/// Whether to remove the data, or only to say what would be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The data are removed.
    Remove,
    /// Nothing changes.
    DryRun,
}

/// Finds the invoices of the buyer with this email address, in any case: by their buyer, and by what
/// events say that their buyer was. The oldest is first.
///
/// # Errors
/// `invalid-request` if the address is invalid.
pub async fn find(app: &App, project: &Project, email: &str) -> Result<Vec<InvoiceId>> {
    let email = normal_detail(BuyerField::Email, email)
        .ok_or_else(|| Error::field("email", "invalid", "must be an email address"))?;
    let mut found = BTreeSet::new();
    for searched in [Searched::Invoices, Searched::Events] {
        let mut after = String::new();
        loop {
            let rows = app.store.find_buyer(searched, &project.id, &email, &after);
            let Some((rows, last)) = rows.await? else {
                break;
            };
            let named = rows.into_iter().filter(|row| names(searched, row, &email));
            found.extend(named.map(|row| row.invoice));
            after = last;
        }
    }
    Ok(found.into_iter().collect())
}

/// Whether the buyer in a stored text has this email address.
fn names(searched: Searched, row: &Candidate, email: &str) -> bool {
    let buyer: Option<Buyer> = match searched {
        Searched::Invoices => serde_json::from_str(&row.text).ok(),
        Searched::Events => {
            let event = serde_json::from_str::<Event>(&row.text).ok();
            event.and_then(|event| Some(event.data.invoice?.buyer))
        }
    };
    let stored = buyer.and_then(|buyer| buyer.email);
    stored.is_some_and(|stored| stored.to_lowercase() == email.to_lowercase())
}

/// Removes the buyer's data of an invoice, from the invoice, its payments, refunds and events, the
/// responses to its callbacks, and the responses that idempotency keys keep. The audit log records it.
/// Data that are still needed stay, all of them.
///
/// # Errors
/// `not-found` if there is no such invoice. Nothing has changed then.
#[tracing::instrument(level = "error", skip_all, fields(invoice = %id))]
pub async fn forget(app: &App, by: &Actor, id: &InvoiceId, mode: Mode) -> Result<Forgotten> {
    let mut tx = app.store.begin().await?;
    let invoice = invoices::lock(&mut tx, id).await?;
    let invoice = invoice.ok_or_else(|| Error::not_found("invoice"))?;
    let payments = payments::of_invoice(&mut tx, id).await?;
    let references = payments.into_iter().filter_map(|payment| {
        Some(Reference {
            connector: payment.connector,
            reference: payment.reference?.id,
        })
    });
    let mut forgotten = Forgotten {
        invoice: invoice.id.clone(),
        order_id: invoice.order_id.clone(),
        kept: None,
        removed: RemovedData::default(),
        payment_systems: references.collect(),
    };
    if let Some(needed) = buyer_data::needed(&mut tx, id).await? {
        forgotten.kept = Some(reason(needed));
        return Ok(forgotten);
    }
    let Some(removed) = buyer_data::remove(&mut tx, id, clock::now_ms()).await? else {
        forgotten.kept = Some(reason(Needed::PendingCallback));
        return Ok(forgotten);
    };
    let plain = buyer_data::remove_plain_responses(&mut tx, id).await?;
    forgotten.removed = removed_data(&invoice, removed, plain);
    if mode == Mode::DryRun {
        return Ok(forgotten);
    }
    // The entry names the invoice, and not the buyer.
    let change = Change {
        action: "buyer.forget",
        project: Some(&invoice.project),
        subject: invoice.id.to_string(),
        before: None,
        after: None,
        detail: json!({ "removed": forgotten.removed }),
    };
    audit::append(&mut tx, by, change).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    tracing::info!(project = %invoice.project, "an operator removed the buyer's data");
    Ok(forgotten)
}

fn removed_data(invoice: &InvoiceRow, removed: Removed, plain: i64) -> RemovedData {
    let buyer = &invoice.buyer;
    let fields = [
        ("email", buyer.email.is_some()),
        ("name", buyer.name.is_some()),
        ("phone", buyer.phone.is_some()),
        ("country", buyer.country.is_some()),
        ("description", invoice.description.is_some()),
        ("items", !invoice.items.is_empty()),
        ("metadata", !invoice.metadata.is_empty()),
        ("locale", invoice.locale.is_some()),
        ("success_url", invoice.success_url.is_some()),
        ("failure_url", invoice.failure_url.is_some()),
    ];
    let present = fields.into_iter().filter(|(_, present)| *present);
    RemovedData {
        fields: present.map(|(field, _)| field).collect(),
        cards: removed.cards,
        refund_reasons: removed.refund_reasons,
        events: removed.events,
        responses: removed.responses,
        idempotent_responses: removed.idempotent_responses + plain,
    }
}

/// The sentence that says why data are kept.
fn reason(needed: Needed) -> &'static str {
    match needed {
        Needed::OpenInvoice => "the invoice is open: cancel it, or wait until it expires",
        Needed::LivePayment => "a payment is in progress: wait until it ends, or resolve it",
        Needed::PendingRefund => "a refund is pending",
        Needed::OpenDispute => "a dispute is open, and the data may be evidence",
        Needed::PendingCallback => "a callback is not delivered yet: the shop may need the data",
    }
}
