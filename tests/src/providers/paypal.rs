//! A mock of PayPal: tokens, orders, captures, refunds, and webhooks signed with a certificate of a
//! test authority.

use super::mock::{Entry, Mock, MockProvider, ProviderApi, Refund, State, header, method};
use super::mollie::{decimal, minor};
use super::{Message, Plan};
use anyhow::Result;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding, Signer};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

const WEBHOOK: &str = "WH-TEST-1";
const NAME: &str = "messageverificationcerts.paypal.com";

/// PayPal.
pub type PayPal = MockProvider<PayPalApi>;

/// PayPal's API.
pub struct PayPalApi;

/// A signer of webhooks.
pub struct WebhookSigner {
    /// The authority's certificate, in PEM.
    pub authority: String,
    /// The certificate, in PEM.
    pub certificate: String,
    /// Its private key, in PEM.
    pub private_key: String,
    key: SigningKey<Sha256>,
}

impl WebhookSigner {
    /// Creates a signer with a certificate for a name.
    ///
    /// # Errors
    /// When a key or certificate cannot be created.
    pub fn new(name: &str) -> Result<Self> {
        let mut authority = CertificateParams::new(vec![])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate()?;
        let authority_cert = authority.self_signed(&authority_key)?;
        let private = rsa::PrivateKey::new(&mut rand::rng(), 2048)?;
        let pem = private.to_pkcs8_pem(LineEnding::LF)?;
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &rcgen::PKCS_RSA_SHA256)?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let issuer = Issuer::new(authority, authority_key);
        let certificate = params.signed_by(&pair, &issuer)?;
        Ok(Self {
            authority: authority_cert.pem(),
            certificate: certificate.pem(),
            private_key: pem.to_string(),
            key: SigningKey::new(private),
        })
    }

    fn sign(&self, base: &str, certificate: &str, body: String, time: &str) -> Message {
        let id = "8a3f1b60-0000-11f0-9d5c-000000000000";
        let signed = format!("{id}|{time}|{WEBHOOK}|{}", crc32fast::hash(body.as_bytes()));
        let signature = STANDARD.encode(self.key.sign(signed.as_bytes()).to_bytes());
        Message {
            headers: vec![
                ("paypal-transmission-id", id.into()),
                ("paypal-transmission-time", time.into()),
                ("paypal-transmission-sig", signature),
                ("paypal-auth-algo", "SHA256withRSA".into()),
                (
                    "paypal-cert-url",
                    format!("{base}/certificates/{certificate}"),
                ),
            ],
            body,
        }
    }
}

type SignerResult = std::result::Result<WebhookSigner, String>;
static PAYPAL_SIGNER: LazyLock<SignerResult> =
    LazyLock::new(|| WebhookSigner::new(NAME).map_err(|e| e.to_string()));
static OTHER_SIGNER: LazyLock<SignerResult> =
    LazyLock::new(|| WebhookSigner::new(NAME).map_err(|e| e.to_string()));

