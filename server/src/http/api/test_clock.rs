//! The clock of a test project.

use crate::app::App;
use crate::flow::{Result, test_clock};
use crate::http::middleware::auth::{Secret, Write};
use crate::http::middleware::extract::JsonBody;
use crate::http::openapi::problems;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(advance))
}

/// How far to move the clock.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"seconds": 3600}))]
struct AdvanceBody {
    /// The time to let pass, in seconds, up to a year.
    #[schema(minimum = 1, maximum = 31_622_400)]
    seconds: i64,
}

/// How far the clock was moved.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"seconds": 3600}))]
struct Advance {
    /// The time that has passed, in seconds.
    #[schema(minimum = 1, maximum = 31_622_400)]
    seconds: i64,
}

problems!(AdvanceProblems: InvalidRequest, Unauthorized, Forbidden, UnsupportedMediaType,
    PayloadTooLarge);

/// Move a test project's clock on
///
/// For projects with `test` only. What the time decides follows at once: invoices expire, verifications
/// run out, and retries of callbacks and refunds are due. The times of the project's objects move back
/// by the seconds; timestamps that callbacks sign stay real.
#[utoipa::path(post, path = "/v1/test/advance", operation_id = "advanceTestClock",
    tag = "testing", security(("secret_key" = ["write"])),
    request_body = AdvanceBody,
    responses((status = 200, body = Advance, description = "The time has passed"), AdvanceProblems))]
async fn advance(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Write>,
    body: JsonBody<AdvanceBody>,
) -> Result<Json<Advance>> {
    let seconds = body.value.seconds;
    test_clock::advance(&app, &project, seconds).await?;
    Ok(Json(Advance { seconds }))
}
