//! The versions of the embed script, each at an address of its own with a hash for `integrity`. A server
//! also serves the versions of others that used the same database: an upgrade breaks no page.

use super::assets::{self, IMMUTABLE};
use crate::app::App;
use crate::clock;
use crate::flow::{Error, Result};
use crate::http::middleware::extract::Path;
use crate::http::openapi::problems;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256, Sha384};
use std::sync::{Arc, LazyLock};
use tower_http::compression::CompressionLayer;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(version))
        .layer(CompressionLayer::new())
        .routes(routes!(current))
}

/// Keeps this server's version in the database, for servers of later versions.
///
/// # Errors
/// When the store fails.
pub async fn record(app: &App) -> Result<()> {
    if let Some(own) = &*OWN {
        let now = clock::now_ms();
        app.store
            .record_embed_script(&own.name, own.script, now)
            .await?;
    }
    Ok(())
}

/// The version of this build.
struct Version {
    script: &'static str,
    name: String,
    integrity: String,
}

/// `None` if the server was built without the widget. The script is hashed once.
static OWN: LazyLock<Option<Version>> = LazyLock::new(|| {
    let script = assets::embed_script()?;
    Some(Version {
        script,
        name: format!("till-{}-{}", env!("CARGO_PKG_VERSION"), ending(script)),
        integrity: format!("sha384-{}", STANDARD.encode(Sha384::digest(script))),
    })
});

/// What the name of a version ends with: the first 128 bits of the hash of its content.
fn ending(script: &str) -> String {
    let hash = hex::encode(Sha256::digest(script));
    format!("{}.js", &hash[..32])
}

problems!(CurrentProblems: NotFound);
problems!(VersionProblems: NotFound, Unavailable);

/// The embed script's current version.
#[derive(Serialize, ToSchema)]
struct EmbedScript {
    /// The version of Till.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The address of this version of the script. Its content never changes.
    #[schema(
        format = "uri",
        example = "https://till.example/embed/till-0.1.0-0123456789abcdef0123456789abcdef.js"
    )]
    src: String,
    /// The hash of the content, for the attribute `integrity` of the script tag (W3C Subresource Integrity).
    #[schema(pattern = "^sha384-[A-Za-z0-9+/]{64}$")]
    integrity: &'static str,
}

/// The embed script's current version
///
/// The address and the hash for a script tag that loads this version and no other.
#[utoipa::path(get, path = "/till.json", operation_id = "getEmbedVersion", tag = "pages",
    security(()),
    responses((status = 200, body = EmbedScript, description = "The current version"), CurrentProblems))]
async fn current(State(app): State<Arc<App>>) -> Result<impl IntoResponse> {
    let own = OWN.as_ref().ok_or_else(|| Error::not_found("file"))?;
    let current = EmbedScript {
        version: env!("CARGO_PKG_VERSION"),
        src: format!("{}/embed/{}", app.base_url, own.name),
        integrity: &own.integrity,
    };
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(current)))
}

/// A version of the embed script
///
/// `/till.json` names the current one. Earlier versions stay available after an upgrade.
#[utoipa::path(get, path = "/embed/{name}", operation_id = "getEmbedScriptVersion", tag = "pages",
    security(()),
    params(("name" = String, Path, description = "Contains the version and a hash of the content")),
    responses((status = 200, content_type = "text/javascript", body = String,
            description = "The script, cacheable without limit"),
        (status = 304, description = "The client has the file (`If-None-Match`)"),
        VersionProblems))]
async fn version(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: HeaderMap,
) -> Result<Response> {
    if OWN.as_ref().is_some_and(|own| own.name == name) {
        return assets::embed_version(&request);
    }
    let earlier = app.store.embed_script(&name).await?;
    let script = earlier.ok_or_else(|| Error::not_found("file"))?;
    if !name.ends_with(&ending(&script)) {
        tracing::error!(
            name,
            "the embed script in the database was changed: it is not served"
        );
        return Err(Error::not_found("file"));
    }
    let content_type = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/javascript; charset=utf-8"),
    );
    let headers = assets::public(IMMUTABLE);
    Ok((headers, [content_type], script).into_response())
}