/// Returns a signer.
pub fn signer(made: &'static SignerResult) -> Result<&'static WebhookSigner> {
    made.as_ref()
        .map_err(|e| anyhow::anyhow!("no certificate: {e}"))
}

fn signed(mock: &Mock, body: String, time: &str) -> Message {
    let message = signer(&PAYPAL_SIGNER).map(|n| n.sign(&mock.base, "paypal", body, time));
    message.unwrap_or_else(|_| Message {
        headers: vec![],
        body: String::new(),
    })
}

/// Returns the time `shift` seconds from now in RFC 3339.
pub fn time(shift: i64) -> String {
    let time = jiff::Timestamp::from_second(super::now() + shift);
    time.map_or_else(|_| String::new(), |time| time.to_string())
}

fn money(amount: i64, currency: &str) -> Value {
    json!({ "value": decimal(amount, currency), "currency_code": currency })
}

fn capture(e: &Entry) -> Value {
    json!({
        "id": format!("C{}", e.reference), "status": "COMPLETED", "custom_id": e.ours,
        "invoice_id": e.ours, "amount": money(e.amount, &e.currency),
    })
}

fn order(mock: &Mock, e: &Entry) -> Value {
    let status = match e.state {
        State::Open | State::Declined => "PAYER_ACTION_REQUIRED",
        State::Confirmed => "APPROVED",
        State::Paid => "COMPLETED",
        State::Canceled => "VOIDED",
    };
    let mut unit = json!({ "custom_id": e.ours, "amount": money(e.amount, &e.currency) });
    if e.state == State::Paid {
        unit["payments"] = json!({ "captures": [capture(e)] });
    }
    json!({
        "id": e.reference, "status": status, "purchase_units": [unit],
        "links": [
            { "rel": "self", "href": format!("{}/v2/checkout/orders/{}", mock.base, e.reference) },
            { "rel": "payer-action", "href": mock.form(&e.reference) },
        ],
    })
}

fn refund(r: &Refund, currency: &str) -> Value {
    json!({
        "id": r.id, "status": "COMPLETED", "custom_id": r.ours,
        "amount": money(r.amount, currency),
    })
}

fn error(status: u16) -> Value {
    json!({ "name": "NO", "message": format!("HTTP {status}"), "details": [] })
}

fn event(kind: &str, resource: &Value) -> String {
    let id = format!("WH-{}", super::hmac_hex(b"", &resource.to_string()));
    json!({ "id": id, "event_type": kind, "resource": resource }).to_string()
}

fn webhook_body(mock: &Mock, e: &Entry) -> String {
    match e.state {
        State::Confirmed => event("CHECKOUT.ORDER.APPROVED", &order(mock, e)),
        _ => event("PAYMENT.CAPTURE.COMPLETED", &capture(e)),
    }
}

impl ProviderApi for PayPalApi {
    const KIND: &'static str = "paypal";
    const DECLINE: &'static str = "card_declined";

    fn router(mock: Arc<Mock>) -> Router {
        Router::new()
            .route("/v1/oauth2/token", post(token))
            .route("/v2/checkout/orders", post(create))
            .route("/v2/checkout/orders/{id}", get(read))
            .route("/v2/checkout/orders/{id}/capture", post(capture_order))
            .route("/v2/payments/captures/{id}/refund", post(create_refund))
            .route("/certificates/{name}", get(certificate))
            .with_state(mock)
    }

    fn credentials(base: &str) -> Value {
        json!({
            "client_id": "client", "client_secret": "paypal-client-secret",
            "webhook_id": WEBHOOK, "base_url": base,
            "certificate_authority": signer(&PAYPAL_SIGNER).map(|n| n.authority.clone()).ok(),
        })
    }

    fn pay(_: Plan) -> Value {
        method("paypal")
    }

    fn message(mock: &Mock, entry: &Entry) -> Message {
        signed(mock, webhook_body(mock, entry), &time(0))
    }

    fn refunded(_: &Mock, _: &Entry, _: &Refund) -> Option<Message> {
        None
    }

    fn forged_webhooks(mock: &Mock, entry: &Entry) -> Vec<Message> {
        let body = event("PAYMENT.CAPTURE.COMPLETED", &capture(entry));
        let good = signed(mock, body.clone(), &time(0));
        let another = |certificate: &str| {
            let signer = signer(&OTHER_SIGNER).ok()?;
            Some(signer.sign(&mock.base, certificate, body.clone(), &time(0)))
        };
        let mut forged = vec![
            good.altered("19.99", "20.00"),
            good.with("paypal-transmission-time", time(1)),
            good.with("paypal-auth-algo", "none"),
            good.with("paypal-transmission-sig", ""),
            good.with(
                "paypal-cert-url",
                "https://evil.example/certificates/paypal",
            ),
            good.with(
                "paypal-cert-url",
                "https://api.paypal.com.evil.example/paypal",
            ),
            good.with(
                "paypal-cert-url",
                "http://api.paypal.com/certificates/paypal",
            ),
            signed(mock, body.clone(), &time(-4 * 86_400)),
        ];
        // Signed with a self-made certificate, and with that key but PayPal's certificate.
        forged.extend(another("another"));
        forged.extend(another("paypal"));
        forged
    }

    fn confirmed(entry: &mut Entry) {
        entry.state = State::Confirmed;
    }

    fn returned(entry: &Entry) -> Vec<(&'static str, String)> {
        vec![
            ("token", entry.reference.clone()),
            ("PayerID", "PAYER".into()),
        ]
    }
}

async fn token(headers: HeaderMap) -> Response {
    let basic = STANDARD.encode("client:paypal-client-secret");
    if header(&headers, "authorization") == format!("Basic {basic}") {
        let token = json!({ "access_token": "paypal-access-token", "expires_in": 32400 });
        Json(token).into_response()
    } else {
        refused()
    }
}

fn refused() -> Response {
    (StatusCode::UNAUTHORIZED, Json(error(401))).into_response()
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, Json(error(404))).into_response()
}

