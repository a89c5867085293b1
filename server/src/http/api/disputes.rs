//! Disputes: list, retrieve.

use crate::app::App;
use crate::flow::Result;
use crate::flow::disputes::{self, DisputeFilter};
use crate::flow::page::{Limit, Page};
use crate::http::middleware::auth::{Read, Secret};
use crate::http::middleware::extract::{Path, Query, id, one_of, parsed, time};
use crate::http::openapi::{EmailFilter, Last4Filter, OrderIdFilter, TimeOrDate, problems};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;
use till_shared::dispute::{Dispute, DisputeStatus};
use till_shared::id::{DisputeId, InvoiceId, PaymentId};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
}

/// Filters for the list of disputes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DisputeQuery {
    /// Only disputes of this payment.
    #[param(value_type = Option<PaymentId>)]
    payment: Option<String>,
    /// Only disputes of this invoice.
    #[param(value_type = Option<InvoiceId>)]
    invoice: Option<String>,
    /// Only disputes of this order.
    #[param(value_type = Option<OrderIdFilter>, inline)]
    order_id: Option<String>,
    /// Only disputes of the buyer with this email address.
    #[param(value_type = Option<EmailFilter>, inline)]
    email: Option<String>,
    /// Only disputes of payments by a card that ends in these four digits.
    #[param(value_type = Option<Last4Filter>, inline)]
    last4: Option<String>,
    /// Only disputes in this status.
    #[param(value_type = Option<DisputeStatus>)]
    status: Option<String>,
    /// Only disputes created after this time (RFC 3339), or after the beginning of this day in UTC.
    #[param(value_type = Option<TimeOrDate>, inline)]
    created_after: Option<String>,
    /// Only disputes created before this time (RFC 3339), or before the beginning of this day in UTC.
    #[param(value_type = Option<TimeOrDate>, inline)]
    created_before: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(value_type = Option<DisputeId>)]
    cursor: Option<String>,
    /// The number of objects on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<i64>,
}

problems!(ListProblems: InvalidRequest, Unauthorized, Forbidden);

/// List disputes, newest first
///
/// Disputes of the project's payments. The filters are combined.
#[utoipa::path(get, path = "/v1/disputes", operation_id = "listDisputes",
    tag = "disputes", security(("secret_key" = ["read"])),
    params(DisputeQuery),
    responses((status = 200, body = Page<Dispute>,
            description = "A page of disputes"), ListProblems))]
async fn list(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Read>,
    Query(query): Query<DisputeQuery>,
) -> Result<Json<Page<Dispute>>> {
    let limit = Limit::new(query.limit)?;
    let filter = DisputeFilter {
        payment: parsed("payment", query.payment.as_deref())?,
        invoice: parsed("invoice", query.invoice.as_deref())?,
        order_id: query.order_id,
        email: query.email,
        last4: query.last4,
        status: one_of("status", query.status.as_deref())?,
        created_after: time("created_after", query.created_after.as_deref())?,
        created_before: time("created_before", query.created_before.as_deref())?,
        before: parsed("cursor", query.cursor.as_deref())?,
    };
    Ok(Json(disputes::list(&app, &project, filter, limit).await?))
}

problems!(ReadProblems: Unauthorized, Forbidden, NotFound);

/// Retrieve a dispute
///
/// The dispute with its status and the time until which you can respond.
#[utoipa::path(get, path = "/v1/disputes/{dispute}", operation_id = "getDispute", tag = "disputes",
    security(("secret_key" = ["read"])),
    params(("dispute" = DisputeId, Path, description = "The dispute's id")),
    responses((status = 200, body = Dispute, description = "The dispute"), ReadProblems))]
async fn read(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Read>,
    Path(dispute): Path<String>,
) -> Result<Json<Dispute>> {
    let id: DisputeId = id(&dispute, "dispute")?;
    Ok(Json(disputes::get(&app, &project, &id).await?))
}
