//! The operator's API: projects, their keys and their accounts at payment providers.

use crate::app::App;
use crate::flow::page::{Limit, Page};
use crate::flow::projects::{
    self, CreatedProject, ProjectView, Settings, create_project, rotate_key, rotate_secret,
    update_project,
};
use crate::flow::{Result, project_body};
use crate::http::middleware::auth::{Admin, Operator, Viewer};
use crate::http::middleware::extract::{JsonObject, Path, Query, id, parsed};
use crate::http::middleware::headers::NO_STORE;
use crate::http::openapi::problems;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use till_shared::id::ProjectId;
use utoipa::openapi::schema::{OneOfBuilder, SchemaType};
use utoipa::openapi::{ArrayBuilder, Object, ObjectBuilder, Ref, RefOr, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update))
        .routes(routes!(new_key))
        .routes(routes!(new_secret))
}

/// Only for the OpenAPI document: a project's settings and its accounts at payment providers. The body
/// is read in two parts.
struct ProjectBody;

impl ToSchema for ProjectBody {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ConnectorBody::name().into_owned(), ConnectorBody::schema()));
        schemas.push((CaptchaBody::name().into_owned(), CaptchaBody::schema()));
        CaptchaBody::schemas(schemas);
        ConnectorBody::schemas(schemas);
        Settings::schemas(schemas);
    }
}

impl PartialSchema for ProjectBody {
    fn schema() -> RefOr<Schema> {
        let mut schema = Settings::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            let connectors = ArrayBuilder::new()
                .items(Ref::from_schema_name(ConnectorBody::name()))
                .description(Some("The accounts, in order of preference."))
                .build();
            let connectors = Schema::from(connectors).into();
            object.properties.insert("connectors".into(), connectors);
            let captcha = OneOfBuilder::new()
                .item(ObjectBuilder::new().schema_type(Type::Null))
                .item(Ref::from_schema_name(CaptchaBody::name()))
                .description(Some(
                    "The captcha that suspicious attempts to pay have to solve. In an update, null removes it.",
                ))
                .build();
            let captcha = Schema::from(captcha).into();
            object.properties.insert("captcha".into(), captcha);
            object.description = Some("A project's settings and accounts.".into());
        }
        schema
    }
}

/// Only for the OpenAPI document: a merge patch of a project.
struct ProjectPatch;

impl ToSchema for ProjectPatch {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ProjectBody::schemas(schemas);
    }
}

impl PartialSchema for ProjectPatch {
    fn schema() -> RefOr<Schema> {
        let mut schema = ProjectBody::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.required.clear();
            let version = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(1))
                .description(Some("The version that the update is for."))
                .build();
            object.properties.insert("version".into(), version.into());
            object.description = Some("The fields to change.".into());
        }
        schema
    }
}

/// An account at a payment provider.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only for the OpenAPI document")]
struct ConnectorBody {
    /// The kind of connector, for example `sandbox`.
    kind: String,
    /// Your id of the account, unique for the kind. Part of the webhook path.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    account: String,
    /// A label for you. Absent: the kind.
    #[schema(max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e]*$")]
    label: Option<String>,
    #[schema(schema_with = credentials)]
    credentials: Option<BTreeMap<String, String>>,
    /// Empty: all that the connector supports.
    #[serde(default)]
    methods: Vec<till_shared::payment::Method>,
    /// Empty: all that the connector supports.
    #[serde(default)]
    currencies: Vec<till_shared::money::Currency>,
    /// Where the buyer enters a card: on the payment provider's page or in Till's form. Absent in an
    /// update: unchanged. For a new account: `hosted`, or `direct` for the sandbox.
    card_entry: Option<till_shared::widget::CardEntry>,
}

