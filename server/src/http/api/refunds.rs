//! Refunds: create, list, retrieve.

use crate::app::App;
use crate::flow::page::{Limit, Page};
use crate::flow::refunds::{self, RefundFilter, RefundRequest, refund_payment};
use crate::flow::{Detached, Result};
use crate::http::middleware::auth::{Read, Refund as RefundScope, Secret};
use crate::http::middleware::extract::{OptionalJsonBody, Path, Query, id, one_of, parsed, time};
use crate::http::middleware::idempotency::{Call, Key, once};
use crate::http::openapi::{EmailFilter, Last4Filter, OrderIdFilter, TimeOrDate, problems};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use till_shared::id::{InvoiceId, PaymentId, RefundId};
use till_shared::refund::{Refund, RefundStatus};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(list))
        .routes(routes!(read))
}

/// A refund to create.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"amount": 500, "reason": "one print came damaged"}))]
struct NewRefund {
    /// Minor units. Default: the amount that is not refunded yet.
    #[schema(minimum = 1, maximum = 999_999_999_999_i64)]
    amount: Option<i64>,
    /// The reason, for your records.
    #[schema(max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e]*$")]
    reason: Option<String>,
}

problems!(RefundProblems: InvalidRequest, Unauthorized, Forbidden, NotFound, UnsupportedMediaType,
    PayloadTooLarge, IdempotencyKeyReused, IdempotencyKeyInUse, NotRefundable);

/// Refund a payment, in full or in part
///
/// The refunds of a payment never exceed its amount. A refund is `pending` until the payment provider
/// reports the outcome; then the event `refund.succeeded` or `refund.failed` is sent.
#[utoipa::path(post, path = "/v1/payments/{payment}/refunds", operation_id = "createRefund",
    tag = "payments",
    security(("secret_key" = ["refund"])),
    params(("payment" = PaymentId, Path, description = "The payment's id"), Key),
    request_body = Option<NewRefund>,
    responses((status = 201, body = Refund, description = "The refund"), RefundProblems))]
async fn create(
    State(app): State<Arc<App>>,
    detached: Detached,
    Secret { project, actor, .. }: Secret<RefundScope>,
    Path(payment): Path<String>,
    key: Key,
    OptionalJsonBody(body): OptionalJsonBody<NewRefund>,
) -> Result<Response> {
    let id: PaymentId = id(&payment, "payment")?;
    let call = Call {
        key,
        scope: format!("project {}", project.id),
        request: format!("POST {id} refunds {}", body.canonical),
    };
    let refund = RefundRequest {
        amount: body.value.amount,
        reason: body.value.reason,
    };
    once(&app, call, async |unique| {
        let refund_id = RefundId::from_unique(unique);
        let refund =
            refund_payment(&detached, &app, &actor, &project, &id, refund_id, refund).await?;
        Ok((StatusCode::CREATED, refund))
    })
    .await
}

/// Filters for the list of refunds.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RefundQuery {
    /// Only refunds of this payment.
    #[param(value_type = Option<PaymentId>)]
    payment: Option<String>,
    /// Only refunds of this invoice.
    #[param(value_type = Option<InvoiceId>)]
    invoice: Option<String>,
    /// Only refunds of this order.
    #[param(value_type = Option<OrderIdFilter>, inline)]
    order_id: Option<String>,
    /// Only refunds of the buyer with this email address.
    #[param(value_type = Option<EmailFilter>, inline)]
    email: Option<String>,
    /// Only refunds of payments by a card that ends in these four digits.
    #[param(value_type = Option<Last4Filter>, inline)]
    last4: Option<String>,
    /// Only refunds in this status.
    #[param(value_type = Option<RefundStatus>)]
    status: Option<String>,
    /// Only refunds created after this time (RFC 3339), or after the beginning of this day in UTC.
    #[param(value_type = Option<TimeOrDate>, inline)]
    created_after: Option<String>,
    /// Only refunds created before this time (RFC 3339), or before the beginning of this day in UTC.
    #[param(value_type = Option<TimeOrDate>, inline)]
    created_before: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(value_type = Option<RefundId>)]
    cursor: Option<String>,
    /// The number of objects on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<i64>,
}

problems!(ListProblems: InvalidRequest, Unauthorized, Forbidden);

/// List refunds, newest first
///
/// Refunds of the project, those made in the payment system's dashboard included. The filters are
/// combined.
#[utoipa::path(get, path = "/v1/refunds", operation_id = "listRefunds",
    tag = "payments", security(("secret_key" = ["read"])),
    params(RefundQuery),
    responses((status = 200, body = Page<Refund>,
            description = "A page of refunds"), ListProblems))]
async fn list(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Read>,
    Query(query): Query<RefundQuery>,
) -> Result<Json<Page<Refund>>> {
    let limit = Limit::new(query.limit)?;
    let filter = RefundFilter {
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
    Ok(Json(refunds::list(&app, &project, filter, limit).await?))
}

problems!(ReadProblems: Unauthorized, Forbidden, NotFound);

/// Retrieve a refund
///
/// The refund with its status and who requested it.
#[utoipa::path(get, path = "/v1/refunds/{refund}", operation_id = "getRefund", tag = "payments",
    security(("secret_key" = ["read"])),
    params(("refund" = RefundId, Path, description = "The refund's id")),
    responses((status = 200, body = Refund, description = "The refund"), ReadProblems))]
async fn read(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Read>,
    Path(refund): Path<String>,
) -> Result<Json<Refund>> {
    let id: RefundId = id(&refund, "refund")?;
    Ok(Json(refunds::get(&app, &project, &id).await?))
}
