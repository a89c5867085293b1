//! Adyen. A card typed into our form, PayPal and iDEAL go to `/payments`, with 3-D Secure by
//! redirect; a card without data goes to a payment link, Adyen's own page.
//! <https://docs.adyen.com/api-explorer/Checkout/71/overview>
//!
//! Adyen cannot be asked how a payment stands: it tells, by webhook, and repeats itself for weeks.
//! So after a lost answer the same request goes out once more with the same idempotency key, which
//! Adyen answers with the first one's outcome (keys live a week at least), and whatever stays
//! unknown then waits for the webhook.

use super::amount::{from_decimals, with_decimals};
use super::client::{Answer, send};
use super::credentials::{self, BaseUrl};
use super::{
    CallError, Capabilities, Connector, Ctx, Known, NewPayment, NewRefund, News, PaymentUpdate,
    RefundOutcome, Webhook, WebhookError,
};
use crate::crypto::hmac_sha256;
use crate::domain::Timing;
use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method as Verb, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use till_shared::money::{Currency, Money};
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;

/// <https://docs.adyen.com/development-resources/currency-codes>
#[rustfmt::skip]
const CURRENCIES: &[&str] = &[
    "AED", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BMD",
    "BND", "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CHF", "CLP", "CNY", "COP", "CRC", "CVE",
    "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP",
    "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "ISK", "JMD",
    "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LYD",
    "MAD", "MDL", "MKD", "MMK", "MNT", "MOP", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN",
    "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON",
    "RSD", "RWF", "SAR", "SBD", "SCR", "SEK", "SGD", "SHP", "SOS", "SRD", "SZL", "THB", "TND", "TOP",
    "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VND", "VUV", "WST", "XAF", "XCD",
    "XOF", "XPF", "YER", "ZAR", "ZMW",
];

/// <https://docs.adyen.com/development-resources/refusal-reasons>: the code that answers carry, the
/// words that webhooks carry, and ours.
const REFUSALS: &[(&str, &str, DeclineCode)] = {
    use DeclineCode::*;
    &[
        ("2", "Refused", CardDeclined),
        ("3", "Referral", CardDeclined),
        ("4", "Acquirer Error", ProcessingError),
        ("5", "Blocked Card", CardDeclined),
        ("6", "Expired Card", ExpiredCard),
        ("7", "Invalid Amount", LimitExceeded),
        ("8", "Invalid Card Number", IncorrectNumber),
        ("9", "Issuer Unavailable", ProcessingError),
        ("10", "Not supported", MethodUnavailable),
        ("11", "3D Not Authenticated", VerificationFailed),
        ("12", "Not enough balance", InsufficientFunds),
        ("14", "Acquirer Fraud", FraudSuspected),
        ("15", "Cancelled", VerificationAbandoned),
        ("16", "Shopper Cancelled", VerificationAbandoned),
        ("17", "Invalid Pin", CardDeclined),
        ("18", "Pin tries exceeded", LimitExceeded),
        ("19", "Pin validation not possible", CardDeclined),
        ("20", "FRAUD", FraudSuspected),
        ("21", "Not Submitted", ProcessingError),
        ("22", "FRAUD-CANCELLED", FraudSuspected),
        ("23", "Transaction Not Permitted", MethodUnavailable),
        ("24", "CVC Declined", IncorrectCvc),
        ("25", "Restricted Card", CardDeclined),
        ("26", "Revocation Of Auth", CardDeclined),
        ("27", "Declined Non Generic", CardDeclined),
        ("28", "Withdrawal amount exceeded", LimitExceeded),
        ("29", "Withdrawal count exceeded", LimitExceeded),
        ("31", "Issuer Suspected Fraud", FraudSuspected),
        ("32", "AVS Declined", CardDeclined),
        ("33", "Card requires online pin", CardDeclined),
        ("34", "No checking account available on Card", CardDeclined),
        ("35", "No savings account available on Card", CardDeclined),
        ("36", "Mobile pin required", VerificationFailed),
        ("37", "Contactless fallback", CardDeclined),
        ("38", "Authentication required", VerificationFailed),
        ("39", "RReq not received from DS", VerificationFailed),
        ("40", "Current AID is in Penalty Box.", CardDeclined),
        ("41", "CVM Required Restart Payment", CardDeclined),
        ("42", "3DS Authentication Error", VerificationFailed),
        ("43", "Online PIN required", CardDeclined),
        ("44", "Try another interface", CardDeclined),
        ("45", "Chip downgrade mode", CardDeclined),
        (
            "46",
            "Transaction blocked by Adyen to prevent excessive retry fees",
            LimitExceeded,
        ),
    ]
};