/// The captcha that suspicious attempts to pay have to solve.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only for the OpenAPI document")]
struct CaptchaBody {
    kind: till_shared::captcha::CaptchaKind,
    /// The public key of your site at the provider.
    #[schema(pattern = "^[!-~]{1,500}$")]
    site_key: String,
    /// The secret key of your site at the provider; for Friendly Captcha, an API key. Stored encrypted and
    /// never returned.
    #[schema(pattern = "^[!-~]{1,500}$")]
    secret: String,
    /// The URL at which a token is checked. Absent: the provider's own.
    #[schema(pattern = r"^https?://[^\s/?#]+")]
    verify_url: Option<String>,
    /// The URL of the script. Absent: the provider's own.
    #[schema(pattern = r"^https?://[^\s/?#]+")]
    script_url: Option<String>,
}

/// The schema of an account's credentials: texts, which may have line breaks, as certificates do.
fn credentials() -> Object {
    let text = |pattern| {
        let text = ObjectBuilder::new().schema_type(Type::String);
        text.pattern(Some(pattern)).build()
    };
    let names = text(r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$");
    let values = text(r"^[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]*$");
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some(
            "In the connector's format. Stored encrypted and never returned. Absent in an update: \
             unchanged.",
        ))
        .property_names(Some(names))
        .additional_properties(Some(Schema::from(values)))
        .build()
}

/// A new project with its keys. They are not shown again.
#[derive(Serialize, ToSchema)]
struct NewProjectView {
    #[serde(flatten)]
    project: ProjectView,
    /// The secret key, for the project's server.
    sk: String,
    /// The signing secret, for verifying callbacks.
    signing_secret: String,
}

problems!(CreateProblems: InvalidRequest, Unauthorized, Forbidden, UnsupportedMediaType,
    PayloadTooLarge);

/// Create a project
///
/// The response has the secret key and the signing secret, which are not shown again.
#[utoipa::path(post, path = "/v1/projects", operation_id = "createProject",
    tag = "projects", security(("operator" = ["admin"])),
    request_body = ProjectBody,
    responses((status = 201, body = NewProjectView, description = "The project and its keys"),
        CreateProblems))]
async fn create(
    State(app): State<Arc<App>>,
    Operator { actor, .. }: Operator<Admin>,
    body: JsonObject,
) -> Result<(
    StatusCode,
    [(HeaderName, &'static str); 1],
    Json<NewProjectView>,
)> {
    let (settings, accounts, captcha) = project_body::read_new(body.value)?;
    let CreatedProject {
        project,
        sk,
        signing_secret,
    } = create_project(&app, &actor, settings, accounts, captcha).await?;
    log_warnings(&project);
    let created = NewProjectView {
        project,
        sk,
        signing_secret,
    };
    Ok((StatusCode::CREATED, NO_STORE, Json(created)))
}

/// Pagination of the list of projects.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ProjectQuery {
    /// The `next_cursor` of the previous page.
    #[param(value_type = Option<ProjectId>)]
    cursor: Option<String>,
    /// The number of objects on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<i64>,
}

problems!(ListProblems: InvalidRequest, Unauthorized, Forbidden);

/// List projects, newest first
///
/// Projects with their settings and accounts, without secrets.
#[utoipa::path(get, path = "/v1/projects", operation_id = "listProjects",
    tag = "projects", security(("operator" = ["viewer"])),
    params(ProjectQuery),
    responses((status = 200, body = Page<ProjectView>, description = "A page of projects"),
        ListProblems))]
async fn list(
    State(app): State<Arc<App>>,
    _: Operator<Viewer>,
    Query(query): Query<ProjectQuery>,
) -> Result<Json<Page<ProjectView>>> {
    let limit = Limit::new(query.limit)?;
    let before: Option<ProjectId> = parsed("cursor", query.cursor.as_deref())?;
    Ok(Json(projects::list(&app, before.as_ref(), limit).await?))
}

problems!(ReadProblems: Unauthorized, Forbidden, NotFound);

/// Retrieve a project
///
/// The settings and accounts, without secrets.
#[utoipa::path(get, path = "/v1/projects/{project}", operation_id = "getProject", tag = "projects",
    security(("operator" = ["viewer"])),
    params(("project" = ProjectId, Path, description = "The project's id")),
    responses((status = 200, body = ProjectView, description = "The project"), ReadProblems))]
