//! Payments: list, retrieve.

use crate::app::App;
use crate::flow::page::{Limit, Page};
use crate::flow::payments::PaymentFilter;
use crate::flow::{Result, payments};
use crate::http::middleware::auth::{Read, Secret};
use crate::http::middleware::extract::{Path, Query, id, one_of, parsed, time};
use crate::http::openapi::{EmailFilter, Last4Filter, OrderIdFilter, TimeOrDate, problems};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;
use till_shared::id::{InvoiceId, PaymentId};
use till_shared::payment::{DeclineCode, Payment, PaymentStatus};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
}

problems!(ReadProblems: Unauthorized, Forbidden, NotFound);

/// Retrieve a payment
///
/// The payment with its status, its decline reason and the card details that may be shown.
#[utoipa::path(get, path = "/v1/payments/{payment}", operation_id = "getPayment", tag = "payments",
    security(("secret_key" = ["read"])),
    params(("payment" = PaymentId, Path, description = "The payment's id")),
    responses((status = 200, body = Payment, description = "The payment"), ReadProblems))]
async fn read(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Read>,
    Path(payment): Path<String>,
) -> Result<Json<Payment>> {
    let id: PaymentId = id(&payment, "payment")?;
    Ok(Json(payments::get(&app, &project, &id).await?))
}

/// Filters for the list of payments.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PaymentQuery {
    /// Only payments of this invoice.
    #[param(value_type = Option<InvoiceId>)]
    invoice: Option<String>,
    /// Only payments of this order.
    #[param(value_type = Option<OrderIdFilter>, inline)]
    order_id: Option<String>,
    /// Only payments in this status.
    #[param(value_type = Option<PaymentStatus>)]
    status: Option<String>,
    /// Only payments through this connector, for example `stripe`.
    connector: Option<String>,
    /// Only payments that were declined for this reason, for example `insufficient_funds`.
    #[param(value_type = Option<DeclineCode>)]
    decline: Option<String>,
    /// Only payments by a card that ends in these four digits.
    #[param(value_type = Option<Last4Filter>, inline)]
    last4: Option<String>,
    /// Only payments of the buyer with this email address.
    #[param(value_type = Option<EmailFilter>, inline)]
    email: Option<String>,
    /// Only payments created after this time (RFC 3339), or after the beginning of this day in UTC.
    #[param(value_type = Option<TimeOrDate>, inline)]
    created_after: Option<String>,
    /// Only payments created before this time (RFC 3339), or before the beginning of this day in UTC.
    #[param(value_type = Option<TimeOrDate>, inline)]
    created_before: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(value_type = Option<PaymentId>)]
    cursor: Option<String>,
    /// The number of objects on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<i64>,
}

problems!(ListProblems: InvalidRequest, Unauthorized, Forbidden);

/// List payments, newest first
///
/// Payments of the project, those that did not succeed included. The filters are combined.
#[utoipa::path(get, path = "/v1/payments", operation_id = "listPayments",
    tag = "payments", security(("secret_key" = ["read"])),
    params(PaymentQuery),
    responses((status = 200, body = Page<Payment>,
            description = "A page of payments"), ListProblems))]
async fn list(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Read>,
    Query(query): Query<PaymentQuery>,
) -> Result<Json<Page<Payment>>> {
    let limit = Limit::new(query.limit)?;
    let filter = PaymentFilter {
        invoice: parsed("invoice", query.invoice.as_deref())?,
        order_id: query.order_id,
        status: one_of("status", query.status.as_deref())?,
        connector: query.connector,
        decline: one_of("decline", query.decline.as_deref())?,
        last4: query.last4,
        email: query.email,
        created_after: time("created_after", query.created_after.as_deref())?,
        created_before: time("created_before", query.created_before.as_deref())?,
        before: parsed("cursor", query.cursor.as_deref())?,
    };
    Ok(Json(payments::list(&app, &project, filter, limit).await?))
}