/// Error codes of a request that stand for a card that can't be one:
/// <https://docs.adyen.com/development-resources/error-codes>
const CARD_ERRORS: &[(&str, DeclineCode)] = &[
    ("101", DeclineCode::IncorrectNumber),
    ("102", DeclineCode::MethodUnavailable),
    ("103", DeclineCode::IncorrectCvc),
    ("129", DeclineCode::ExpiredCard),
];

/// "Request already processed or in progress": the fate of the first is the payment's.
const IN_PROGRESS: &str = "704";

/// The connector.
pub struct Adyen;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    api_key: SecretString,
    merchant_account: String,
    hmac_key: SecretString,
    /// Adyen gives each merchant one of their own.
    base_url: BaseUrl,
}

#[derive(Deserialize)]
struct Amount {
    value: i64,
    currency: String,
}

#[derive(Deserialize)]
enum ResultCode {
    AuthenticationFinished,
    AuthenticationNotRequired,
    Authorised,
    Cancelled,
    ChallengeShopper,
    Error,
    IdentifyShopper,
    PartiallyAuthorised,
    Pending,
    PresentToShopper,
    Received,
    RedirectShopper,
    Refused,
    Success,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    psp_reference: Option<String>,
    result_code: Option<ResultCode>,
    refusal_reason: Option<String>,
    refusal_reason_code: Option<String>,
    amount: Option<Amount>,
    action: Option<Action>,
}

#[derive(Deserialize)]
struct Action {
    r#type: String,
    method: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum LinkStatus {
    Active,
    Completed,
    Expired,
    Paid,
    PaymentPending,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Link {
    id: String,
    status: LinkStatus,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    psp_reference: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    notification_items: Vec<NotificationItem>,
}

#[derive(Deserialize)]
struct NotificationItem {
    #[serde(rename = "NotificationRequestItem")]
    item: Item,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    additional_data: Value,
    amount: Amount,
    event_code: String,
    merchant_account_code: String,
    #[serde(default)]
    merchant_reference: String,
    original_reference: Option<String>,
    psp_reference: String,
    reason: Option<String>,
    success: String,
}

/// How many decimals Adyen counts in; for CLP, CVE, IDR and ISK not ISO 4217's.
/// <https://docs.adyen.com/development-resources/currency-codes>
fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        "CVE" | "IDR" => 0,
        "CLP" | "ISK" => 2,
        _ => currency.exponent(),
    }
}

fn amount(money: Money) -> Result<Value, CallError> {
    let value = with_decimals(money, decimals(money.currency))?;
    Ok(json!({ "value": value, "currency": money.currency }))
}

impl Amount {
    fn money(&self) -> Option<Money> {
        let currency: Currency = self.currency.parse().ok()?;
        from_decimals(self.value, decimals(currency), currency)
    }
}

fn decline(code: Option<&str>, reason: Option<&str>, otherwise: DeclineCode) -> DeclineCode {
    let row = REFUSALS.iter().find(|(number, words, _)| {
        code == Some(number) || reason.is_some_and(|r| r.eq_ignore_ascii_case(words))
    });
    row.map_or(otherwise, |(.., ours)| *ours)
}