async fn certificate(Path(name): Path<String>) -> Response {
    let made = match name.as_str() {
        "another" => signer(&OTHER_SIGNER),
        _ => signer(&PAYPAL_SIGNER),
    };
    made.map_or_else(|_| missing(), |n| n.certificate.clone().into_response())
}

async fn create(
    Shared(mock): Shared<Arc<Mock>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Some(error_response) = mock.error_response(error) {
        return error_response;
    }
    if header(&headers, "authorization") != "Bearer paypal-access-token" {
        return refused();
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let unit = &body["purchase_units"][0];
    let context = &body["payment_source"]["paypal"]["experience_context"];
    let ours = text(&unit["custom_id"]);
    let currency = text(&unit["amount"]["currency_code"]);
    let new = Entry {
        reference: Entry::unique(&ours).to_uppercase(),
        ours,
        amount: minor(&text(&unit["amount"]["value"]), &currency),
        currency,
        state: State::Open,
        plan: mock.plan(),
        return_url: text(&context["return_url"]),
        refunds: vec![],
    };
    let (entry, _) = mock.insert(&header(&headers, "paypal-request-id"), new);
    (StatusCode::CREATED, Json(order(&mock, &entry))).into_response()
}

async fn read(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    match mock.entry(&id) {
        Some(entry) => Json(order(&mock, &entry)).into_response(),
        None => missing(),
    }
}

async fn capture_order(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    let issue = |issue: &str| {
        let body = json!({
            "name": "UNPROCESSABLE_ENTITY", "message": "no", "details": [{ "issue": issue }],
        });
        (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
    };
    let Some(entry) = mock.entry(&id) else {
        return missing();
    };
    match (entry.state, entry.plan) {
        (State::Confirmed, Plan::Decline) => {
            mock.with(&id, |e| e.state = State::Declined);
            return issue("INSTRUMENT_DECLINED");
        }
        (State::Confirmed, _) => {}
        (State::Paid, _) => return issue("ORDER_ALREADY_CAPTURED"),
        _ => return issue("ORDER_NOT_APPROVED"),
    }
    let taken = mock.with(&id, |e| {
        e.state = State::Paid;
        e.clone()
    });
    let Some(entry) = taken else { return missing() };
    mock.before_response::<PayPalApi>(&entry).await;
    (StatusCode::CREATED, Json(order(&mock, &entry))).into_response()
}

async fn create_refund(
    Shared(mock): Shared<Arc<Mock>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let currency = text(&body["amount"]["currency_code"]);
    let new = Refund {
        ours: header(&headers, "paypal-request-id"),
        id: format!("R{}", Entry::unique(&text(&body["custom_id"]))),
        amount: minor(&text(&body["amount"]["value"]), &currency),
    };
    match mock.create_refund(id.trim_start_matches('C'), new) {
        Some(done) => (StatusCode::CREATED, Json(refund(&done, &currency))).into_response(),
        None => missing(),
    }
}
