//! Webhooks that nothing proves, as anyone can send them: they cost few calls to payment systems or none.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use till_tests::TestApp;
use till_tests::client::{Answer, Opened, send, text};
use till_tests::faults::relay::{Fault, Relay};
use till_tests::metrics::Metrics;
use till_tests::providers::mock::method;
use till_tests::providers::mollie::Mollie;
use till_tests::providers::paypal::PayPal;
use till_tests::providers::{PaymentSystem, Plan, now};

/// How many calls webhooks about one payment cause at once.
const CALLS: usize = 10;
/// How many webhooks are sent.
const WEBHOOKS: usize = 25;

/// An app whose account is at a payment system behind a relay that counts calls.
struct Watched<S> {
    app: TestApp,
    system: S,
    relay: Relay,
    calls: Arc<AtomicUsize>,
}

impl<S: PaymentSystem> Watched<S> {
    async fn start(system: S, base: &str) -> Result<Self> {
        let relay = Relay::start().await?;
        relay.send_to(&[base]);
        let mut credentials = system.credentials();
        credentials["base_url"] = relay.url.clone().into();
        let accounts = [
            (S::KIND, "main", credentials.clone()),
            (S::KIND, "other", credentials),
        ];
        let app = TestApp::with_accounts(&accounts, &[]).await?;
        Ok(Self {
            app,
            system,
            relay,
            calls: Arc::default(),
        })
    }

    /// Creates a payment that waits for verification, and counts the calls from then on whose path
    /// contains a text.
    async fn pay(&self, name: &str, counted: &'static str) -> Result<(Opened, Value)> {
        self.system.pay(Plan::Verify);
        let opened = self.app.api.invoice("1").await?;
        let answer = self.app.api.pay(&opened, &method(name)).await?;
        ensure!(answer.status == 201, "{answer:?}");
        let calls = self.calls.clone();
        self.relay.inject(move |_, path| {
            calls.fetch_add(usize::from(path.contains(counted)), Ordering::Relaxed);
            Fault::None
        });
        Ok((opened, answer.json()))
    }

    fn webhook(&self, account: &str) -> reqwest::RequestBuilder {
        let path = format!("/v1/connectors/{}/{account}/webhooks", S::KIND);
        self.app.api.request(Method::POST, &path)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Checks that as many webhooks were processed as there may be calls, and that the others are to be
    /// sent again.
    fn assert_limited(&self, answers: &[Answer], processed: u16) -> Result<()> {
        let (first, rest) = answers.split_at(CALLS);
        for answer in first {
            ensure!(answer.status == processed, "{answer:?}");
        }
        for answer in rest {
            answer.problem(503, "unavailable")?;
        }
        // The payment may be polled as well.
        let calls = self.calls();
        ensure!((CALLS..=CALLS + 2).contains(&calls), "{calls} calls");
        Ok(())
    }
}

#[tokio::test]
async fn a_mollie_payment_is_not_fetched_for_every_webhook_that_names_it() -> Result<()> {
    let system = Mollie::start().await?;
    let base = system.mock.base.clone();
    let shop = Watched::start(system, &base).await?;
    let (opened, fixed) = shop.pay("ideal", "/v2/payments/tr_").await?;
    let payment = text(&fixed["payment"]["id"])?;
    let entry = shop.system.mock.entry(&payment).context("no payment")?;
    let name = |account: &str, id: &str| send(shop.webhook(account).form(&[("id", id)]));
    // Mollie sends it again: the creation of the payment may not have been answered yet.
    let unknown = name("main", "tr_unknown").await?;
    unknown.problem(401, "unauthorized")?;
    let of_another = name("other", &entry.reference).await?;
    ensure!(of_another.status == 200, "{of_another:?}");
    ensure!(shop.calls() == 0, "{} calls", shop.calls());
    let mut answers = vec![];
    for _ in 0..WEBHOOKS {
        answers.push(name("main", &entry.reference).await?);
    }
    shop.assert_limited(&answers, 200)?;
    // The payment itself goes on.
    let back = shop
        .system
        .confirm(&text(&fixed["verification"]["url"])?)
        .await?;
    let returned = send(shop.app.api.request(Method::GET, &back)).await?;
    ensure!(returned.status == 200, "{returned:?}");
    shop.app.api.until_status(&opened.id, "paid").await?;
    Ok(())
}

#[tokio::test]
async fn paypals_certificates_are_not_fetched_for_every_webhook() -> Result<()> {
    let system = PayPal::start().await?;
    let base = system.mock.base.clone();
    let shop = Watched::start(system, &base).await?;
    let (_, fixed) = shop.pay("paypal", "/certificate").await?;
    let payment = text(&fixed["payment"]["id"])?;
    let time = jiff::Timestamp::from_second(now())?.to_string();
    let forged = async |account: &str, number: usize, kind: &str, resource: Value| {
        let url = format!("{}/certificate/{number}", shop.relay.url);
        let body =
            json!({ "id": format!("WH-{number}"), "event_type": kind, "resource": resource });
        let webhook = shop.webhook(account).body(body.to_string());
        let webhook = webhook.header("paypal-transmission-id", number);
        let webhook = webhook.header("paypal-transmission-time", &time);
        let webhook = webhook.header("paypal-transmission-sig", "AAAA");
        let webhook = webhook.header("paypal-auth-algo", "SHA256withRSA");
        send(webhook.header("paypal-cert-url", url)).await
    };
    let capture = |id: &str| json!({ "id": "3C6", "status": "COMPLETED", "custom_id": id });
    let completed = "PAYMENT.CAPTURE.COMPLETED";
    let unknown = "01a20f6cc88c704985832b4041dd32bf";
    for (account, kind, id) in [
        ("main", completed, format!("pay_{unknown}")),
        ("main", "PAYMENT.CAPTURE.REFUNDED", format!("rfd_{unknown}")),
        ("main", "PAYMENT.CAPTURE.REVERSED", format!("pay_{unknown}")),
        ("other", completed, payment.clone()),
    ] {
        let answer = forged(account, 0, kind, capture(&id)).await?;
        ensure!(answer.status == 200, "{kind}: {answer:?}");
    }
    ensure!(shop.calls() == 0, "{} calls", shop.calls());
    let unmatched = [("connector", "paypal"), ("outcome", "unmatched")];
    let metrics = Metrics::of(&shop.app).await?;
    ensure!(metrics.sum("till_webhooks_total", &unmatched) == 4.0);
    let mut answers = vec![];
    for number in 0..WEBHOOKS {
        answers.push(forged("main", number, completed, capture(&payment)).await?);
    }
    shop.assert_limited(&answers, 401)?;
    Ok(())
}
