//! Adyen, PayPal and Mollie against their published API descriptions: every request is valid, and
//! every documented response is understood.

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use std::sync::Arc;
use till_server::connectors::{
    Account, Cache, CallError, Cause, ClientInfo, Connector, Ctx, NewPayment, NewRefund,
    PaymentRef, PaymentUpdate, Reference, by_kind,
};
use till_shared::buyer::Buyer;
use till_shared::id::{PaymentId, RefundId};
use till_shared::money::Money;
use till_shared::payment::{Method, PaymentStatus};
use till_shared::widget::{BrowserInfo, CardData};
use till_tests::providers::prism::{Documented, PrismServer, narrowed};
use till_tests::tools::installed;

/// A connector with an account.
struct Fixture {
    connector: Arc<dyn Connector>,
    account: Account,
    http: reqwest::Client,
    cache: Cache,
    payment: PaymentId,
    refund: RefundId,
}

impl Fixture {
    fn new(kind: &str, credentials: &Value) -> Result<Self> {
        let Some(connector) = by_kind(kind) else {
            bail!("no connector {kind}")
        };
        let usable = connector.check_credentials(credentials);
        usable.map_err(|e| anyhow::anyhow!(e))?;
        Ok(Self {
            connector,
            account: Account {
                kind: kind.to_owned(),
                id: "main".into(),
                credentials: credentials.to_string().into(),
            },
            http: till_server::connectors::http_client(std::time::Duration::from_secs(20))?,
            cache: Cache::default(),
            payment: PaymentId::from_unique("01a20f6cc88c704985832b4041dd32bf"),
            refund: RefundId::from_unique("01a20f6cc88c704985832b4041dd32c0"),
        })
    }

    fn ctx(&self) -> Ctx<'_> {
        Ctx {
            http: &self.http,
            cache: &self.cache,
            account: &self.account,
            known: None,
        }
    }

    fn payment_ref<'a>(&'a self, reference: Option<&'a Reference>) -> PaymentRef<'a> {
        PaymentRef {
            id: &self.payment,
            reference,
            // Later than every example, so that a list contains no newer payment.
            created_at: 4_000_000_000_000,
            calls_ended: true,
        }
    }

    /// Creates a payment with all optional fields (`full`) or with none.
    async fn create(
        &self,
        method: Method,
        card: bool,
        full: bool,
    ) -> Result<PaymentUpdate, CallError> {
        let card = card.then(|| CardData {
            number: "4111111111111111".into(),
            exp_month: 3,
            exp_year: 2030,
            cvc: "737".into(),
            holder: full.then(|| "A. Buyer".into()),
        });
        let known = |text: &str| full.then(|| text.to_owned());
        let buyer = Buyer {
            email: known("buyer@shop.example"),
            name: known("A. Buyer"),
            phone: known("+49 30 123456"),
            country: known("DE"),
        };
        let client = full.then(client).unwrap_or_default();
        let currency = "EUR"
            .parse()
            .map_err(|_| CallError::NotSent(Cause::Credentials))?;
        let new = NewPayment {
            id: &self.payment,
            method,
            money: Money {
                amount: 1999,
                currency,
            },
            card: card.as_ref(),
            order_id: "42",
            description: full.then_some("A print, 30 x 40 cm"),
            buyer: &buyer,
            locale: full.then_some("de-DE"),
            return_url: "https://till.example/pay/inv_1/return?payment=pay_1&state=abc",
            webhook_url: "https://till.example/v1/connectors/kind/main/webhooks",
            client: &client,
        };
        self.connector.create(&self.ctx(), &new).await
    }

    async fn refund(&self, reference: &str, known: Option<&str>) -> Result<(), CallError> {
        let currency = "EUR"
            .parse()
            .map_err(|_| CallError::NotSent(Cause::Credentials))?;
        let new = NewRefund {
            id: &self.refund,
            refund_reference: known,
            payment_reference: reference,
            money: Money {
                amount: 500,
                currency,
            },
        };
        self.connector.refund(&self.ctx(), &new).await.map(|_| ())
    }
}

fn client() -> ClientInfo {
    ClientInfo {
        ip: Some([192, 0, 2, 1].into()),
        user_agent: Some("Mozilla/5.0".into()),
        accept: Some("application/json".into()),
        origin: Some("https://till.example".into()),
        browser: Some(BrowserInfo {
            user_agent: "Mozilla/5.0".into(),
            language: "de-DE".into(),
            color_depth: 24,
            screen_width: 1280,
            screen_height: 800,
            time_zone_offset: -60,
            java_enabled: false,
        }),
    }
}

