//! The lists, with each filter alone, with each other one, and with the cursor and times.

use super::rows::{ID, NOW};
use anyhow::Result;
use till_server::store::Store;
use till_server::store::audit_log;
use till_server::store::disputes::DisputeFilter;
use till_server::store::events::{After, EventFilter};
use till_server::store::invoices::queries::InvoiceFilter;
use till_server::store::payments::list::PaymentFilter;
use till_server::store::refunds::RefundFilter;
use till_shared::dispute::DisputeStatus;
use till_shared::event::{DeliveryState, EventType};
use till_shared::id::{DisputeId, EventId, InvoiceId, PaymentId, ProjectId, RefundId};
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::{DeclineCode, PaymentStatus};
use till_shared::refund::RefundStatus;

/// The most filters of a list.
const MOST: usize = 10;

/// Calls all lists.
pub async fn call_all(store: &Store) -> Result<()> {
    for first in 0..MOST {
        for second in first..MOST {
            call(store, |n| n == first || n == second).await?;
        }
    }
    call(store, |_| false).await?;
    call(store, |_| true).await
}

async fn call(store: &Store, given: impl Fn(usize) -> bool) -> Result<()> {
    let project = ProjectId::from_unique(ID);
    let text = |n, value: &str| given(n).then(|| value.to_owned());
    let (order_id, email, last4) = (text(0, "order"), text(1, "a@b.example"), text(2, "4242"));
    let (created_after, created_before) = (given(3).then_some(0), given(4).then_some(NOW));
    let invoice = given(5).then(|| InvoiceId::from_unique(ID));
    let payment = given(6).then(|| PaymentId::from_unique(ID));
    let decline = given(7).then_some(DeclineCode::CardDeclined);
    let status = given(8);
    let before = given(9);
    let filter = InvoiceFilter {
        order_id: order_id.clone(),
        status: status.then_some(InvoiceStatus::Paid),
        email: email.clone(),
        last4: last4.clone(),
        decline,
        created_after,
        created_before,
        before: before.then(|| InvoiceId::from_unique(ID)),
    };
    store.list_invoices(&project, &filter, 10).await?;
    let filter = PaymentFilter {
        invoice: invoice.clone(),
        order_id: order_id.clone(),
        status: status.then_some(PaymentStatus::Succeeded),
        connector: text(6, "sandbox"),
        decline,
        last4: last4.clone(),
        email: email.clone(),
        created_after,
        created_before,
        before: before.then(|| PaymentId::from_unique(ID)),
    };
    store.list_payments(&project, &filter, 10).await?;
    let filter = RefundFilter {
        payment: payment.clone(),
        invoice: invoice.clone(),
        order_id: order_id.clone(),
        email: email.clone(),
        last4: last4.clone(),
        status: status.then_some(RefundStatus::Succeeded),
        created_after,
        created_before,
        before: before.then(|| RefundId::from_unique(ID)),
    };
    store.list_refunds(&project, &filter, 10).await?;
    let filter = DisputeFilter {
        payment,
        invoice: invoice.clone(),
        order_id: order_id.clone(),
        email: email.clone(),
        last4,
        status: status.then_some(DisputeStatus::Lost),
        created_after,
        created_before,
        before: before.then(|| DisputeId::from_unique(ID)),
    };
    store.list_disputes(&project, &filter, 10).await?;
    let filter = EventFilter {
        kind: given(7).then_some(EventType::InvoicePaid),
        state: status.then_some(DeliveryState::Delivered),
        invoice,
        order_id,
        email,
        after: After {
            event: given(2).then(|| EventId::from_unique(ID)),
            time: created_after,
        },
        created_before,
        before: before.then(|| EventId::from_unique(ID)),
    };
    store.list_events(&project, &filter, 10).await?;
    let filter = audit_log::Filter {
        project: given(0).then_some(project),
        action: text(1, "action"),
        actor: text(2, "name"),
        subject: text(5, "subject"),
        created_after,
        created_before,
        before: text(9, ID),
    };
    store.list_audit(&filter, 10).await?;
    Ok(())
}
