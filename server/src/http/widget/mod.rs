//! The widget's API, authenticated by the client token; and the creation of an invoice from a page,
//! authenticated by the publishable key.

mod encrypted_card;
mod fix_body;
mod live;
mod page_order;

use super::middleware::auth::{Client, FromPage};
use super::middleware::client_info::BuyerClient;
use super::middleware::error::method_not_allowed;
use super::middleware::extract::{JsonBody, JsonObject, Path, id};
use super::middleware::idempotency::{Call, Key, once};
use super::middleware::request_id::record_order;
use super::openapi::problems;
use super::pages::texts::{Lang, Texts};
use crate::app::App;
use crate::flow::invoices::{Origin, create_invoice};
use crate::flow::payments::{PaymentForm, cancel_payment, fix_payment};
use crate::flow::{Detached, Result, card_encryption, widget};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fix_body::FixBody;
use page_order::PageOrder;
use std::sync::Arc;
use till_shared::card;
use till_shared::id::{InvoiceId, PaymentId};
use till_shared::invoice::{Item, PageOrderInvoice, items_difference};
use till_shared::widget::{BillingData, FixPayment, FixedPayment, WidgetState};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    // Pages of any origin may call this route; the handler checks the project's `allowed_origins`. No
    // cookies are involved.
    let from_pages = CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods([axum::http::Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
        ]);
    // With a fallback of its own, the layer handles the preflight request.
    let create = routes!(create).map(|route| route.fallback(method_not_allowed));
    OpenApiRouter::new()
        .routes(create.layer(from_pages))
        .routes(routes!(billing_data))
        .routes(routes!(fix))
        .routes(routes!(events))
        .routes(routes!(cancel))
}

const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

problems!(ReadProblems: Unauthorized, NotFound);

/// Billing data
///
/// Everything that the widget shows.
#[utoipa::path(get, path = "/v1/widget/invoices/{invoice}", operation_id = "getBillingData",
    tag = "widget",
    security(("client_token" = [])),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id")),
    responses((status = 200, body = BillingData, description = "The billing data"), ReadProblems))]
async fn billing_data(
    State(app): State<Arc<App>>,
    client: Client,
    Lang(texts): Lang,
) -> Result<Response> {
    let Client { project, invoice } = client;
    let mut data = widget::billing_data(&app, &project, &invoice).await?;
    let texts = texts.preferring(data.bill.locale.as_deref());
    let bill = &mut data.bill;
    bill.items
        .extend(difference(texts, &bill.items, bill.amount));
    Ok((NO_STORE, Json(data)).into_response())
}

/// The line by which the items add up to the amount, if they do not.
fn difference(texts: &Texts, items: &[Item], amount: i64) -> Option<Item> {
    let amount = items_difference(items, amount)?;
    let name = if amount < 0 {
        &texts.discount
    } else {
        &texts.other_charges
    };
    Some(Item {
        name: name.clone(),
        quantity: 1,
        amount,
    })
}

/// Live events
///
/// Server-sent events with the state of the invoice as JSON: on connection and on every change.
#[utoipa::path(get, path = "/v1/widget/invoices/{invoice}/events", operation_id = "streamInvoice",
    tag = "widget",
    security(("client_token" = [])),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event received")),
    responses((status = 200, body = WidgetState, content_type = "text/event-stream",
        description = "Events of type `state`"), ReadProblems))]
async fn events(
    State(app): State<Arc<App>>,
    client: Client,
    headers: HeaderMap,
) -> Result<Response> {
    let Client { project, invoice } = client;
    let events = live::events(app, project, invoice.id, &headers)?;
    // `X-Accel-Buffering` keeps nginx from buffering events.
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, events).into_response())
}

problems!(FixProblems: InvalidRequest, Unauthorized, NotFound, UnsupportedMediaType,
    PayloadTooLarge, IdempotencyKeyReused, IdempotencyKeyInUse, InvoicePaid, InvoiceExpired,
    InvoiceCanceled, PaymentInProgress, TooManyAttempts, CaptchaRequired, MethodUnavailable, OrderRejected,
    OrderCheckUnavailable);

/// Payment fixation
///
/// Creates a payment when the buyer presses Pay. At most one payment of an invoice is in progress at a
/// time. After too many attempts that did not succeed, the buyer has to wait; the project's
/// `attempt_limits` say after how many.
#[utoipa::path(post, path = "/v1/widget/invoices/{invoice}/payments", operation_id = "fixPayment",
    tag = "widget",
    security(("client_token" = [])),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id"), Key),
    request_body = FixBody,
    responses((status = 201, body = FixedPayment, description = "The payment and its verification"),
        FixProblems))]