/// Checks that a response is classified correctly: a success, a definite failure, or an unknown
/// outcome.
fn assert_classified<T>(answer: &Documented, result: Result<T, CallError>) -> Result<()> {
    match (answer.status, result) {
        (200..=299, Ok(_)) => Ok(()),
        // A decline, or an unknown payment.
        (402 | 404 | 422, Ok(_)) => Ok(()),
        (409, Err(CallError::Unknown(_))) => Ok(()),
        (429, Err(CallError::NotSent(_))) => Ok(()),
        (400..=499, Err(CallError::Refused(_) | CallError::NotSent(_))) => Ok(()),
        (503, Err(CallError::NotSent(_))) => Ok(()),
        (500..=599, Err(CallError::Unknown(_))) => Ok(()),
        (_, Ok(_)) => bail!("{answer:?} was classified as a success"),
        (_, Err(error)) => bail!("{answer:?} was classified as {error}"),
    }
}

#[tokio::test]
async fn adyen() -> Result<()> {
    let specs = installed("TILL_SPECS_DIR")?;
    let described = PrismServer::start(&[("/", &specs.join("adyen-checkout-v71.json"))]).await?;
    let fixture = Fixture::new(
        "adyen",
        &json!({
            "api_key": "key", "merchant_account": "TestMerchant", "hmac_key": "00ff",
            "base_url": described.base,
        }),
    )?;
    for answer in described.documented("post", "/payments")? {
        described.prefer(&answer);
        for (method, card) in [
            (Method::Card, true),
            (Method::Ideal, false),
            (Method::Paypal, false),
        ] {
            for full in [true, false] {
                assert_classified(&answer, fixture.create(method, card, full).await)?;
            }
        }
    }
    described.assert_requests_valid()?;
    for answer in described.documented("post", "/paymentLinks")? {
        described.prefer(&answer);
        for full in [true, false] {
            assert_classified(&answer, fixture.create(Method::Card, false, full).await)?;
        }
    }
    described.assert_requests_valid()?;
    let back = [("redirectResult".to_owned(), "X6XtfGC3!Y...".to_owned())];
    for answer in described.documented("post", "/payments/details")? {
        described.prefer(&answer);
        let result = fixture
            .connector
            .handle_return(&fixture.ctx(), &fixture.payment_ref(None), &back)
            .await;
        match (answer.status, result) {
            // The answer names no payment, and after a server error nothing is known.
            (200 | 500.., Ok(Some(update))) => {
                ensure!(update.status == PaymentStatus::Processing, "{update:?}");
                ensure!(update.reference.is_none(), "{update:?}");
            }
            (_, result) => assert_classified(&answer, result)?,
        }
    }
    described.assert_requests_valid()?;
    for answer in described.documented("post", "/cancels")? {
        described.prefer(&answer);
        let unanswered = fixture.payment_ref(None);
        let canceled = fixture.connector.cancel(&fixture.ctx(), &unanswered).await;
        assert_classified(&answer, canceled)?;
        let fetched = fixture.connector.fetch(&fixture.ctx(), &unanswered).await;
        assert_classified(&answer, fetched)?;
    }
    described.assert_requests_valid()?;
    for answer in described.documented("post", "/paymentMethods")? {
        described.prefer(&answer);
        assert_classified(&answer, fixture.connector.check_login(&fixture.ctx()).await)?;
    }
    described.assert_requests_valid()?;
    let link = Reference::page("PLE83C39B0A0DE0C1E");
    let link = fixture.payment_ref(Some(&link));
    for answer in described.documented("get", "/paymentLinks/{linkId}")? {
        described.prefer(&answer);
        assert_classified(
            &answer,
            fixture.connector.fetch(&fixture.ctx(), &link).await,
        )?;
    }
    described.assert_requests_valid()?;
    for answer in described.documented("patch", "/paymentLinks/{linkId}")? {
        described.prefer(&answer);
        let result = fixture.connector.cancel(&fixture.ctx(), &link).await;
        assert_classified(&answer, result)?;
    }
    described.assert_requests_valid()?;
    for answer in described.documented("post", "/payments/{paymentPspReference}/refunds")? {
        described.prefer(&answer);
        assert_classified(&answer, fixture.refund("993617894903480A", None).await)?;
    }
    described.assert_requests_valid()
}