async fn read(
    State(app): State<Arc<App>>,
    _: Operator<Viewer>,
    Path(project): Path<String>,
) -> Result<Json<ProjectView>> {
    let project = projects::get(&app, &id(&project, "project")?).await?;
    Ok(Json(project))
}

problems!(UpdateProblems: InvalidRequest, Unauthorized, Forbidden, NotFound, UnsupportedMediaType,
    PayloadTooLarge);

/// Update a project
///
/// A merge patch (RFC 7396): absent fields stay unchanged, null clears a field. `connectors` replaces
/// the whole list. With `version`, the update is rejected if the project has a different version.
/// `notify_url` enables an endpoint again that was disabled by its 410 response; `unsent_events` in
/// the response says how many events wait for it.
#[utoipa::path(patch, path = "/v1/projects/{project}", operation_id = "updateProject",
    tag = "projects",
    security(("operator" = ["admin"])),
    params(("project" = ProjectId, Path, description = "The project's id")),
    request_body = ProjectPatch,
    responses((status = 200, body = ProjectView, description = "The updated project"),
        UpdateProblems))]
async fn update(
    State(app): State<Arc<App>>,
    Operator { actor, .. }: Operator<Admin>,
    Path(project): Path<String>,
    body: JsonObject,
) -> Result<Json<ProjectView>> {
    let update = project_body::read_update(body.value)?;
    let project = update_project(&app, &actor, &id(&project, "project")?, update).await?;
    log_warnings(&project);
    Ok(Json(project))
}

problems!(RotateProblems: InvalidRequest, Unauthorized, Forbidden, NotFound);

fn log_warnings(project: &ProjectView) {
    for warning in &project.warnings {
        tracing::warn!(project = %project.id, "{warning}");
    }
}

/// Options for the rotation of a key or secret.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Rotation {
    /// `true` revokes the old one at once. Otherwise it stays valid for 24 hours.
    #[serde(default)]
    now: bool,
}

/// A new secret key. It is not shown again.
#[derive(Serialize, ToSchema)]
struct NewKey {
    /// The secret key.
    sk: String,
}

/// Rotate a project's secret key
///
/// The response has the new key, which is not shown again. The old one stays valid for 24 hours,
/// unless `now` is `true`. Keys with a name, which `POST /v1/projects/{project}/keys` made, stay valid.
#[utoipa::path(post, path = "/v1/projects/{project}/rotate-key", operation_id = "rotateProjectKey",
    tag = "projects",
    security(("operator" = ["admin"])),
    params(("project" = ProjectId, Path, description = "The project's id"), Rotation),
    responses((status = 200, body = NewKey, description = "The new key"), RotateProblems))]
async fn new_key(
    State(app): State<Arc<App>>,
    Operator { actor, .. }: Operator<Admin>,
    Path(project): Path<String>,
    Query(rotation): Query<Rotation>,
) -> Result<([(HeaderName, &'static str); 1], Json<NewKey>)> {
    let sk = rotate_key(&app, &actor, &id(&project, "project")?, rotation.now).await?;
    Ok((NO_STORE, Json(NewKey { sk })))
}

/// A new signing secret. It is not shown again.
#[derive(Serialize, ToSchema)]
struct NewSecret {
    /// The signing secret, `whsec_` and base64.
    signing_secret: String,
}

/// Rotate a project's signing secret
///
/// Callbacks are signed with both secrets for 24 hours.
#[utoipa::path(post, path = "/v1/projects/{project}/rotate-secret", operation_id = "rotateProjectSecret",
    tag = "projects",
    security(("operator" = ["admin"])),
    params(("project" = ProjectId, Path, description = "The project's id"), Rotation),
    responses((status = 200, body = NewSecret, description = "The new secret"), RotateProblems))]
async fn new_secret(
    State(app): State<Arc<App>>,
    Operator { actor, .. }: Operator<Admin>,
    Path(project): Path<String>,
    Query(rotation): Query<Rotation>,
) -> Result<([(HeaderName, &'static str); 1], Json<NewSecret>)> {
    let signing_secret =
        rotate_secret(&app, &actor, &id(&project, "project")?, rotation.now).await?;
    Ok((NO_STORE, Json(NewSecret { signing_secret })))
}
