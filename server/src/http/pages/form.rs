//! The simple HTML form, which creates an invoice from a buyer's browser. A page tells the buyer what is
//! wrong with a form; the log has the details under the request id.

use super::message::Message;
use super::texts::{Lang, Texts};
use crate::app::App;
use crate::flow::form_signature::{SIGNATURE, is_signed, unsignable};
use crate::flow::invoices::{Order, Origin, create_invoice};
use crate::flow::projects::Project;
use crate::flow::{Detached, Error, projects};
use crate::http::middleware::extract::has_media_type;
use crate::http::middleware::request_id::record_order;
use crate::http::openapi::PageProblems;
use crate::new_id;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Redirect;
use std::collections::BTreeMap;
use std::sync::Arc;
use till_shared::buyer::Buyer;
use till_shared::id::InvoiceId;
use till_shared::money::{Currency, Money};
use till_shared::payment::Method;
use till_shared::problem::ProblemType;
use tracing::Span;
use url::{Url, form_urlencoded};
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
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
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
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
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
    #[schema(max_length = 35)]
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

/// Why a form is rejected: the status, and sentences for the buyer.
struct Rejection(StatusCode, Vec<String>);

impl Rejection {
    fn one(status: StatusCode, text: &str) -> Self {
        Self(status, vec![text.to_owned()])
    }

    fn field(text: &str, field: &str) -> Self {
        let text = text.replace("{field}", field);
        Self(StatusCode::UNPROCESSABLE_ENTITY, vec![text])
    }
}

type Fields = Vec<(String, String)>;

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
    Lang(texts): Lang,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Redirect, Message> {
    let fields = read(texts, &headers, body);
    let fields = fields.map_err(|rejection| reject(texts, rejection, None))?;
    let texts = texts.preferring(value(&fields, "locale"));
    let project = find_project(&app, texts, &fields).await?;
    Span::current().record("project", project.id.as_str());
    let back = back_url(&project, &headers);
    let rejected = |rejection| reject(texts, rejection, back.clone());
    authenticate(&app, texts, &project, &fields).map_err(rejected)?;
    let order = order(texts, &fields).map_err(rejected)?;
    record_order(&order.order_id);
    let id = InvoiceId::from_unique(new_id::unique());
    let created = create_invoice(&detached, &app, &project, id, order, Origin::Browser).await;
    let created = created.map_err(|error| rejected(explain(texts, error)))?;
    Ok(Redirect::to(&created.invoice.payment_url))
}

fn reject(texts: &'static Texts, rejection: Rejection, back: Option<String>) -> Message {
    let Rejection(status, reasons) = rejection;
    tracing::warn!(status = status.as_u16(), ?reasons, "form rejected");
    Message::bad_form(status, texts, reasons).with_back(back)
}

/// Reads the fields. Unknown and duplicate ones are rejected.
fn read(
    texts: &Texts,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Fields, Rejection> {
    let unreadable = |status| Rejection::one(status, &texts.form_unreadable);
    if !has_media_type(headers, &mime::APPLICATION_WWW_FORM_URLENCODED) {
        return Err(unreadable(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Rejection::one(StatusCode::PAYLOAD_TOO_LARGE, &texts.form_too_large)
        }
        status => unreadable(status),
    })?;
    let pairs = form_urlencoded::parse(&body);
    let fields: Fields = pairs
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    // `form_urlencoded` puts U+FFFD in place of bytes that are not UTF-8.
    let broken = |text: &str| text.contains('\u{fffd}');
    if fields
        .iter()
        .any(|(name, text)| broken(name) || broken(text))
    {
        return Err(unreadable(StatusCode::BAD_REQUEST));
    }
    check_names(texts, &fields)?;
    Ok(fields)
}

fn check_names(texts: &Texts, fields: &Fields) -> Result<(), Rejection> {
    for (i, (name, _)) in fields.iter().enumerate() {
        if !is_known(name) {
            return Err(Rejection::field(&texts.form_unknown, name));
        }
        if fields[..i].iter().any(|(other, _)| other == name) {
            return Err(Rejection::field(&texts.form_twice, name));
        }
    }
    Ok(())
}

/// Reads the order of a form that is not sent yet, as [`pay`] will.
///
/// # Errors
/// Sentences that say why the form will be rejected.
pub fn check(fields: &[(String, String)]) -> Result<Order, Vec<String>> {
    let (texts, fields) = (Texts::of([]), fields.to_vec());
    let order = match unsignable(&fields) {
        Some(broken) => Err(Rejection::field(&texts.form_field, broken)),
        None => check_names(texts, &fields).and_then(|()| order(texts, &fields)),
    };
    order.map_err(|Rejection(_, reasons)| reasons)
}

fn is_known(name: &str) -> bool {
    let known = [
        "project",
        "order_id",
        "amount",
        "currency",
        "description",
        "email",
        "name",
        "phone",
        "country",
        "locale",
        "method",
        "success_url",
        "failure_url",
        SIGNATURE,
    ];
    known.contains(&name) || metadata_key(name).is_some()
}

/// The key of `metadata[key]`.
fn metadata_key(name: &str) -> Option<&str> {
    name.strip_prefix("metadata[")?
        .strip_suffix(']')
        .filter(|key| !key.is_empty())
}

/// The value of a field. An empty input counts as absent.
fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(n, _)| n == name);
    found
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}

