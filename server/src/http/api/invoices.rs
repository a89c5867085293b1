//! Invoices: create, retrieve, list, cancel.

use crate::app::App;
use crate::flow::invoices::{self, InvoiceFilter, Order, Origin, cancel_invoice, create_invoice};
use crate::flow::page::{Limit, Page};
use crate::flow::{Detached, Result};
use crate::http::middleware::auth::{Read, Secret, Write};
use crate::http::middleware::extract::{JsonBody, Path, Query, id, one_of, parsed, time};
use crate::http::middleware::idempotency::{Call, Key, once};
use crate::http::middleware::request_id::record_order;
use crate::http::openapi::{EmailFilter, Last4Filter, OrderIdFilter, TimeOrDate, problems};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use till_shared::id::InvoiceId;
use till_shared::invoice::{Invoice, InvoiceStatus};
use till_shared::payment::DeclineCode;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read))
        .routes(routes!(cancel))
}

problems!(CreateProblems: InvalidRequest, Unauthorized, Forbidden, UnsupportedMediaType, PayloadTooLarge,
    IdempotencyKeyReused, IdempotencyKeyInUse, OrderIdReused, MethodUnavailable, OrderRejected,
    OrderCheckUnavailable);

/// Create an invoice
///
/// The same order again returns the same invoice (200). Different data under the same `order_id` is
/// rejected. After the invoice has expired or was canceled, the same order makes a new one. With
/// `method`, the server creates the payment at once, and `confirmation_url` is the payment provider's
/// form: send the buyer there. Without, `payment_url` is the hosted payment page.
#[utoipa::path(post, path = "/v1/invoices", operation_id = "createInvoice",
    tag = "invoices", security(("secret_key" = ["write"])),
    params(Key), request_body = Order,
    responses((status = 201, body = Invoice, description = "The new invoice"),
        (status = 200, body = Invoice, description = "The existing invoice of this order"),
        CreateProblems))]
async fn create(
    State(app): State<Arc<App>>,
    detached: Detached,
    Secret { project, .. }: Secret<Write>,
    key: Key,
    body: JsonBody<Order>,
) -> Result<Response> {
    record_order(&body.value.order_id);
    let call = Call {
        key,
        scope: format!("project {}", project.id),
        request: format!("POST invoices {}", body.canonical),
    };
    once(&app, call, async |unique| {
        let id = InvoiceId::from_unique(unique);
        let created =
            create_invoice(&detached, &app, &project, id, body.value, Origin::Server).await?;
        let status = if created.new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        Ok((status, created.invoice))
    })
    .await
}

problems!(ReadProblems: Unauthorized, Forbidden, NotFound);

/// Retrieve an invoice
///
/// The invoice with all its payments.
#[utoipa::path(get, path = "/v1/invoices/{invoice}", operation_id = "getInvoice", tag = "invoices",
    security(("secret_key" = ["read"])),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id")),
    responses((status = 200, body = Invoice, description = "The invoice"), ReadProblems))]
async fn read(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Read>,
    Path(invoice): Path<String>,
) -> Result<Json<Invoice>> {
    let id: InvoiceId = id(&invoice, "invoice")?;
    Ok(Json(invoices::get(&app, &project, &id).await?))
}

problems!(CancelProblems: Unauthorized, Forbidden, NotFound, PaymentInProgress, InvoicePaid, InvoiceExpired);

/// Cancel an open invoice
///
/// Canceling a canceled invoice returns it unchanged.
#[utoipa::path(post, path = "/v1/invoices/{invoice}/cancel", operation_id = "cancelInvoice",
    tag = "invoices",
    security(("secret_key" = ["write"])),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id")),
    responses((status = 200, body = Invoice,
            description = "The canceled invoice"), CancelProblems))]
async fn cancel(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Write>,
    Path(invoice): Path<String>,
) -> Result<Json<Invoice>> {
    let id: InvoiceId = id(&invoice, "invoice")?;
    Ok(Json(cancel_invoice(&app, &project, &id).await?))
}

/// Filters for the list of invoices.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct InvoiceQuery {
    /// Only invoices of this order.
    #[param(value_type = Option<OrderIdFilter>, inline)]
    order_id: Option<String>,
    /// Only invoices in this status.
    #[param(value_type = Option<InvoiceStatus>)]
    status: Option<String>,
    /// Only invoices of the buyer with this email address.
    #[param(value_type = Option<EmailFilter>, inline)]
    email: Option<String>,
    /// Only invoices with a payment by a card that ends in these four digits.
    #[param(value_type = Option<Last4Filter>, inline)]
    last4: Option<String>,
    /// Only invoices with a payment that was declined for this reason, for example
    /// `insufficient_funds`.
    #[param(value_type = Option<DeclineCode>)]
    decline: Option<String>,
    /// Only invoices created after this time (RFC 3339), or after the beginning of this day in UTC.
    #[param(value_type = Option<TimeOrDate>, inline)]
    created_after: Option<String>,
    /// Only invoices created before this time (RFC 3339), or before the beginning of this day in UTC.
    #[param(value_type = Option<TimeOrDate>, inline)]
    created_before: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(value_type = Option<InvoiceId>)]
    cursor: Option<String>,
    /// The number of objects on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<i64>,
}

problems!(ListProblems: InvalidRequest, Unauthorized, Forbidden);

/// List invoices, newest first
///
/// Invoices of the project with their payments. The filters are combined.
#[utoipa::path(get, path = "/v1/invoices", operation_id = "listInvoices",
    tag = "invoices", security(("secret_key" = ["read"])),
    params(InvoiceQuery),
    responses((status = 200, body = Page<Invoice>,
            description = "A page of invoices"), ListProblems))]
async fn list(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Read>,
    Query(query): Query<InvoiceQuery>,
) -> Result<Json<Page<Invoice>>> {
    let limit = Limit::new(query.limit)?;
    let filter = InvoiceFilter {
        order_id: query.order_id,
        status: one_of("status", query.status.as_deref())?,
        email: query.email,
        last4: query.last4,
        decline: one_of("decline", query.decline.as_deref())?,
        created_after: time("created_after", query.created_after.as_deref())?,
        created_before: time("created_before", query.created_before.as_deref())?,
        before: parsed("cursor", query.cursor.as_deref())?,
    };
    Ok(Json(invoices::list(&app, &project, filter, limit).await?))
}