impl From<Payment> for PaymentUpdate {
    fn from(payment: Payment) -> Self {
        let code = payment.refusal_reason_code.as_deref();
        let reason = payment.refusal_reason.as_deref();
        let declined = |otherwise| Self::declined(decline(code, reason, otherwise));
        let update = match payment.result_code.unwrap_or(ResultCode::Other) {
            ResultCode::Authorised => Self::status(PaymentStatus::Succeeded),
            ResultCode::Refused => declined(DeclineCode::CardDeclined),
            ResultCode::Error => declined(DeclineCode::ProcessingError),
            ResultCode::Cancelled => declined(DeclineCode::VerificationAbandoned),
            ResultCode::RedirectShopper
            | ResultCode::ChallengeShopper
            | ResultCode::IdentifyShopper => Self::status(PaymentStatus::RequiresVerification),
            ResultCode::AuthenticationFinished
            | ResultCode::AuthenticationNotRequired
            | ResultCode::PartiallyAuthorised
            | ResultCode::Pending
            | ResultCode::PresentToShopper
            | ResultCode::Received
            | ResultCode::Success
            | ResultCode::Other => Self::status(PaymentStatus::Processing),
        };
        // Other actions need Adyen's own script. We ask for none of them.
        let redirect = payment.action.filter(|action| {
            action.r#type == "redirect" && action.method.as_deref() != Some("POST")
        });
        let url = redirect.and_then(|action| action.url);
        let update = Self {
            reference: payment.psp_reference,
            verification: url.map_or(Verification::None, |url| Verification::Redirect { url }),
            ..update
        };
        match payment.amount {
            Some(amount) => update.over(amount.money()),
            None => update,
        }
    }
}

impl From<Link> for PaymentUpdate {
    fn from(link: Link) -> Self {
        let status = match link.status {
            LinkStatus::Active => PaymentStatus::RequiresVerification,
            // The webhook says how it went, and by which reference it can be refunded.
            LinkStatus::Completed
            | LinkStatus::Paid
            | LinkStatus::PaymentPending
            | LinkStatus::Other => PaymentStatus::Processing,
            LinkStatus::Expired => PaymentStatus::Canceled,
        };
        let verification = match status {
            PaymentStatus::RequiresVerification => Verification::Redirect { url: link.url },
            _ => Verification::None,
        };
        Self {
            reference: Some(link.id),
            verification,
            ..Self::status(status)
        }
    }
}