async fn fix(
    State(app): State<Arc<App>>,
    detached: Detached,
    client: Client,
    BuyerClient(buyer_client): BuyerClient,
    key: Key,
    body: JsonBody<FixBody>,
) -> Result<Response> {
    let Client { project, invoice } = client;
    let mut body = body.value;
    let encrypted_card = body.encrypted_card.take();
    let mut fix: FixPayment = body.into();
    if let Some(encrypted) = encrypted_card {
        if fix.card.is_some() {
            return Err(card_encryption::sent_twice());
        }
        fix.card = Some(encrypted_card::read(&app, &invoice.id, &encrypted).await?);
    }
    let call = Call {
        key,
        scope: format!("widget {}", invoice.id),
        request: format!("POST payments {}", without_card_data(&fix)?),
    };
    once(&app, call, async |unique| {
        let id = PaymentId::from_unique(unique);
        let form = PaymentForm::Widget(&buyer_client);
        let fixed: FixedPayment =
            fix_payment(&detached, &app, &project, invoice, id, fix, form).await?;
        Ok((StatusCode::CREATED, fixed))
    })
    .await
}

/// What identifies the call when it comes again: its content without the token of a captcha, without the
/// card's number, of which only the last four digits may be kept, and without its security code, of which
/// nothing may (PCI DSS 4.0.1, requirements 3.3.1 and 3.5.1). That they are invalid is kept: such a call is
/// another one.
fn without_card_data(fix: &FixPayment) -> Result<String> {
    let mut fix = fix.clone();
    fix.captcha_token = None;
    if let Some(data) = &mut fix.card {
        data.remove_separators();
        let brand = card::check_number(&data.number);
        let code = brand.and_then(|brand| card::check_cvc(&data.cvc, brand));
        data.number = brand.map_or_else(|_| "invalid".into(), |_| data.last4().into());
        data.cvc = if code.is_ok() { "valid" } else { "invalid" }.into();
    }
    Ok(serde_json::to_string(&fix).map_err(anyhow::Error::from)?)
}

problems!(CancelProblems: Unauthorized, NotFound, PaymentFinal, Unavailable);

/// Cancel a payment
///
/// The buyer closed the verification form. The payment is canceled at the payment provider, if that is
/// still possible.
#[utoipa::path(post, path = "/v1/widget/invoices/{invoice}/payments/{payment}/cancel", operation_id = "cancelPayment",
    tag = "widget", security(("client_token" = [])),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id"), ("payment" = PaymentId, Path, description = "The payment's id")),
    responses((status = 200, body = WidgetState,
            description = "The state of the invoice"), CancelProblems))]
async fn cancel(
    State(app): State<Arc<App>>,
    detached: Detached,
    client: Client,
    Path((_, payment)): Path<(String, String)>,
) -> Result<Json<WidgetState>> {
    let payment: PaymentId = id(&payment, "payment")?;
    let Client { project, invoice } = client;
    let state = cancel_payment(&detached, &app, &project, &invoice, &payment).await?;
    Ok(Json(state))
}

problems!(CreateProblems: InvalidRequest, Unauthorized, Forbidden, UnsupportedMediaType,
    PayloadTooLarge, IdempotencyKeyReused, IdempotencyKeyInUse, OrderIdReused, OrderRejected,
    OrderCheckUnavailable);

/// Create an invoice from a page
///
/// Takes an allowed origin and a project with a `check_url`: the project confirms the order, with its
/// amount, each time that it is sent. An order that comes again may have another description, other items
/// and other buyer data, but not another amount.
#[utoipa::path(post, path = "/v1/widget/invoices", operation_id = "createInvoiceFromPage",
    tag = "widget",
    security(("publishable_key" = [])),
    params(Key, ("Origin" = String, Header, description = "One of the project's `allowed_origins`")),
    request_body = PageOrder,
    responses((status = 201, body = PageOrderInvoice, description = "The new invoice"),
        (status = 200, body = PageOrderInvoice, description = "The existing invoice of this order"),
        CreateProblems))]
async fn create(
    State(app): State<Arc<App>>,
    detached: Detached,
    FromPage(project): FromPage,
    key: Key,
    body: JsonObject,
) -> Result<Response> {
    let order = page_order::read(body.value)?;
    record_order(&order.order_id);
    let call = Call {
        key,
        scope: format!("page {}", project.id),
        request: format!("POST invoices {}", body.canonical),
    };
    once(&app, call, async |unique| {
        let id = InvoiceId::from_unique(unique);
        let created = create_invoice(&detached, &app, &project, id, order, Origin::Browser).await?;
        let status = if created.new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let invoice = created.invoice;
        let invoice = PageOrderInvoice {
            id: invoice.id,
            client_token: invoice.client_token,
            status: invoice.status,
            expires_at: invoice.expires_at,
        };
        Ok((status, invoice))
    })
    .await
}
