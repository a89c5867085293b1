//! Stripe. A card typed into our form becomes a PaymentIntent; everything else goes to Stripe's
//! own page, a Checkout Session. <https://docs.stripe.com/api>
//!
//! After a lost answer the payment is looked for in Stripe's lists, by the id of ours that its
//! metadata carry. Asking again with the same idempotency key would need the card once more, which
//! is nowhere kept; Stripe's search lags behind by its own account, so that "not found" there would
//! prove nothing. The lists are read-after-write.

use super::amount::{from_decimals, with_decimals};
use super::client::{Answer, send};
use super::credentials::{self, BaseUrl};
use super::{
    CallError, Capabilities, Connector, Ctx, Known, NewPayment, NewRefund, News, PaymentUpdate,
    RefundOutcome, Webhook, WebhookError, timestamped,
};
use crate::domain::Timing;
use async_trait::async_trait;
use axum::http::HeaderMap;
use reqwest::{Method as Verb, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use till_shared::money::{Currency, Money};
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::{CardData, Verification};

/// The API's version that this file speaks; without the header it is the account's own choice.
const VERSION: &str = "2024-06-20";
/// Where our ids stand in Stripe's metadata.
const PAYMENT: &str = "till_payment";
const REFUND: &str = "till_refund";
/// How far our clock and Stripe's may differ, and how long a call may be under way, in seconds.
const CLOCKS: i64 = 300;
/// How many pages of a hundred are looked through for a lost payment.
const PAGES: usize = 50;

/// <https://docs.stripe.com/currencies>, but UGX: Stripe's pages contradict each other on it.
#[rustfmt::skip]
const CURRENCIES: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF",
    "BMD", "BND", "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP",
    "CRC", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL",
    "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "ISK", "JMD",
    "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD",
    "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN",
    "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG",
    "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SEK", "SGD", "SHP", "SOS", "SRD", "SZL",
    "THB", "TJS", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "VND", "VUV",
    "WST", "XAF", "XCD", "XOF", "XPF", "YER", "ZAR", "ZMW",
];

/// <https://docs.stripe.com/declines/codes>, then the error codes that stand for a decline,
/// <https://docs.stripe.com/error-codes>. Where Stripe says to tell the buyer no more than that the
/// card was declined (lost, stolen), no more is told.
const DECLINES: &[(&str, DeclineCode)] = {
    use DeclineCode::*;
    &[
        ("approve_with_id", CardDeclined),
        ("authentication_not_handled", VerificationFailed),
        ("authentication_required", VerificationFailed),
        ("call_issuer", CardDeclined),
        ("card_not_supported", MethodUnavailable),
        ("card_velocity_exceeded", LimitExceeded),
        ("currency_not_supported", MethodUnavailable),
        ("do_not_honor", CardDeclined),
        ("do_not_try_again", CardDeclined),
        ("duplicate_transaction", ProcessingError),
        ("expired_card", ExpiredCard),
        ("fraudulent", FraudSuspected),
        ("generic_decline", CardDeclined),
        ("highest_risk_level", FraudSuspected),
        ("incorrect_address", CardDeclined),
        ("incorrect_cvc", IncorrectCvc),
        ("incorrect_number", IncorrectNumber),
        ("incorrect_pin", CardDeclined),
        ("incorrect_zip", CardDeclined),
        ("insufficient_funds", InsufficientFunds),
        ("invalid_account", CardDeclined),
        ("invalid_amount", LimitExceeded),
        ("invalid_cvc", IncorrectCvc),
        ("invalid_expiry_month", ExpiredCard),
        ("invalid_expiry_year", ExpiredCard),
        ("invalid_number", IncorrectNumber),
        ("invalid_pin", CardDeclined),
        ("issuer_not_available", ProcessingError),
        ("lost_card", CardDeclined),
        ("merchant_blacklist", FraudSuspected),
        ("mobile_device_authentication_required", VerificationFailed),
        ("new_account_information_available", CardDeclined),
        ("no_action_taken", CardDeclined),
        ("not_permitted", CardDeclined),
        ("offline_pin_required", CardDeclined),
        ("online_or_offline_pin_required", CardDeclined),
        ("pickup_card", CardDeclined),
        ("pin_try_exceeded", LimitExceeded),
        ("previously_declined_do_not_retry", CardDeclined),
        ("processing_error", ProcessingError),
        ("reenter_transaction", ProcessingError),
        ("restricted_card", CardDeclined),
        ("revocation_of_all_authorizations", CardDeclined),
        ("revocation_of_authorization", CardDeclined),
        ("security_violation", CardDeclined),
        ("service_not_allowed", CardDeclined),
        ("stolen_card", CardDeclined),
        ("stop_payment_order", CardDeclined),
        ("testmode_decline", CardDeclined),
        ("transaction_not_allowed", MethodUnavailable),
        ("try_again_later", ProcessingError),
        ("withdrawal_count_limit_exceeded", LimitExceeded),
        ("card_declined", CardDeclined),
        ("card_decline_rate_limit_exceeded", LimitExceeded),
        ("payment_intent_authentication_failure", VerificationFailed),
        (
            "payment_intent_payment_attempt_expired",
            VerificationAbandoned,
        ),
        ("payment_intent_payment_attempt_failed", CardDeclined),
    ]
};