fn failure(answer: &Answer) -> CallError {
    match answer.json::<Failure>() {
        Ok(f) if f.error_code == IN_PROGRESS => CallError::Unknown(f.message),
        Ok(f) => CallError::Refused(format!("{} {}", f.error_code, f.message)),
        Err(_) => CallError::Refused(format!("HTTP {}", answer.status)),
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
        let url = format!("{}/{path}", self.own.base_url);
        let request = self.ctx.http.request(verb, url);
        // A key that is no header's value is no key either: Adyen will say so.
        match HeaderValue::from_str(self.own.api_key.expose_secret()) {
            Ok(mut key) => {
                key.set_sensitive(true);
                request.header("x-api-key", key)
            }
            Err(_) => request,
        }
    }

    /// Asks, and where no answer comes asks once more with the same key: see the top of the file.
    async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Answer, CallError> {
        let request = || {
            let request = self.request(Verb::POST, path);
            request.header("idempotency-key", key).json(body)
        };
        match send(request()).await {
            Err(CallError::Unknown(_)) => send(request()).await.map_err(|e| {
                // Whatever became of the second, the first may have been carried out.
                CallError::Unknown(e.to_string())
            }),
            answer => answer,
        }
    }

    async fn pay(&self, new: &NewPayment<'_>, method: Value) -> Result<PaymentUpdate, CallError> {
        let mut body = json!({
            "merchantAccount": self.own.merchant_account,
            "amount": amount(new.money)?,
            "reference": new.id,
            "merchantOrderReference": new.order_id,
            "paymentMethod": method,
            "returnUrl": new.return_url,
            "channel": "Web",
            "shopperInteraction": "Ecommerce",
            "authenticationData": { "threeDSRequestData": { "nativeThreeDS": "disabled" } },
        });
        self.add_buyer(&mut body, new);
        let answer = self.post("payments", new.id.as_str(), &body).await?;
        if answer.status.is_success() {
            return Ok(answer.json::<Payment>()?.into());
        }
        if let Ok(f) = answer.json::<Failure>()
            && let Some((_, code)) = CARD_ERRORS.iter().find(|(code, _)| *code == f.error_code)
        {
            return Ok(PaymentUpdate::declined(*code));
        }
        Err(failure(&answer))
    }

    async fn link(&self, new: &NewPayment<'_>) -> Result<PaymentUpdate, CallError> {
        let mut body = json!({
            "merchantAccount": self.own.merchant_account,
            "amount": amount(new.money)?,
            "reference": new.id,
            "merchantOrderReference": new.order_id,
            "returnUrl": new.return_url,
            "allowedPaymentMethods": ["scheme"],
        });
        self.add_buyer(&mut body, new);
        if let Some(description) = new.description {
            body["description"] = description.into();
        }
        let answer = self.post("paymentLinks", new.id.as_str(), &body).await?;
        match answer.status.is_success() {
            true => Ok(answer.json::<Link>()?.into()),
            false => Err(failure(&answer)),
        }
    }

    fn add_buyer(&self, body: &mut Value, new: &NewPayment<'_>) {
        let fields = [
            ("shopperEmail", new.buyer.email.as_deref()),
            ("telephoneNumber", new.buyer.phone.as_deref()),
            ("countryCode", new.buyer.country.as_deref()),
            ("shopperLocale", new.locale),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                body[field] = value.into();
            }
        }
    }

    async fn existing_link(&self, id: &str) -> Result<Option<PaymentUpdate>, CallError> {
        let answer = send(self.request(Verb::GET, &format!("paymentLinks/{id}"))).await?;
        match answer.status.is_success() {
            true => Ok(Some(answer.json::<Link>()?.into())),
            false => Err(failure(&answer)),
        }
    }
}

/// The id of a payment link, where that is all that is known of a payment.
fn link_id<'a>(payment: &Known<'a>) -> Option<&'a str> {
    payment.reference.filter(|r| r.starts_with("PL"))
}

