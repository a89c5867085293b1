//! Payments and refunds: list, retrieve, refund.

use crate::app::App;
use crate::flow::page::{Limit, Page};
use crate::flow::refunds::{RefundRequest, refund_payment};
use crate::flow::{Detached, Result, payments, refunds};
use crate::http::middleware::auth::Secret;
use crate::http::middleware::extract::{OptionalJsonBody, Query, id, parsed};
use crate::http::middleware::idempotency::{Call, Key, once};
use crate::http::openapi::problems;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use till_shared::id::{InvoiceId, PaymentId, RefundId};
use till_shared::payment::Payment;
use till_shared::refund::Refund;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(create_refund))
        .routes(routes!(read_refund))
}

problems!(ReadProblems: Unauthorized, NotFound);

/// Retrieve a payment
#[utoipa::path(get, path = "/v1/payments/{payment}", tag = "payments",
    security(("secret_key" = [])), params(("payment" = PaymentId, Path)),
    responses((status = 200, body = Payment, description = "The payment"), ReadProblems))]
async fn read(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
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
    invoice: Option<String>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// From 1 to 100. Default: 20.
    limit: Option<i64>,
}

problems!(ListProblems: InvalidRequest, Unauthorized);

/// List payments, newest first
#[utoipa::path(get, path = "/v1/payments", tag = "payments", security(("secret_key" = [])),
    params(PaymentQuery),
    responses((status = 200, body = Page<Payment>, description = "A page of payments"), ListProblems))]
async fn list(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
    Query(query): Query<PaymentQuery>,
) -> Result<Json<Page<Payment>>> {
    let limit = Limit::new(query.limit)?;
    let invoice: Option<InvoiceId> = parsed("invoice", query.invoice.as_deref())?;
    let before: Option<PaymentId> = parsed("cursor", query.cursor.as_deref())?;
    let page = payments::list(&app, &project, invoice.as_ref(), before.as_ref(), limit).await?;
    Ok(Json(page))
}

/// A refund to create.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"amount": 500, "reason": "one print came damaged"}))]
struct NewRefund {
    /// Minor units. Default: the amount that is not refunded yet.
    amount: Option<i64>,
    /// The reason, for your records. At most 500 characters.
    reason: Option<String>,
}

problems!(RefundProblems: InvalidRequest, Unauthorized, NotFound, UnsupportedMediaType,
    PayloadTooLarge, IdempotencyKeyReused, IdempotencyKeyInUse, NotRefundable);

/// Refund a payment, in full or in part
///
/// The refunds of a payment never exceed its amount. A refund is `pending` until the payment provider
/// reports the outcome; then the event `refund.succeeded` or `refund.failed` is sent.
#[utoipa::path(post, path = "/v1/payments/{payment}/refunds", tag = "payments",
    security(("secret_key" = [])), params(("payment" = PaymentId, Path), Key),
    request_body = Option<NewRefund>,
    responses((status = 201, body = Refund, description = "The refund"), RefundProblems))]
async fn create_refund(
    State(app): State<Arc<App>>,
    detached: Detached,
    Secret(project): Secret,
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
        let refund = refund_payment(&detached, &app, &project, &id, refund_id, refund).await?;
        Ok((StatusCode::CREATED, refund))
    })
    .await
}

/// Retrieve a refund
#[utoipa::path(get, path = "/v1/refunds/{refund}", tag = "payments",
    security(("secret_key" = [])), params(("refund" = RefundId, Path)),
    responses((status = 200, body = Refund, description = "The refund"), ReadProblems))]
async fn read_refund(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
    Path(refund): Path<String>,
) -> Result<Json<Refund>> {
    let id: RefundId = id(&refund, "refund")?;
    Ok(Json(refunds::get(&app, &project, &id).await?))
}
