//! The operator's API: a project's secret keys.

use crate::app::App;
use crate::flow::Result;
use crate::flow::keys::{self, CreatedKey, KeyScope, KeyView, NewKey};
use crate::flow::page::{Limit, Page};
use crate::http::middleware::auth::{Admin, Operator, Viewer};
use crate::http::middleware::extract::{JsonBody, Path, Query, id, parsed, time};
use crate::http::middleware::headers::NO_STORE;
use crate::http::openapi::{TimeOrDate, problems};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use till_shared::id::{KeyId, ProjectId};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
}

/// A secret key to create.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"name": "nightly report", "scopes": ["read"]}))]
struct NewSecretKey {
    /// A name by which you know the key.
    #[schema(
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e]*[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e][^\x00-\x1f\x7f-\x9f\u2028-\u202e]*$"
    )]
    name: String,
    /// The calls that the key allows.
    #[schema(min_items = 1)]
    scopes: Vec<KeyScope>,
    /// When the key ends: RFC 3339, or a date, which is its beginning in UTC. Absent: it has no end date.
    #[schema(value_type = Option<TimeOrDate>, inline)]
    expires_at: Option<String>,
}

/// A new secret key. It is not shown again.
#[derive(Serialize, ToSchema)]
struct CreatedKeyView {
    #[serde(flatten)]
    key: KeyView,
    /// The secret key, for the project's server.
    #[schema(pattern = "^sk_")]
    sk: String,
}

problems!(CreateProblems: InvalidRequest, Unauthorized, Forbidden, NotFound, UnsupportedMediaType,
    PayloadTooLarge);

/// Create a secret key
///
/// A project may have several keys, each with the scopes that its user needs: `read` for every call that
/// only reads, `refund` for refunds, `write` for all other calls. The response has the key, which is not
/// shown again.
#[utoipa::path(post, path = "/v1/projects/{project}/keys", operation_id = "createProjectKey",
    tag = "projects", security(("operator" = ["admin"])),
    params(("project" = ProjectId, Path, description = "The project's id")),
    request_body = NewSecretKey,
    responses((status = 201, body = CreatedKeyView, description = "The new key"), CreateProblems))]
async fn create(
    State(app): State<Arc<App>>,
    Operator { actor, .. }: Operator<Admin>,
    Path(project): Path<String>,
    body: JsonBody<NewSecretKey>,
) -> Result<(
    StatusCode,
    [(HeaderName, &'static str); 1],
    Json<CreatedKeyView>,
)> {
    let NewSecretKey {
        name,
        scopes,
        expires_at,
    } = body.value;
    let new = NewKey {
        name,
        scopes,
        expires_at: time("expires_at", expires_at.as_deref())?,
    };
    let CreatedKey { key, sk } = keys::create(&app, &actor, &id(&project, "project")?, new).await?;
    Ok((
        StatusCode::CREATED,
        NO_STORE,
        Json(CreatedKeyView { key, sk }),
    ))
}

/// Pagination of the list of keys.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct KeyQuery {
    /// The `next_cursor` of the previous page.
    #[param(value_type = Option<KeyId>)]
    cursor: Option<String>,
    /// The number of objects on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<i64>,
}

problems!(ListProblems: InvalidRequest, Unauthorized, Forbidden, NotFound);

/// List a project's secret keys, newest first
///
/// Names, scopes and times, without the keys themselves. Keys that have ended stay in the list.
#[utoipa::path(get, path = "/v1/projects/{project}/keys", operation_id = "listProjectKeys",
    tag = "projects", security(("operator" = ["viewer"])),
    params(("project" = ProjectId, Path, description = "The project's id"), KeyQuery),
    responses((status = 200, body = Page<KeyView>, description = "A page of keys"), ListProblems))]
async fn list(
    State(app): State<Arc<App>>,
    _: Operator<Viewer>,
    Path(project): Path<String>,
    Query(query): Query<KeyQuery>,
) -> Result<Json<Page<KeyView>>> {
    let limit = Limit::new(query.limit)?;
    let before: Option<KeyId> = parsed("cursor", query.cursor.as_deref())?;
    let project = id(&project, "project")?;
    Ok(Json(
        keys::list(&app, &project, before.as_ref(), limit).await?,
    ))
}

problems!(RevokeProblems: Unauthorized, Forbidden, NotFound);

/// Revoke a secret key
///
/// The key ends at once, on all servers, and stays in the list. Revoking a key that has ended changes
/// nothing.
#[utoipa::path(delete, path = "/v1/projects/{project}/keys/{key}", operation_id = "revokeProjectKey",
    tag = "projects", security(("operator" = ["admin"])),
    params(("project" = ProjectId, Path, description = "The project's id"),
        ("key" = KeyId, Path, description = "The key's id")),
    responses((status = 200, body = KeyView, description = "The revoked key"), RevokeProblems))]
async fn revoke(
    State(app): State<Arc<App>>,
    Operator { actor, .. }: Operator<Admin>,
    Path((project, key)): Path<(String, String)>,
) -> Result<Json<KeyView>> {
    let (project, key) = (id(&project, "project")?, id(&key, "key")?);
    Ok(Json(keys::revoke(&app, &actor, &project, &key).await?))
}