#[async_trait]
impl Connector for Adyen {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            methods: &[Method::Card, Method::Paypal, Method::Ideal],
            currencies: Some(CURRENCIES),
            refunds: true,
            own_form: true,
            card_data: true,
        }
    }

    fn check_credentials(&self, credentials: &Value) -> Result<(), String> {
        let expected = "api_key, merchant_account, hmac_key (hex) and base_url, each a text";
        credentials::check::<Credentials>(credentials, expected)?;
        let key = credentials["hmac_key"]
            .as_str()
            .and_then(|k| hex::decode(k).ok());
        key.map(|_| ()).ok_or_else(|| expected.to_owned())
    }

    fn webhook_answer(&self) -> &'static str {
        "[accepted]"
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        let api = Api::new(ctx)?;
        match (new.method, new.card) {
            (Method::Card, Some(card)) => {
                let mut method = json!({
                    "type": "scheme",
                    "number": card.number,
                    "expiryMonth": format!("{:02}", card.exp_month),
                    "expiryYear": card.exp_year.to_string(),
                    "cvc": card.cvc,
                });
                if let Some(holder) = card.holder.as_ref().or(new.buyer.name.as_ref()) {
                    method["holderName"] = holder.as_str().into();
                }
                api.pay(new, method).await
            }
            (Method::Card, None) => api.link(new).await,
            (Method::Paypal | Method::Ideal, _) => {
                api.pay(new, json!({ "type": new.method })).await
            }
            (Method::Bancontact | Method::Eps, _) => Err(CallError::NotSent(format!(
                "{} is not offered here",
                new.method
            ))),
        }
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        match link_id(payment) {
            Some(id) => Api::new(ctx)?.existing_link(id).await,
            None => Ok(Some(PaymentUpdate::nothing_new())),
        }
    }

    /// The buyer brings back what Adyen needs to go on.
    async fn returned(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
        query: &[(String, String)],
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let api = Api::new(ctx)?;
        let details: serde_json::Map<String, Value> = query
            .iter()
            .filter(|(name, _)| ["redirectResult", "payload", "MD", "PaRes"].contains(&&name[..]))
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        if details.is_empty() {
            return self.fetch(ctx, payment).await;
        }
        let key = format!("{}-details", payment.id);
        let body = json!({ "details": details });
        let answer = api.post("payments/details", &key, &body).await?;
        match answer.status.is_success() {
            true => Ok(Some(answer.json::<Payment>()?.into())),
            false => Err(failure(&answer)),
        }
    }

    /// Before the buyer is back and `/payments/details` was called there is nothing at Adyen to
    /// call off but a link. Should the money be taken all the same, the webhook tells.
    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let Some(id) = link_id(payment) else {
            return Ok(Some(PaymentUpdate::status(PaymentStatus::Canceled)));
        };
        let api = Api::new(ctx)?;
        let request = api.request(Verb::PATCH, &format!("paymentLinks/{id}"));
        let answer = send(request.json(&json!({ "status": "expired" }))).await?;
        match answer.status.is_success() {
            true => Ok(Some(answer.json::<Link>()?.into())),
            false => api.existing_link(id).await,
        }
    }

    /// Adyen takes a refund and tells later how it went, by webhook alone.
    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        if let Some(known) = new.known {
            return Ok(RefundOutcome::Pending(known.to_owned()));
        }
        let api = Api::new(ctx)?;
        let body = json!({
            "merchantAccount": api.own.merchant_account,
            "amount": amount(new.money)?,
            "reference": new.id,
        });
        let path = format!("payments/{}/refunds", new.reference);
        let answer = api.post(&path, new.id.as_str(), &body).await?;
        match answer.status.is_success() {
            true => Ok(RefundOutcome::Pending(
                answer.json::<Taken>()?.psp_reference,
            )),
            false => Err(failure(&answer)),
        }
    }

    /// There is no time among the signed fields, so that an old message can't be told from a new
    /// one; saying again what was said before has no effect.
    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        _headers: &HeaderMap,
        body: &[u8],
        _timing: Timing,
    ) -> Result<Vec<Webhook>, WebhookError> {
        let own: Credentials = credentials::read(ctx)?;
        let key = hex::decode(own.hmac_key.expose_secret());
        let key = key.map_err(|_| WebhookError::Forged("no key to check it by"))?;
        let notification: Notification =
            serde_json::from_slice(body).map_err(|e| WebhookError::Malformed(e.to_string()))?;
        let items = notification.notification_items.into_iter().map(|n| n.item);
        let items: Vec<Item> = items.collect();
        // One forged item and the whole batch is.
        for item in &items {
            verify(item, &key)?;
        }
        let mine = items
            .into_iter()
            .filter(|item| item.merchant_account_code == own.merchant_account);
        Ok(mine.map(message).collect())
    }
}

