//! What the project's server calls, with the secret key.

use super::error::field;
use super::extract::{Json, Query, Secret, id, parsed};
use super::idempotency::{Call, Key, once};
use crate::flow::create_invoice::{NewInvoice, Origin, create_invoice};
use crate::flow::{App, Error, Result, view};
use crate::store::invoices::InvoiceFilter;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Json as Answer, Router};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use till_shared::id::{InvoiceId, PaymentId};
use till_shared::invoice::Invoice;
use till_shared::payment::Payment;

/// The calls.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/invoices", get(list_invoices).post(create))
        .route("/v1/invoices/{invoice}", get(invoice))
        .route("/v1/payments", get(list_payments))
        .route("/v1/payments/{payment}", get(payment))
}

/// A page of a list.
#[derive(Serialize)]
struct Page<T> {
    data: Vec<T>,
    /// What to send as `cursor` for the next page.
    next_cursor: Option<String>,
}

/// How many a page holds where the caller doesn't say.
const USUAL_LIMIT: i64 = 20;

fn checked_limit(limit: Option<i64>) -> Result<i64> {
    let limit = limit.unwrap_or(USUAL_LIMIT);
    match limit {
        1..=100 => Ok(limit),
        _ => Err(field("limit", "out_of_range", "from 1 to 100")),
    }
}

async fn create(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
    key: Key,
    body: Json<NewInvoice>,
) -> Result<Response> {
    let call = Call {
        key,
        scope: format!("project {}", project.id),
        request: format!("POST invoices {}", body.canonical),
    };
    once(app.clone(), call, async move {
        let created = create_invoice(&app, &project, body.value, Origin::Server).await?;
        let status = match created.new {
            true => StatusCode::CREATED,
            false => StatusCode::OK,
        };
        Ok::<(StatusCode, Invoice), Error>((status, created.invoice))
    })
    .await
}

async fn invoice(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
    Path(invoice): Path<String>,
) -> Result<Answer<Invoice>> {
    let id: InvoiceId = id(&invoice, "invoice")?;
    let row = app.store.project_invoice(&project.id, &id).await?;
    let row = row.ok_or_else(|| Error::not_found("invoice"))?;
    let payments = app.store.payments_of(&id).await?;
    Ok(Answer(view::invoice(&app, &project, &row, &payments)))
}

#[derive(Deserialize)]
struct InvoiceQuery {
    order_id: Option<String>,
    status: Option<String>,
    created_after: Option<String>,
    cursor: Option<String>,
    limit: Option<i64>,
}

async fn list_invoices(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
    Query(query): Query<InvoiceQuery>,
) -> Result<Answer<Page<Invoice>>> {
    let limit = checked_limit(query.limit)?;
    let after: Option<jiff::Timestamp> = parsed("created_after", query.created_after.as_deref())?;
    let filter = InvoiceFilter {
        order_id: query.order_id,
        status: parsed("status", query.status.as_deref())?,
        created_after: after.map(|time| time.as_millisecond()),
        before: parsed("cursor", query.cursor.as_deref())?,
        // One more than asked for tells whether there is a next page.
        limit: limit + 1,
    };
    let rows = app.store.list_invoices(&project.id, &filter).await?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    let mut data = Vec::with_capacity(rows.len());
    for row in rows.iter().take(size) {
        let payments = app.store.payments_of(&row.id).await?;
        data.push(view::invoice(&app, &project, row, &payments));
    }
    let last = data.last().map(|invoice| invoice.id.to_string());
    Ok(Answer(Page {
        next_cursor: last.filter(|_| more),
        data,
    }))
}

async fn payment(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
    Path(payment): Path<String>,
) -> Result<Answer<Payment>> {
    let id: PaymentId = id(&payment, "payment")?;
    let row = app.store.project_payment(&project.id, &id).await?;
    let row = row.ok_or_else(|| Error::not_found("payment"))?;
    Ok(Answer(view::payment(&row)))
}

#[derive(Deserialize)]
struct PaymentQuery {
    invoice: Option<String>,
    cursor: Option<String>,
    limit: Option<i64>,
}

async fn list_payments(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
    Query(query): Query<PaymentQuery>,
) -> Result<Answer<Page<Payment>>> {
    let limit = checked_limit(query.limit)?;
    let invoice: Option<InvoiceId> = parsed("invoice", query.invoice.as_deref())?;
    let before: Option<PaymentId> = parsed("cursor", query.cursor.as_deref())?;
    let rows = app
        .store
        .list_payments(&project.id, invoice.as_ref(), before.as_ref(), limit + 1)
        .await?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    let data: Vec<_> = rows.iter().take(size).map(view::payment).collect();
    let last = data.last().map(|payment| payment.id.to_string());
    Ok(Answer(Page {
        next_cursor: last.filter(|_| more),
        data,
    }))
}
