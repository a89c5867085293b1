//! What the widget calls, with the client token; and the first call of a page that has an order
//! and no invoice yet.

use super::error::{field, unauthorized};
use super::extract::{Client, Json, bearer, id};
use super::idempotency::{Call, Key, once};
use super::live;
use crate::flow::create_invoice::{NewInvoice, Origin, create_invoice};
use crate::flow::fix_payment::fix_payment;
use crate::flow::give_up::give_up;
use crate::flow::{App, Error, Result, view};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use till_shared::buyer::Buyer;
use till_shared::id::PaymentId;
use till_shared::invoice::{Invoice, Item};
use till_shared::money::{Currency, Money};
use till_shared::payment::Method;
use till_shared::problem::ProblemType;
use till_shared::widget::{CardData, FixPayment, FixedPayment, WidgetState};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The calls.
pub fn router() -> Router<Arc<App>> {
    // The page's own origin calls this one. Which origins may is the project's to say, so it is
    // the handler that refuses; no cookie is involved.
    let from_pages = CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods([axum::http::Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
        ]);
    let one = "/v1/widget/invoices/{invoice}";
    Router::new()
        .route("/v1/widget/invoices", post(create))
        .layer(from_pages)
        .route(one, get(billing_data))
        .route(&format!("{one}/payments"), post(fix))
        .route(&format!("{one}/events"), get(events))
        .route(&format!("{one}/payments/{{payment}}/cancel"), post(cancel))
}

const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

async fn billing_data(State(app): State<Arc<App>>, client: Client) -> Result<Response> {
    let Client { project, invoice } = client;
    let payments = app.store.payments_of(&invoice.id).await?;
    let accounts = app.store.accounts(&project.id).await?;
    let data = view::billing_data(&project, &invoice, &payments, &accounts);
    Ok((NO_STORE, Answer(data)).into_response())
}

async fn events(State(app): State<Arc<App>>, client: Client, headers: HeaderMap) -> Response {
    let Client { project, invoice } = client;
    let events = live::events(app, project, invoice.id, &headers);
    // The second keeps a reverse proxy (nginx) from holding events back.
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, events).into_response()
}

async fn fix(
    State(app): State<Arc<App>>,
    client: Client,
    key: Key,
    body: Json<FixBody>,
) -> Result<Response> {
    let Client { project, invoice } = client;
    let call = Call {
        key,
        scope: format!("widget {}", invoice.id),
        request: format!("POST payments {}", body.canonical),
    };
    let fix = body.value.into();
    once(app.clone(), call, async move {
        let fixed: FixedPayment = fix_payment(&app, &project, invoice, fix).await?;
        Ok((StatusCode::CREATED, fixed))
    })
    .await
}

async fn cancel(
    State(app): State<Arc<App>>,
    client: Client,
    Path((_, payment)): Path<(String, String)>,
) -> Result<Answer<WidgetState>> {
    let payment: PaymentId = id(&payment, "payment")?;
    let known = app.store.payment(&payment).await?;
    let known = known.filter(|p| p.invoice == client.invoice.id);
    let known = known.ok_or_else(|| Error::not_found("payment"))?;
    give_up(&app, &known).await?;
    let invoice = app.store.invoice(&client.invoice.id).await?;
    let invoice = invoice.ok_or_else(|| Error::not_found("invoice"))?;
    let payments = app.store.payments_of(&invoice.id).await?;
    Ok(Answer(view::widget_state(
        &client.project,
        &invoice,
        &payments,
    )))
}

/// Payment fixation as it is sent. The method's data and the buyer's may stand in an object of
/// their own or beside `method`.
#[derive(Deserialize)]
struct FixBody {
    method: Method,
    #[serde(default)]
    buyer: Buyer,
    #[serde(default)]
    card: Option<Card>,
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    country: Option<String>,
    number: Option<String>,
    #[serde(default, deserialize_with = "whole_number")]
    exp_month: u16,
    #[serde(default, deserialize_with = "whole_number")]
    exp_year: u16,
    cvc: Option<String>,
    holder: Option<String>,
}

/// What is absent is left to the card rules, which name every field at once.
#[derive(Deserialize)]
struct Card {
    #[serde(default)]
    number: String,
    #[serde(default, deserialize_with = "whole_number")]
    exp_month: u16,
    #[serde(default, deserialize_with = "whole_number")]
    exp_year: u16,
    #[serde(default)]
    cvc: String,
    holder: Option<String>,
}

