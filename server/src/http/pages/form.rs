//! The simple HTML form, which creates an invoice from a buyer's browser. A page tells the buyer what is
//! wrong with a form; the log has the details under the request id.

use super::back::came_from;
use super::form_input::{Form, Rejection, explain};
use super::message::Message;
use super::texts::{Lang, Texts};
use crate::app::App;
use crate::flow::invoices::create_invoice;
use crate::flow::projects::Project;
use crate::flow::{Detached, projects};
use crate::http::middleware::limits::RequestPermit;
use crate::http::middleware::request_id::record_order;
use crate::http::openapi::PageProblems;
use crate::new_id;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use std::collections::BTreeMap;
use std::sync::Arc;
use till_shared::id::InvoiceId;
use till_shared::money::Currency;
use till_shared::payment::Method;
use tracing::Span;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(pay))
}

/// Only for the OpenAPI document: the form is read field by field.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "only for the OpenAPI document")]
struct PayForm {
    /// The project's publishable key.
    project: String,
    /// The project's id of the order.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060]([^\x00-\x1f\x7f-\x9f\u2028-\u202e]*[^\s\x00-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060])?$"
    )]
    order_id: String,
    /// A decimal string, with at most as many decimals as the currency has.
    #[schema(pattern = r"^[0-9]+(\.[0-9]+)?$", example = "19.99")]
    amount: String,
    /// The currency, ISO 4217.
    currency: Currency,
    /// The description shown to the buyer.
    #[schema(
        max_length = 1000,
        pattern = r"^[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]*[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e][^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]*$"
    )]
    description: Option<String>,
    /// The buyer's e-mail address.
    email: Option<String>,
    /// The buyer's full name.
    name: Option<String>,
    /// The buyer's telephone number.
    phone: Option<String>,
    /// The buyer's country, an ISO 3166-1 alpha-2 code.
    country: Option<String>,
    /// The language of the widget, a BCP 47 tag.
    #[schema(
        max_length = 35,
        pattern = r"^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?$"
    )]
    locale: Option<String>,
    /// The payment method that the widget offers first.
    method: Option<Method>,
    /// Where the buyer goes after a successful payment.
    #[schema(pattern = r"^https?://[^\s/?#]+")]
    success_url: Option<String>,
    /// Where the buyer goes otherwise.
    #[schema(pattern = r"^https?://[^\s/?#]+")]
    failure_url: Option<String>,
    /// Sent as `metadata[key]`.
    #[schema(schema_with = till_shared::order::metadata)]
    metadata: Option<BTreeMap<String, String>>,
    /// HMAC-SHA256 of the other fields in lower-case hex.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    signature: Option<String>,
}

/// Pay with a simple HTML form
///
/// The buyer's browser sends the form. The response redirects to the payment page. The same form again
/// leads to the same invoice.
#[utoipa::path(post, path = "/pay", operation_id = "submitPaymentForm", tag = "pages",
    security(()),
    request_body(content = PayForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Redirects to the payment page",
            headers(("location" = String, description = "`/pay/{invoice}`"))),
        (status = 400, content_type = "text/html", body = String,
            description = "The form cannot be read"),
        (status = 403, content_type = "text/html", body = String,
            description = "The signature is missing or wrong"),
        (status = 404, content_type = "text/html", body = String,
            description = "The project does not exist"),
        (status = 409, content_type = "text/html", body = String,
            description = "An earlier order has this order_id and other data"),
        (status = 413, content_type = "text/html", body = String,
            description = "The form is too large"),
        (status = 415, content_type = "text/html", body = String,
            description = "The body is not a form"),
        (status = 422, content_type = "text/html", body = String,
            description = "A field is invalid, or the project rejected the order"),
        (status = 502, content_type = "text/html", body = String,
            description = "The project did not confirm the order"),
        PageProblems))]
async fn pay(
    State(app): State<Arc<App>>,
    detached: Detached,
    permit: RequestPermit,
    Lang(texts): Lang,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Redirect, Message> {
    let form = Form::read(texts, &headers, body);
    let form = form.map_err(|rejection| reject(texts, rejection, None))?;
    let texts = texts.preferring(form.value("locale"));
    let project = find_project(&app, texts, &form).await?;
    Span::current().record("project", project.id.as_str());
    let shared = permit.share(&project.id);
    shared.map_err(|_| Message::trouble(texts))?;
    let back = back_url(&project, &headers);
    let rejected = |rejection| reject(texts, rejection, back.clone());
    let origin = form.authenticate(&app, texts, &project).map_err(rejected)?;
    let order = form.order(texts).map_err(rejected)?;
    record_order(&order.order_id);
    let id = InvoiceId::from_unique(new_id::unique());
    let created = create_invoice(&detached, &app, &project, id, order, origin).await;
    let created = created.map_err(|error| rejected(explain(texts, error)))?;
    Ok(Redirect::to(&created.invoice.payment_url))
}

fn reject(texts: &'static Texts, rejection: Rejection, back: Option<String>) -> Message {
    let Rejection(status, reasons) = rejection;
    tracing::warn!(status = status.as_u16(), ?reasons, "form rejected");
    Message::bad_form(status, texts, reasons).with_back(back)
}

async fn find_project(app: &App, texts: &'static Texts, form: &Form) -> Result<Project, Message> {
    let pk = form.required(texts, "project");
    let pk = pk.map_err(|rejection| reject(texts, rejection, None))?;
    let found = projects::find_by_publishable_key(app, pk).await;
    let found = found.map_err(|error| {
        tracing::error!(%error, "reading the project of a form failed");
        Message::trouble(texts)
    })?;
    let unknown = || Rejection::one(StatusCode::NOT_FOUND, &texts.form_project);
    found.ok_or_else(|| reject(texts, unknown(), None))
}

/// The target of the back link: the referring page, if its origin is allowed, or the failure URL.
fn back_url(project: &Project, headers: &HeaderMap) -> Option<String> {
    came_from(project, headers).or_else(|| project.settings.failure_url.clone())
}
