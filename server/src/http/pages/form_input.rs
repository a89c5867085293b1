//! Reads the fields of the simple HTML form and verifies its signature.

use super::texts::Texts;
use crate::app::App;
use crate::flow::Error;
use crate::flow::error::shown_name;
use crate::flow::form_signature::{SIGNATURE, is_signed, unsignable};
use crate::flow::input::tidy_text;
use crate::flow::invoices::{Order, Origin};
use crate::flow::projects::Project;
use crate::http::middleware::extract::has_media_type;
use crate::http::middleware::form_fields::{self, CHARSET, Fields, NotUtf8};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum_extra::headers::{ContentType, HeaderMapExt};
use mime::Mime;
use std::borrow::Cow;
use std::str::FromStr;
use till_shared::buyer::{Buyer, BuyerField};
use till_shared::money::{Currency, Money};
use till_shared::problem::ProblemType;

/// Why a form is rejected: the status, and sentences for the buyer.
pub struct Rejection(pub StatusCode, pub Vec<String>);

impl Rejection {
    /// A reason that concerns no field.
    pub fn one(status: StatusCode, text: &str) -> Self {
        Self(status, vec![text.to_owned()])
    }

    /// A reason that names a field.
    fn field(text: &str, field: &str) -> Self {
        let text = text.replace("{field}", &shown_name(field));
        Self(StatusCode::UNPROCESSABLE_ENTITY, vec![text])
    }
}

