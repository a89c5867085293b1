//! The operator ends payments that no payment system will end.

use crate::app::App;
use crate::flow::payments::{self, Resolution};
use crate::flow::{Detached, Result};
use crate::http::middleware::auth::{Operator, Support};
use crate::http::middleware::extract::{JsonBody, Path, id};
use crate::http::openapi::problems;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;
use till_shared::id::PaymentId;
use till_shared::payment::{Payment, PaymentStatus};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(resolve))
}

/// The status that an operator gives a payment.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "only for the OpenAPI document")]
enum Resolved {
    Succeeded,
    Failed,
}

/// What the operator found out about a payment.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"status": "failed", "reason": "no trace of it in the bank's statement"}))]
struct ResolveBody {
    /// `succeeded` or `failed`.
    #[schema(value_type = Resolved)]
    status: PaymentStatus,
    /// The payment system's id of the payment, which refunds need.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e]*[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e][^\x00-\x1f\x7f-\x9f\u2028-\u202e]*$"
    )]
    reference: Option<String>,
    /// How you know, for the audit log. At most 500 characters.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e]*[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e][^\x00-\x1f\x7f-\x9f\u2028-\u202e]*$"
    )]
    reason: String,
}

problems!(ResolveProblems: InvalidRequest, Unauthorized, Forbidden, NotFound, UnsupportedMediaType,
    PayloadTooLarge, PaymentInProgress, PaymentFinal);

/// Resolve a payment
///
/// Ends a payment that no payment system will end: one that is held because of a different amount, or
/// whose outcome stays unknown. `/readyz` counts such payments. The project is told as if the payment
/// system had reported the outcome, and the decision is written to the audit log.
#[utoipa::path(post, path = "/v1/payments/{payment}/resolve", operation_id = "resolvePayment",
    tag = "payments",
    security(("operator" = ["support"])), params(("payment" = PaymentId, Path, description = "The payment's id")), request_body = ResolveBody,
    responses((status = 200, body = Payment, description = "The payment"), ResolveProblems))]
async fn resolve(
    State(app): State<Arc<App>>,
    _: Detached,
    Operator { actor, .. }: Operator<Support>,
    Path(payment): Path<String>,
    body: JsonBody<ResolveBody>,
) -> Result<Json<Payment>> {
    let id: PaymentId = id(&payment, "payment")?;
    let resolution = Resolution {
        status: body.value.status,
        reference: body.value.reference,
        reason: body.value.reason,
    };
    Ok(Json(
        payments::resolve(&app, &actor, &id, resolution).await?,
    ))
}