#[tokio::test]
async fn paypal() -> Result<()> {
    let specs = installed("TILL_SPECS_DIR")?;
    let files = tempfile::tempdir()?;
    let orders = files.path().join("orders.json");
    let ours = "pay_01a20f6cc88c704985832b4041dd32bf";
    narrowed(
        &specs.join("paypal-orders-v2.json"),
        ("custom_id", ours),
        &orders,
    )?;
    let described = PrismServer::start(&[
        ("/v2/checkout", &orders),
        ("/v2/payments", &specs.join("paypal-payments-v2.json")),
    ])
    .await?;
    let fixture = Fixture::new(
        "paypal",
        &json!({
            "client_id": "id", "client_secret": "secret", "webhook_id": "WH-1",
            "base_url": described.base,
        }),
    )?;
    for answer in described.documented("post", "/v2/checkout/orders")? {
        described.prefer(&answer);
        for full in [true, false] {
            assert_classified(&answer, fixture.create(Method::Paypal, false, full).await)?;
        }
    }
    described.assert_requests_valid()?;
    let order = Reference::page("5O190127TN364715T");
    let order = fixture.payment_ref(Some(&order));
    for answer in described.documented("get", "/v2/checkout/orders/{id}")? {
        described.prefer(&answer);
        assert_classified(
            &answer,
            fixture.connector.fetch(&fixture.ctx(), &order).await,
        )?;
    }
    described.assert_requests_valid()?;
    // Random responses that match the schema. An approved order is captured.
    for _ in 0..40 {
        described.respond_randomly(200);
        let answer = Documented {
            status: 200,
            example: None,
        };
        let result = fixture.connector.fetch(&fixture.ctx(), &order).await;
        described.assert_requests_valid()?;
        let update = result.as_ref().ok().and_then(Option::as_ref);
        let success = update.filter(|update| update.status == PaymentStatus::Succeeded);
        ensure!(success.is_none_or(|update| update.money.is_some()));
        assert_classified(&answer, result)?;
    }
    let unit = json!({ "custom_id": fixture.payment });
    described.override_response(
        "/v2/checkout/orders/",
        json!({ "id": "5O1", "status": "APPROVED", "purchase_units": [unit] }),
    );
    for answer in described.documented("post", "/v2/checkout/orders/{id}/capture")? {
        described.prefer_for("POST", &answer);
        let result = fixture.connector.fetch(&fixture.ctx(), &order).await;
        let status = result?.map(|update| update.status);
        // No answer of a capture is an error: until PayPal says how it ended, it may have charged.
        let declined = answer.status == 422 && status == Some(PaymentStatus::Declined);
        let open = answer.status < 300 || status == Some(PaymentStatus::Processing);
        ensure!(declined || open, "{answer:?} {status:?}");
    }
    described.assert_requests_valid()?;
    let capture = Reference::payment("2GG279541U471931P");
    let captured = fixture.payment_ref(Some(&capture));
    for answer in described.documented("get", "/v2/payments/captures/{capture_id}")? {
        described.prefer(&answer);
        let result = fixture.connector.fetch(&fixture.ctx(), &captured).await;
        assert_classified(&answer, result)?;
    }
    described.assert_requests_valid()?;
    let order_id = json!({ "order_id": "5O190127TN364715T" });
    described.override_response(
        "/v2/payments/captures/",
        json!({ "id": capture.id, "supplementary_data": { "related_ids": order_id } }),
    );
    for answer in described.documented("post", "/v2/payments/captures/{capture_id}/refund")? {
        described.prefer_for("POST", &answer);
        assert_classified(&answer, fixture.refund(&capture.id, None).await)?;
    }
    described.assert_requests_valid()?;
    for answer in described.documented("get", "/v2/payments/refunds/{refund_id}")? {
        described.prefer(&answer);
        let known = Some("1JU08902781691411");
        let result = fixture.refund(&capture.id, known).await;
        match answer.status {
            404 => ensure!(matches!(result, Err(CallError::Unknown(_)))),
            _ => assert_classified(&answer, result)?,
        }
    }
    described.assert_requests_valid()
}

#[tokio::test]
async fn mollie() -> Result<()> {
    let specs = installed("TILL_SPECS_DIR")?;
    let described = PrismServer::start(&[("/v2", &specs.join("mollie.yaml"))]).await?;
    let credentials = json!({ "api_key": "test_key", "base_url": described.base });
    let fixture = Fixture::new("mollie", &credentials)?;
    for answer in described.documented("post", "/v2/payments")? {
        described.prefer(&answer);
        for method in Method::ALL {
            let full = answer.status == 201;
            assert_classified(&answer, fixture.create(*method, false, full).await)?;
        }
    }
    described.assert_requests_valid()?;
    for answer in described.documented("get", "/v2/payments")? {
        described.prefer(&answer);
        let result = fixture
            .connector
            .fetch(&fixture.ctx(), &fixture.payment_ref(None))
            .await;
        assert_classified(&answer, result)?;
    }
    described.assert_requests_valid()?;
    let payment = Reference::payment("tr_5B8cwPMGnU");
    let payment = fixture.payment_ref(Some(&payment));
    for answer in described.documented("get", "/v2/payments/{paymentId}")? {
        described.prefer(&answer);
        assert_classified(
            &answer,
            fixture.connector.fetch(&fixture.ctx(), &payment).await,
        )?;
    }
    described.assert_requests_valid()?;
    for answer in described.documented("delete", "/v2/payments/{paymentId}")? {
        described.prefer_for("DELETE", &answer);
        let result = fixture.connector.cancel(&fixture.ctx(), &payment).await;
        // If the payment cannot be canceled, its status is fetched.
        assert_classified(&answer, result)?;
    }
    described.assert_requests_valid()?;
    for answer in described.documented("post", "/v2/payments/{paymentId}/refunds")? {
        described.prefer_for("POST", &answer);
        let result = fixture.refund("tr_5B8cwPMGnU", None).await;
        match answer.status {
            // The payment was there a moment before.
            404 => ensure!(matches!(result, Err(CallError::Unknown(_)))),
            422 => ensure!(matches!(result, Err(CallError::Refused(_)))),
            _ => assert_classified(&answer, result)?,
        }
    }
    described.assert_requests_valid()
}