/// The fields that a form may have, besides `metadata[key]`.
const KNOWN: [&str; 14] = [
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

/// The usual names of submit buttons, which are no part of the order.
const BUTTONS: [&str; 5] = ["submit", "button", "commit", "pay", "buy"];

/// A form.
pub struct Form {
    /// The fields as the browser sent them, which the signature covers.
    sent: Fields,
    /// The bytes of the fields, if they were not UTF-8.
    bytes: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    /// The order's fields, without blanks at the ends and without empty ones.
    fields: Fields,
}

impl Form {
    /// Reads the fields. Unknown and duplicate ones are rejected.
    ///
    /// # Errors
    /// When the form is not readable, or a field may not be in it.
    pub fn read(
        texts: &Texts,
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
    ) -> Result<Self, Rejection> {
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
        let content_type = headers.typed_get::<ContentType>().map(Mime::from);
        let charset = content_type
            .as_ref()
            .and_then(|t| t.get_param(mime::CHARSET));
        let form = form_fields::parse_form(&body, charset.map(|name| name.as_str()));
        let form = form.map_err(|NotUtf8 { field }| {
            let field = field.as_deref().unwrap_or("?");
            let text = texts.form_not_utf8.replace("{field}", &shown_name(field));
            Rejection::one(StatusCode::BAD_REQUEST, &text)
        })?;
        let fields = order_fields(texts, &form.fields)?;
        Ok(Self {
            sent: form.fields,
            bytes: form.sent,
            fields,
        })
    }

    /// The value of a field. An empty input counts as absent.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value of a field that a form must have.
    ///
    /// # Errors
    /// When it is absent.
    pub fn required(&self, texts: &Texts, name: &str) -> Result<&str, Rejection> {
        let missing = || Rejection::field(&texts.form_missing, name);
        self.value(name).ok_or_else(missing)
    }

    /// Verifies the signature, and returns whom the order is from. An unsigned form needs a `check_url`, so
    /// that the project confirms it.
    ///
    /// # Errors
    /// When the signature is missing or invalid.
    pub fn authenticate(
        &self,
        app: &App,
        texts: &Texts,
        project: &Project,
    ) -> Result<Origin, Rejection> {
        let invalid = || Rejection::one(StatusCode::FORBIDDEN, &texts.form_signature);
        let Some(given) = self.value(SIGNATURE) else {
            let check_url = project.settings.check_url.as_ref();
            return check_url.map(|_| Origin::Browser).ok_or_else(invalid);
        };
        if let Some(field) = unsignable(&self.sent) {
            tracing::warn!(
                field,
                "a signed form must not contain line breaks, nor an equals sign in a name"
            );
            return Err(Rejection::field(&texts.form_field, field));
        }
        match self.is_signed(app, project, given) {
            Ok(true) => Ok(Origin::SignedForm),
            Ok(false) => Err(invalid()),
            Err(error) => Err(explain(texts, error.into())),
        }
    }

    /// Whether the form is signed: as text or as the bytes that the browser sent, with or without the
    /// fields that the browser adds.
    fn is_signed(&self, app: &App, project: &Project, given: &str) -> anyhow::Result<bool> {
        let is_own = |name: &str| !is_of_browser(name);
        let own = self.sent.iter().filter(|(name, _)| is_own(name));
        let own: Fields = own.cloned().collect();
        let by_text = is_signed(&app.keys, project, &self.sent, given)?
            || is_signed(&app.keys, project, &own, given)?;
        let Some(bytes) = self.bytes.as_ref().filter(|_| !by_text) else {
            return Ok(by_text);
        };
        let named = bytes.iter().zip(&self.sent);
        let own = named
            .filter(|(_, (name, _))| is_own(name))
            .map(|(raw, _)| raw);
        let own: Vec<_> = own.cloned().collect();
        Ok(is_signed(&app.keys, project, bytes, given)?
            || is_signed(&app.keys, project, &own, given)?)
    }

    /// The order.
    ///
    /// # Errors
    /// When a field is missing or invalid.
    pub fn order(&self, texts: &Texts) -> Result<Order, Rejection> {
        let invalid = |field: &str| Rejection::field(&texts.form_field, field);
        let currency = self.required(texts, "currency")?;
        let parsed: Currency = currency.parse().map_err(|_| invalid("currency"))?;
        let amount = self.required(texts, "amount")?;
        let money = Money::from_decimal(amount, parsed).map_err(|error| {
            tracing::warn!(amount, currency, %error, "invalid amount");
            invalid("amount")
        })?;
        let text = |name: &str| self.value(name).map(str::to_owned);
        let method = self.value("method").map(str::parse).transpose();
        let metadata = self.fields.iter().filter_map(|(name, value)| {
            let key = metadata_key(name)?;
            Some((key.to_owned(), value.clone()))
        });
        Ok(Order {
            order_id: self.required(texts, "order_id")?.to_owned(),
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
}

/// Reads the order of a form that is not sent yet, as [`Form::order`] will.
///
/// # Errors
/// Sentences that say why the form will be rejected.
pub fn check(fields: &[(String, String)]) -> Result<Order, Vec<String>> {
    let texts = Texts::of([]);
    let order = match unsignable(fields) {
        Some(broken) => Err(Rejection::field(&texts.form_field, broken)),
        None => order_fields(texts, fields).and_then(|order_fields| {
            let form = Form {
                sent: fields.to_vec(),
                bytes: None,
                fields: order_fields,
            };
            form.order(texts)
        }),
    };
    order.map_err(|Rejection(_, reasons)| reasons)
}

/// The fields of the order, without blanks at their ends. Empty ones count as absent.
fn order_fields(texts: &Texts, sent: &[(String, String)]) -> Result<Fields, Rejection> {
    let mut fields: Fields = vec![];
    for (i, (name, given)) in sent.iter().enumerate() {
        if is_of_browser(name) {
            continue;
        }
        if !is_known(name) {
            return Err(Rejection::field(&texts.form_unknown, name));
        }
        if sent[..i].iter().any(|(other, _)| other == name) {
            return Err(Rejection::field(&texts.form_twice, name));
        }
        let path = if BuyerField::from_str(name).is_ok() {
            Cow::Owned(format!("buyer.{name}"))
        } else {
            Cow::Borrowed(name.as_str())
        };
        let value = tidy_text(&path, given).map_err(|error| {
            tracing::warn!(
                field = shown_name(&error.field),
                reason = error.message,
                "invalid field"
            );
            Rejection::field(&texts.form_field, name)
        })?;
        if !value.is_empty() {
            fields.push((name.clone(), value));
        }
    }
    Ok(fields)
}

fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || metadata_key(name).is_some()
}

/// Whether a browser adds a field by itself: the encoding, and the button that was pressed. A button
/// that is a picture sends where it was pressed.
fn is_of_browser(name: &str) -> bool {
    let button = name.strip_suffix(".x").or(name.strip_suffix(".y"));
    let button = button.unwrap_or(name);
    let is_button = BUTTONS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(button));
    is_button || name == CHARSET || name == "x" || name == "y"
}

/// The key of `metadata[key]`.
fn metadata_key(name: &str) -> Option<&str> {
    name.strip_prefix("metadata[")?
        .strip_suffix(']')
        .filter(|key| !key.is_empty())
}

/// Explains to the buyer why no invoice was created.
pub fn explain(texts: &Texts, error: Error) -> Rejection {
    let (kind, detail, errors) = match error {
        Error::Problem {
            kind,
            detail,
            errors,
            ..
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
                // A form has other names for the fields of objects.
                let field = match e.field.split_once('.') {
                    Some(("buyer", name)) => name.to_owned(),
                    Some(("metadata", key)) => format!("metadata[{key}]"),
                    _ => e.field.clone(),
                };
                texts.form_field.replace("{field}", &field)
            });
            Rejection(status, named.collect())
        }
    }
}