/// <https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>
fn verify(item: &Item, key: &[u8]) -> Result<(), WebhookError> {
    let value = item.amount.value.to_string();
    let fields = [
        &item.psp_reference,
        item.original_reference.as_deref().unwrap_or_default(),
        &item.merchant_account_code,
        &item.merchant_reference,
        &value,
        &item.amount.currency,
        &item.event_code,
        &item.success,
    ];
    let expected = STANDARD.encode(hmac_sha256(key, &[fields.join(":").as_bytes()]));
    let given = item.additional_data["hmacSignature"].as_str();
    let given = given.ok_or(WebhookError::Forged("no signature"))?;
    let same = bool::from(expected.as_bytes().ct_eq(given.as_bytes()));
    same.then_some(()).ok_or(WebhookError::Forged("wrong"))
}

/// <https://docs.adyen.com/development-resources/webhooks/webhook-types>. Two messages with the
/// same event code and reference are one that came twice.
fn message(item: Item) -> Webhook {
    let success = item.success == "true";
    let reason = item.reason.as_deref().unwrap_or_default();
    let by_link = item.additional_data.get("paymentLinkId").is_some();
    let payment = item.merchant_reference.parse().ok();
    let refund = item.merchant_reference.parse().ok();
    let refused = || RefundOutcome::Refused(reason.to_owned());
    let news = match (item.event_code.as_str(), success) {
        ("AUTHORISATION", true) => payment.map(|id| {
            let update = PaymentUpdate {
                reference: Some(item.psp_reference.clone()),
                ..PaymentUpdate::status(PaymentStatus::Succeeded)
            };
            News::Payment(id, update.over(item.amount.money()))
        }),
        // A link may be tried again with another card.
        ("AUTHORISATION", false) if by_link => None,
        ("AUTHORISATION", false) => {
            let code = decline(None, Some(reason), DeclineCode::CardDeclined);
            payment.map(|id| News::Payment(id, PaymentUpdate::declined(code)))
        }
        ("OFFER_CLOSED", true) => payment.map(|id| {
            let code = DeclineCode::VerificationAbandoned;
            News::Payment(id, PaymentUpdate::declined(code))
        }),
        ("REFUND", true) => refund.map(|id| {
            let reference = item.psp_reference.clone();
            News::Refund(id, RefundOutcome::Succeeded(reference))
        }),
        ("REFUND", false) | ("REFUND_FAILED", _) => refund.map(|id| News::Refund(id, refused())),
        _ => None,
    };
    Webhook {
        event_id: format!(
            "{}:{}:{}",
            item.event_code, item.psp_reference, item.success
        ),
        news: news.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Adyen's page on verifying HMAC signatures, and its libraries' own tests.
    #[test]
    fn adyens_own_example_verifies() {
        let item = json!({
            "additionalData": { "hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=" },
            "amount": { "value": 1130, "currency": "EUR" },
            "eventCode": "AUTHORISATION",
            "merchantAccountCode": "TestMerchant",
            "merchantReference": "TestPayment-1407325143704",
            "pspReference": "7914073381342284",
            "success": "true",
        });
        let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
        let key = hex::decode(key).unwrap();
        let read = |item: &Value| serde_json::from_value::<Item>(item.clone()).unwrap();
        assert!(verify(&read(&item), &key).is_ok());
        let mut altered = item.clone();
        altered["amount"]["value"] = 1131.into();
        assert!(verify(&read(&altered), &key).is_err());
        assert!(verify(&read(&item), b"another").is_err());
    }

    #[test]
    fn amounts_are_in_adyens_decimals() {
        let units = |amount: i64, code: &str| {
            let currency = code.parse().unwrap();
            super::amount(Money { amount, currency }).map(|a| a["value"].as_i64().unwrap())
        };
        assert_eq!(units(1999, "EUR").unwrap(), 1999);
        assert_eq!(units(500, "JPY").unwrap(), 500);
        assert_eq!(units(1500, "KWD").unwrap(), 1500);
        assert_eq!(units(500, "CLP").unwrap(), 50000);
        assert_eq!(units(5, "ISK").unwrap(), 500);
        assert_eq!(units(500_000, "IDR").unwrap(), 5000);
        assert!(units(500_050, "IDR").is_err());
    }
}