/// The connector.
pub struct Stripe;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    secret_key: SecretString,
    webhook_secret: SecretString,
    #[serde(default = "live")]
    base_url: BaseUrl,
}

fn live() -> BaseUrl {
    BaseUrl::fixed("https://api.stripe.com")
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Intent {
    id: String,
    status: IntentStatus,
    amount: i64,
    amount_received: Option<i64>,
    currency: String,
    #[serde(default)]
    metadata: Value,
    last_payment_error: Option<CardError>,
    next_action: Option<NextAction>,
}

#[derive(Deserialize)]
struct NextAction {
    redirect_to_url: Option<Redirect>,
}

#[derive(Deserialize)]
struct Redirect {
    url: String,
}

#[derive(Deserialize)]
struct CardError {
    #[serde(default)]
    r#type: String,
    code: Option<String>,
    decline_code: Option<String>,
    #[serde(default)]
    message: String,
    payment_intent: Option<Box<Intent>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SessionStatus {
    Open,
    Complete,
    Expired,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    status: SessionStatus,
    payment_status: String,
    payment_intent: Option<String>,
    amount_total: Option<i64>,
    currency: Option<String>,
    url: Option<String>,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundStatus {
    Pending,
    RequiresAction,
    Succeeded,
    Failed,
    Canceled,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Refund {
    id: String,
    status: RefundStatus,
    failure_reason: Option<String>,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct List<T> {
    data: Vec<T>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Failure {
    error: CardError,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
    data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    object: Value,
}

/// How many decimals Stripe counts in: <https://docs.stripe.com/currencies#zero-decimal>. MGA has
/// two by ISO 4217 and none here; ISK has none and is written with two.
fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        "BIF" | "CLP" | "DJF" | "GNF" | "JPY" | "KMF" | "KRW" | "MGA" | "PYG" | "RWF" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

fn units(money: Money) -> Result<String, CallError> {
    let units = with_decimals(money, decimals(money.currency))?;
    // Of three decimals the last must be 0, of ISK's two both.
    let step = match money.currency.code() {
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 10,
        _ => 1,
    };
    match units % step {
        0 => Ok(units.to_string()),
        _ => Err(CallError::NotSent(format!(
            "{money}: Stripe takes multiples of 10 only"
        ))),
    }
}

fn money(units: i64, currency: &str) -> Option<Money> {
    let currency: Currency = currency.to_uppercase().parse().ok()?;
    from_decimals(units, decimals(currency), currency)
}

impl CardError {
    fn decline(&self) -> DeclineCode {
        let words = [&self.decline_code, &self.code].into_iter().flatten();
        let known = |word: &String| DECLINES.iter().find(|(code, _)| code == word);
        words
            .filter_map(known)
            .map(|(_, code)| *code)
            .next()
            .unwrap_or(DeclineCode::CardDeclined)
    }
}

impl From<Intent> for PaymentUpdate {
    fn from(intent: Intent) -> Self {
        let url = intent.next_action.and_then(|a| a.redirect_to_url);
        let status = match intent.status {
            // The attempt is over; without one there is nothing to tell yet.
            IntentStatus::RequiresPaymentMethod => match &intent.last_payment_error {
                Some(_) => PaymentStatus::Declined,
                None => PaymentStatus::Created,
            },
            IntentStatus::RequiresConfirmation => PaymentStatus::Created,
            IntentStatus::RequiresAction => PaymentStatus::RequiresVerification,
            IntentStatus::Processing | IntentStatus::RequiresCapture | IntentStatus::Other => {
                PaymentStatus::Processing
            }
            IntentStatus::Canceled => PaymentStatus::Canceled,
            IntentStatus::Succeeded => PaymentStatus::Succeeded,
        };
        let decline = (status == PaymentStatus::Declined)
            .then(|| intent.last_payment_error.map(|e| e.decline()))
            .flatten();
        let received = intent.amount_received.filter(|n| *n > 0);
        Self {
            reference: Some(intent.id),
            decline,
            verification: url.map_or(Verification::None, |r| Verification::Redirect {
                url: r.url,
            }),
            ..Self::status(status)
        }
        .over(money(received.unwrap_or(intent.amount), &intent.currency))
    }
}

impl From<Session> for PaymentUpdate {
    fn from(session: Session) -> Self {
        let status = match session.status {
            SessionStatus::Open => PaymentStatus::RequiresVerification,
            SessionStatus::Complete if session.payment_status == "paid" => PaymentStatus::Succeeded,
            SessionStatus::Complete | SessionStatus::Other => PaymentStatus::Processing,
            SessionStatus::Expired => PaymentStatus::Canceled,
        };
        let url = session.url.filter(|_| status.is_live());
        let paid = status == PaymentStatus::Succeeded;
        Self {
            // Refunds go by the intent, which the session has once it is paid.
            reference: session.payment_intent.filter(|_| paid).or(Some(session.id)),
            verification: url.map_or(Verification::None, |url| Verification::Redirect { url }),
            ..Self::status(status)
        }
        .over(
            session
                .amount_total
                .zip(session.currency)
                .and_then(|(n, c)| money(n, &c)),
        )
    }
}

impl From<Refund> for RefundOutcome {
    fn from(refund: Refund) -> Self {
        match refund.status {
            RefundStatus::Pending | RefundStatus::RequiresAction | RefundStatus::Other => {
                Self::Pending(refund.id)
            }
            RefundStatus::Succeeded => Self::Succeeded(refund.id),
            RefundStatus::Failed | RefundStatus::Canceled => {
                Self::Refused(refund.failure_reason.unwrap_or_else(|| "failed".into()))
            }
        }
    }
}

fn ours<T: std::str::FromStr>(metadata: &Value, key: &str) -> Option<T> {
    metadata.get(key)?.as_str()?.parse().ok()
}

/// What an answer that is no success means.
fn failure(answer: &Answer) -> Result<PaymentUpdate, CallError> {
    // A refusal that is not in its own words may be anybody's on the way: unknown.
    let Failure { error } = answer.json()?;
    let code = error.decline_code.as_ref().or(error.code.as_ref());
    let why = format!("{} {}", code.map_or("", |c| c.as_str()), error.message);
    match (answer.status.as_u16(), error.r#type.as_str()) {
        // The bank's word, or a card that can't be one.
        (402, _) | (_, "card_error") => Ok(PaymentUpdate {
            reference: error.payment_intent.as_ref().map(|i| i.id.clone()),
            ..PaymentUpdate::declined(error.decline())
        }),
        // The key was used before: that call's fate is the payment's.
        (409, _) | (_, "idempotency_error") => Err(CallError::Unknown(why)),
        _ => Err(CallError::Refused(why)),
    }
}

struct Api<'a> {
    ctx: &'a Ctx<'a>,
    own: Credentials,
}

impl<'a> Api<'a> {
    fn new(ctx: &'a Ctx<'a>) -> Result<Self, CallError> {
        let own = credentials::read(ctx)?;
        Ok(Self { ctx, own })
    }

    fn request(&self, verb: Verb, path: &str) -> RequestBuilder {
        self.ctx
            .http
            .request(verb, format!("{}/v1/{path}", self.own.base_url))
            .bearer_auth(self.own.secret_key.expose_secret())
            .header("stripe-version", VERSION)
    }

    async fn post(&self, path: &str, key: &str, form: &Form<'_>) -> Result<Answer, CallError> {
        let request = self.request(Verb::POST, path);
        send(request.header("idempotency-key", key).form(form)).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, CallError> {
        let answer = send(self.request(Verb::GET, path)).await?;
        match answer.status.as_u16() {
            200 => answer.json().map(Some),
            // Not there, in its own words: anybody on the way may say 404.
            404 => answer.json::<Failure>().map(|_| None),
            status => Err(CallError::Refused(format!("HTTP {status}"))),
        }
    }

    /// The one of a list, made since our payment was, that is ours.
    async fn look_for<T: DeserializeOwned>(
        &self,
        list: &str,
        payment: &Known<'_>,
        id: fn(&T) -> &str,
        metadata: fn(&T) -> &Value,
    ) -> Result<Option<T>, CallError> {
        let since = payment.created_at.div_euclid(1000) - CLOCKS;
        let until = payment.created_at.div_euclid(1000) + CLOCKS;
        let window = format!("{list}?limit=100&created[gte]={since}&created[lte]={until}");
        let mut path = window.clone();
        for _ in 0..PAGES {
            let page: Option<List<T>> = self.get(&path).await?;
            let Some(page) = page else { return Ok(None) };
            let last = page.data.last().map(|one| id(one).to_owned());
            let mine = |one: &T| metadata(one).get(PAYMENT) == Some(&payment.id.as_str().into());
            if let Some(found) = page.data.into_iter().find(mine) {
                return Ok(Some(found));
            }
            match last.filter(|_| page.has_more) {
                Some(last) => path = format!("{window}&starting_after={last}"),
                None => return Ok(None),
            }
        }
        Err(CallError::Unknown(
            "too many payments to look through".into(),
        ))
    }

    /// A card typed into our form. The card is handed over first, which takes no money: whatever
    /// happens then, nothing was charged.
    async fn intent(
        &self,
        new: &NewPayment<'_>,
        card: &CardData,
    ) -> Result<PaymentUpdate, CallError> {
        let amount = units(new.money)?;
        let mut form: Form = vec![
            ("type", "card".into()),
            ("card[number]", card.number.clone()),
            ("card[exp_month]", card.exp_month.to_string()),
            ("card[exp_year]", card.exp_year.to_string()),
            ("card[cvc]", card.cvc.clone()),
        ];
        let name = card.holder.as_ref().or(new.buyer.name.as_ref());
        let details = [
            ("billing_details[name]", name),
            ("billing_details[email]", new.buyer.email.as_ref()),
            ("billing_details[phone]", new.buyer.phone.as_ref()),
        ];
        for (field, value) in details {
            form.extend(value.map(|v| (field, v.clone())));
        }
        let key = format!("{}-card", new.id);
        let answer = self.post("payment_methods", &key, &form).await;
        let answer = answer.map_err(|e| CallError::NotSent(e.to_string()))?;
        if !answer.status.is_success() {
            return failure(&answer);
        }
        let method: Named = answer
            .json()
            .map_err(|e| CallError::NotSent(e.to_string()))?;

        let mut form: Form = vec![
            ("amount", amount),
            ("currency", new.money.currency.code().to_lowercase()),
            ("payment_method", method.id),
            ("payment_method_types[]", "card".into()),
            ("confirm", "true".into()),
            ("return_url", new.return_url.into()),
            ("metadata[till_payment]", new.id.to_string()),
            ("metadata[order_id]", new.order_id.into()),
        ];
        form.extend(new.description.map(|d| ("description", d.to_owned())));
        let answer = self.post("payment_intents", new.id.as_str(), &form).await?;
        match answer.status.is_success() {
            true => Ok(answer.json::<Intent>()?.into()),
            false => failure(&answer),
        }
    }

    async fn session(&self, new: &NewPayment<'_>) -> Result<PaymentUpdate, CallError> {
        let product = new.description.unwrap_or(new.order_id).to_owned();
        let currency = new.money.currency.code().to_lowercase();
        // The intent's metadata stay empty: a buyer may try several cards in one session, and a
        // failed one is not the payment's end.
        let mut form: Form = vec![
            ("mode", "payment".into()),
            ("payment_method_types[]", new.method.as_str().to_owned()),
            ("line_items[0][quantity]", "1".into()),
            ("line_items[0][price_data][unit_amount]", units(new.money)?),
            ("line_items[0][price_data][currency]", currency),
            ("line_items[0][price_data][product_data][name]", product),
            ("success_url", new.return_url.into()),
            ("cancel_url", new.return_url.into()),
            ("client_reference_id", new.order_id.into()),
            ("metadata[till_payment]", new.id.to_string()),
        ];
        form.extend(new.buyer.email.clone().map(|e| ("customer_email", e)));
        let answer = self
            .post("checkout/sessions", new.id.as_str(), &form)
            .await?;
        match answer.status.is_success() {
            true => Ok(answer.json::<Session>()?.into()),
            false => failure(&answer),
        }
    }
}

type Form<'a> = Vec<(&'a str, String)>;

#[derive(Deserialize)]
struct Named {
    id: String,
}

fn is_session(reference: &str) -> bool {
    reference.starts_with("cs_")
}

#[async_trait]
impl Connector for Stripe {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            methods: &[Method::Card, Method::Ideal, Method::Bancontact, Method::Eps],
            currencies: Some(CURRENCIES),
            refunds: true,
            own_form: true,
            card_data: true,
        }
    }

    fn check_credentials(&self, credentials: &Value) -> Result<(), String> {
        let expected = "secret_key and webhook_secret, each a text, and base_url if it is not \
                        Stripe's own";
        credentials::check::<Credentials>(credentials, expected)
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        let api = Api::new(ctx)?;
        match new.card.filter(|_| new.method == Method::Card) {
            Some(card) => api.intent(new, card).await,
            None => api.session(new).await,
        }
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let api = Api::new(ctx)?;
        match payment.reference {
            Some(id) if is_session(id) => {
                let found: Option<Session> = api.get(&format!("checkout/sessions/{id}")).await?;
                Ok(found.map(Into::into))
            }
            Some(id) => {
                let found: Option<Intent> = api.get(&format!("payment_intents/{id}")).await?;
                Ok(found.map(Into::into))
            }
            None => {
                let intent = api
                    .look_for::<Intent>("payment_intents", payment, |i| &i.id, |i| &i.metadata)
                    .await?;
                if let Some(intent) = intent {
                    return Ok(Some(intent.into()));
                }
                let session = api
                    .look_for::<Session>("checkout/sessions", payment, |s| &s.id, |s| &s.metadata)
                    .await?;
                Ok(session.map(Into::into))
            }
        }
    }

    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        if let Some(id) = payment.reference {
            let api = Api::new(ctx)?;
            let path = match is_session(id) {
                true => format!("checkout/sessions/{id}/expire"),
                false => format!("payment_intents/{id}/cancel"),
            };
            let answer = send(api.request(Verb::POST, &path)).await?;
            if answer.status.is_success() {
                return Ok(Some(match is_session(id) {
                    true => answer.json::<Session>()?.into(),
                    false => answer.json::<Intent>()?.into(),
                }));
            }
        }
        // Too late to call off, or never heard of: how it stands decides.
        self.fetch(ctx, payment).await
    }

    /// Stripe forgets idempotency keys after a day or more; our refunds may be asked for longer
    /// than that. So the payment's refunds are looked through first.
    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        let api = Api::new(ctx)?;
        if let Some(id) = new.known {
            let found: Option<Refund> = api.get(&format!("refunds/{id}")).await?;
            let gone = || CallError::Unknown("the refund is not there any more".into());
            return found.map(Into::into).ok_or_else(gone);
        }
        let path = format!("refunds?limit=100&payment_intent={}", new.reference);
        let before: Option<List<Refund>> = api.get(&path).await?;
        let mine = |r: &Refund| r.metadata.get(REFUND) == Some(&new.id.as_str().into());
        if let Some(refund) = before.and_then(|list| list.data.into_iter().find(mine)) {
            return Ok(refund.into());
        }
        let form: Form = vec![
            ("payment_intent", new.reference.into()),
            ("amount", units(new.money)?),
            ("metadata[till_refund]", new.id.to_string()),
        ];
        let answer = api.post("refunds", new.id.as_str(), &form).await?;
        match answer.status.is_success() {
            true => Ok(answer.json::<Refund>()?.into()),
            false => {
                let declined = failure(&answer)?;
                Ok(RefundOutcome::Refused(format!("{:?}", declined.decline)))
            }
        }
    }

    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        headers: &HeaderMap,
        body: &[u8],
        timing: Timing,
    ) -> Result<Vec<Webhook>, WebhookError> {
        let own: Credentials = credentials::read(ctx)?;
        let secret = own.webhook_secret.expose_secret().as_bytes();
        timestamped::verify(headers, "stripe-signature", body, secret, timing)?;
        let malformed = |e: serde_json::Error| WebhookError::Malformed(e.to_string());
        let event: Event = serde_json::from_slice(body).map_err(malformed)?;
        let kind = event.data.object.get("object").and_then(Value::as_str);
        let news = match kind.unwrap_or_default() {
            "payment_intent" => {
                let intent: Intent =
                    serde_json::from_value(event.data.object).map_err(malformed)?;
                ours(&intent.metadata, PAYMENT).map(|id| News::Payment(id, intent.into()))
            }
            "checkout.session" => {
                let session: Session =
                    serde_json::from_value(event.data.object).map_err(malformed)?;
                let failed = event.r#type == "checkout.session.async_payment_failed";
                ours(&session.metadata, PAYMENT).map(|id| {
                    News::Payment(
                        id,
                        match failed {
                            true => PaymentUpdate::declined(DeclineCode::CardDeclined),
                            false => session.into(),
                        },
                    )
                })
            }
            "refund" => {
                let refund: Refund =
                    serde_json::from_value(event.data.object).map_err(malformed)?;
                ours(&refund.metadata, REFUND).map(|id| News::Refund(id, refund.into()))
            }
            _ => None,
        };
        Ok(vec![Webhook {
            event_id: event.id,
            news: news.into_iter().collect(),
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_stripes_units() {
        let units = |amount: i64, code: &str| {
            let currency = code.parse().unwrap();
            super::units(Money { amount, currency }).ok()
        };
        for (amount, code, expected) in [
            (1999, "EUR", Some("1999")),
            (500, "JPY", Some("500")),
            (5, "ISK", Some("500")),
            (1000, "MGA", Some("10")),
            (1001, "MGA", None),
            (5120, "KWD", Some("5120")),
            (5124, "KWD", None),
        ] {
            assert_eq!(units(amount, code).as_deref(), expected, "{amount} {code}");
        }
        let isk = "ISK".parse().unwrap();
        assert_eq!(
            money(500, "isk"),
            Some(Money {
                amount: 5,
                currency: isk
            })
        );
        assert_eq!(money(500, "???"), None);
    }
}