impl From<FixBody> for FixPayment {
    fn from(body: FixBody) -> Self {
        let beside = body.number.is_some() || body.cvc.is_some();
        let card = body.card.or_else(|| {
            beside.then(|| Card {
                number: body.number.unwrap_or_default(),
                exp_month: body.exp_month,
                exp_year: body.exp_year,
                cvc: body.cvc.unwrap_or_default(),
                holder: body.holder,
            })
        });
        Self {
            method: body.method,
            buyer: Buyer {
                email: body.buyer.email.or(body.email),
                name: body.buyer.name.or(body.name),
                phone: body.buyer.phone.or(body.phone),
                country: body.buyer.country.or(body.country),
            },
            card: card.map(|card| CardData {
                number: card.number,
                // Past 255 there is no month; 0 is none either.
                exp_month: u8::try_from(card.exp_month).unwrap_or(0),
                exp_year: card.exp_year,
                cvc: card.cvc,
                holder: card.holder,
            }),
        }
    }
}

/// A number, or the digits of one: card forms have text in their fields.
fn whole_number<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<u16, D::Error> {
    struct Digits;
    impl Visitor<'_> for Digits {
        type Value = u16;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }

        fn visit_u64<E: serde::de::Error>(self, n: u64) -> std::result::Result<u16, E> {
            u16::try_from(n).map_err(|_| E::invalid_value(Unexpected::Unsigned(n), &self))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<u16, E> {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            let number = digits.then(|| text.parse().ok()).flatten();
            number.ok_or_else(|| E::custom("not a whole number"))
        }
    }
    from.deserialize_any(Digits)
}

/// An order as a page sends it. Its amount is minor units, or a decimal string as in a form.
#[derive(Serialize, Deserialize)]
struct PageOrder {
    order_id: String,
    #[serde(deserialize_with = "amount")]
    amount: Amount,
    currency: String,
    description: Option<String>,
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    buyer: Buyer,
    locale: Option<String>,
    success_url: Option<String>,
    failure_url: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Serialize)]
enum Amount {
    Minor(i64),
    Decimal(String),
}

fn amount<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Amount, D::Error> {
    struct Either;
    impl Visitor<'_> for Either {
        type Value = Amount;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("minor units as a whole number, or a decimal string such as \"19.99\"")
        }

        fn visit_u64<E: serde::de::Error>(self, n: u64) -> std::result::Result<Amount, E> {
            let minor = i64::try_from(n);
            minor
                .map(Amount::Minor)
                .map_err(|_| E::invalid_value(Unexpected::Unsigned(n), &self))
        }

        fn visit_i64<E: serde::de::Error>(self, n: i64) -> std::result::Result<Amount, E> {
            Ok(Amount::Minor(n))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Amount, E> {
            Ok(Amount::Decimal(text.to_owned()))
        }
    }
    from.deserialize_any(Either)
}

impl PageOrder {
    fn into_new_invoice(self) -> Result<NewInvoice> {
        let amount = match self.amount {
            Amount::Minor(amount) => amount,
            Amount::Decimal(text) => {
                let unknown = || field("currency", "unknown_currency", "an ISO 4217 code");
                let currency: Currency = self.currency.parse().map_err(|_| unknown())?;
                Money::from_decimal(&text, currency)
                    .map_err(|e| field("amount", "invalid", e.to_string()))?
                    .amount
            }
        };
        Ok(NewInvoice {
            order_id: self.order_id,
            amount,
            currency: self.currency,
            description: self.description,
            items: self.items,
            buyer: self.buyer,
            locale: self.locale,
            success_url: self.success_url,
            failure_url: self.failure_url,
            expires_in_seconds: None,
            metadata: self.metadata,
        })
    }
}

async fn create(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    key: Key,
    body: Json<PageOrder>,
) -> Result<Response> {
    let pk = bearer(&headers).filter(|key| key.starts_with("pk_"));
    let pk = pk.ok_or_else(|| unauthorized("This call takes the project's publishable key."))?;
    let project = app.store.project_by_pk(pk).await?;
    let project = project.ok_or_else(|| unauthorized("There is no such publishable key."))?;
    let origin = headers.get(header::ORIGIN).and_then(|v| v.to_str().ok());
    let allowed = &project.settings.allowed_origins;
    if !origin.is_some_and(|origin| allowed.iter().any(|a| a == origin)) {
        return Err(Error::problem(
            ProblemType::Forbidden,
            "The page's origin is not among the project's allowed_origins.",
        ));
    }
    if project.settings.check_url.is_none() {
        return Err(Error::problem(
            ProblemType::Forbidden,
            "A page may bring its own order only where the project has a check_url to confirm it.",
        ));
    }
    let call = Call {
        key,
        scope: format!("page {}", project.id),
        request: format!("POST invoices {}", body.canonical),
    };
    let new = body.value.into_new_invoice()?;
    once(app.clone(), call, async move {
        let created = create_invoice(&app, &project, new, Origin::Browser).await?;
        let status = match created.new {
            true => StatusCode::CREATED,
            false => StatusCode::OK,
        };
        Ok::<(StatusCode, Invoice), Error>((status, created.invoice))
    })
    .await
}
