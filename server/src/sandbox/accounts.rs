//! Merchant accounts and their API keys.

use axum::body::Bytes;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, RequestPartsExt as _, Router};
use axum_extra::TypedHeader;
use axum_extra::headers::Authorization;
use axum_extra::headers::authorization::Bearer;
use serde::Deserialize;
use serde_json::json;

use super::app::App;
use super::error::{ApiError, ApiResult};
use super::payment::random_secret;
use super::requests::{parse_json, sha256};
use crate::clock::now_ms;
use crate::new_id;

pub(super) fn router() -> Router<App> {
    Router::new().route("/v1/accounts", post(create))
}

/// The account that a request's API key belongs to.
#[derive(sqlx::FromRow)]
pub(super) struct Account {
    pub id: String,
}

impl FromRequestParts<App> for Account {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let TypedHeader(Authorization(bearer)) = parts
            .extract::<TypedHeader<Authorization<Bearer>>>()
            .await
            .map_err(|_| ApiError::unauthorized())?;
        sqlx::query_as("select id from accounts where key_hash = $1")
            .bind(sha256(bearer.token().as_bytes()))
            .fetch_optional(&app.pool)
            .await?
            .ok_or_else(ApiError::unauthorized)
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountBody {
    name: Option<String>,
}

/// `POST /v1/accounts`: creates an account. The body is optional.
async fn create(State(app): State<App>, body: Bytes) -> ApiResult<Response> {
    let body: AccountBody = if body.is_empty() {
        AccountBody::default()
    } else {
        parse_json(&body)?
    };
    let id = format!("acct_{}", new_id::unique());
    let api_key = format!("sbx_key_{}", random_secret());
    let webhook_secret = format!("sbx_whsec_{}", random_secret());
    sqlx::query(
        "insert into accounts (id, name, key_hash, webhook_secret, created_at)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(&id)
    .bind(body.name.unwrap_or_default())
    .bind(sha256(api_key.as_bytes()))
    .bind(&webhook_secret)
    .bind(now_ms())
    .execute(&app.pool)
    .await?;
    let body = json!({"account": id, "api_key": api_key, "webhook_secret": webhook_secret});
    Ok((StatusCode::CREATED, Json(body)).into_response())
}