fn required<'a>(texts: &Texts, fields: &'a Fields, name: &str) -> Result<&'a str, Rejection> {
    value(fields, name).ok_or_else(|| Rejection::field(&texts.form_missing, name))
}

async fn find_project(
    app: &App,
    texts: &'static Texts,
    fields: &Fields,
) -> Result<Project, Message> {
    let pk =
        required(texts, fields, "project").map_err(|rejection| reject(texts, rejection, None))?;
    let found = projects::find_by_publishable_key(app, pk).await;
    let found = found.map_err(|error| {
        tracing::error!(%error, "reading the project of a form failed");
        Message::trouble(texts)
    })?;
    let unknown = || Rejection::one(StatusCode::NOT_FOUND, &texts.form_project);
    found.ok_or_else(|| reject(texts, unknown(), None))
}

/// Verifies the signature. An unsigned form needs a `check_url`, so that the project confirms it.
fn authenticate(
    app: &App,
    texts: &Texts,
    project: &Project,
    fields: &Fields,
) -> Result<(), Rejection> {
    let invalid = || Rejection::one(StatusCode::FORBIDDEN, &texts.form_signature);
    let given = value(fields, SIGNATURE);
    if let Some(broken) = given.and_then(|_| unsignable(fields)) {
        return Err(Rejection::field(&texts.form_field, broken));
    }
    match given {
        Some(given) => match is_signed(&app.keys, project, fields, given) {
            Ok(true) => Ok(()),
            Ok(false) => Err(invalid()),
            Err(error) => Err(explain(texts, error.into())),
        },
        None if project.settings.check_url.is_some() => Ok(()),
        None => Err(invalid()),
    }
}

fn order(texts: &Texts, fields: &Fields) -> Result<Order, Rejection> {
    let invalid = |field: &str| Rejection::field(&texts.form_field, field);
    let currency = required(texts, fields, "currency")?;
    let parsed: Currency = currency.parse().map_err(|_| invalid("currency"))?;
    let amount = required(texts, fields, "amount")?;
    let money = Money::from_decimal(amount, parsed).map_err(|error| {
        tracing::warn!(amount, currency, %error, "invalid amount");
        invalid("amount")
    })?;
    let text = |name: &str| value(fields, name).map(str::to_owned);
    let method = value(fields, "method").map(str::parse).transpose();
    let metadata = fields.iter().filter_map(|(name, value)| {
        let key = metadata_key(name)?;
        Some((key.to_owned(), value.clone()))
    });
    Ok(Order {
        order_id: required(texts, fields, "order_id")?.to_owned(),
        amount: money.amount,
        currency: currency.to_owned(),
        description: text("description"),
        items: vec![],
        buyer: Buyer {
            email: text("email"),
            name: text("name"),
            phone: text("phone"),
            country: text("country"),
        },
        locale: text("locale"),
        success_url: text("success_url"),
        failure_url: text("failure_url"),
        method: method.map_err(|_| invalid("method"))?,
        expires_in_seconds: None,
        metadata: metadata.collect(),
    })
}

/// Explains to the buyer why no invoice was created.
fn explain(texts: &Texts, error: Error) -> Rejection {
    let (kind, detail, errors) = match error {
        Error::Problem {
            kind,
            detail,
            errors,
        } => (kind, detail, errors),
        Error::Internal(cause) => {
            tracing::error!(
                cause = format!("{cause:#}"),
                "creating the invoice of a form failed"
            );
            return Rejection::one(StatusCode::INTERNAL_SERVER_ERROR, &texts.trouble_text);
        }
    };
    tracing::warn!(%kind, detail, ?errors, "form not accepted");
    let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::BAD_REQUEST);
    match kind {
        ProblemType::OrderIdReused => Rejection::one(status, &texts.form_order_changed),
        ProblemType::OrderRejected => {
            Rejection::one(status, &texts.form_rejected.replace("{reason}", &detail))
        }
        ProblemType::OrderCheckUnavailable => Rejection::one(status, &texts.form_check),
        _ if errors.is_empty() => Rejection::one(status, &texts.form_unreadable),
        _ => {
            let named = errors.iter().map(|e| {
                // In a form the buyer's fields have no prefix.
                let field = e.field.strip_prefix("buyer.").unwrap_or(&e.field);
                texts.form_field.replace("{field}", field)
            });
            Rejection(status, named.collect())
        }
    }
}

/// The target of the back link: the referring page, if its origin is allowed, or the failure URL.
fn back_url(project: &Project, headers: &HeaderMap) -> Option<String> {
    let settings = &project.settings;
    let referer = headers.get(header::REFERER).and_then(|v| v.to_str().ok());
    let came_from = referer
        .and_then(|text| Url::parse(text).ok())
        .filter(|url| {
            let origin = url.origin().ascii_serialization();
            settings.allowed_origins.contains(&origin)
        });
    came_from
        .map(String::from)
        .or_else(|| settings.failure_url.clone())
}
