//! Card data are nowhere but in the request to the payment system: every flow runs with marked numbers and
//! codes, and everything that a server leaves behind is searched for them.

mod search;

use anyhow::{Context, Result, ensure};
use prost::Message;
use reqwest::Method;
use search::Marks;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::{APPROVED, APPROVED_AMEX};
use till_tests::client::{Answer, Opened, send, text};
use till_tests::collector::Collector;
use till_tests::faults::relay::{Fault, Relay};
use till_tests::jwe::encrypted;
use till_tests::providers::adyen::Adyen;
use till_tests::providers::sandbox::Sandbox;
use till_tests::providers::stripe::Stripe;
use till_tests::providers::{PaymentSystem, Plan};
use till_tests::wait::until;
use url::Url;

/// A number with a wrong check digit.
const WRONG_NUMBER: &str = "4929000000006412";
/// A code that is not valid. It is not found by chance.
const WRONG_CODE: &str = "0a9qz";
/// The codes of three and of four digits.
const CODES: [&str; 2] = ["039", "0391"];

/// A server that logs and exports all that it can, and its payment system behind a relay.
struct Marked<S> {
    app: TestApp,
    system: S,
    relay: Relay,
    collector: Collector,
    numbers: Vec<String>,
    orders: AtomicU32,
}

impl<S: PaymentSystem> Marked<S> {
    async fn start() -> Result<Self> {
        let system = S::start().await?;
        let relay = Relay::start().await?;
        let mut credentials = system.credentials();
        let base = Url::parse(&text(&credentials["base_url"])?)?;
        relay.send_to(&[&base.origin().ascii_serialization()]);
        let path = base.path().trim_end_matches('/');
        credentials["base_url"] = format!("{}{path}", relay.url).into();
        let (collector, otlp) = Collector::start().await?;
        let app = TestApp::set_up(Setup {
            project_args: &["--check-url", "PROJECT/check"],
            accounts: &[(S::KIND, "main", credentials)],
            settings: &["--otlp-endpoint", &otlp, "--log-format", "json"],
            log_filter: Some("trace"),
            ..Setup::default()
        })
        .await?;
        system.set_webhook_url(format!(
            "{}/v1/connectors/{}/main/webhooks",
            app.api.url,
            S::KIND
        ));
        Ok(Self {
            app,
            system,
            relay,
            collector,
            numbers: vec![WRONG_NUMBER.into()],
            orders: AtomicU32::new(0),
        })
    }

    async fn invoice(&self) -> Result<Opened> {
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        self.app.api.invoice(&number.to_string()).await
    }

    /// The payment of a plan, with a marked code.
    fn body(&mut self, plan: Plan) -> Result<Value> {
        let mut body = self.system.pay(plan);
        if body["card"]["number"] == APPROVED {
            body["card"]["number"] = APPROVED_AMEX.into();
        }
        let number = text(&body["card"]["number"])?;
        let amex = number == APPROVED_AMEX;
        body["card"]["cvc"] = CODES[usize::from(amex)].into();
        body["card"]["holder"] = "Ada Buyer".into();
        self.numbers.push(number);
        Ok(body)
    }

    async fn press(&self, opened: &Opened, body: &Value) -> Result<Answer> {
        let request = self.app.api.widget(Method::POST, opened, "/payments");
        send(request.header("idempotency-key", "press").json(body)).await
    }

    /// Pays an invoice, plain or encrypted, with the same call twice.
    async fn pay(&mut self, plan: Plan, encrypt: bool) -> Result<Value> {
        let opened = self.invoice().await?;
        let plain = self.body(plan)?;
        let (mut body, mut again) = (plain.clone(), plain.clone());
        if encrypt {
            body = encrypted(&self.app.api, &opened, &plain).await?;
            again = encrypted(&self.app.api, &opened, &plain).await?;
        }
        let fixed = self.press(&opened, &body).await?;
        ensure!(fixed.status == 201, "{fixed:?}");
        let again = self.press(&opened, &again).await?;
        ensure!(again.header("idempotent-replayed") == "true", "{again:?}");
        // The same key with another card.
        let mut other = plain;
        other["card"]["number"] = WRONG_NUMBER.into();
        let other = self.press(&opened, &other).await?;
        ensure!(other.status == 422, "{other:?}");
        Ok(fixed.json())
    }

    /// Completes the verification and returns as the buyer does.
    async fn verify(&self, fixed: &Value) -> Result<()> {
        if fixed["verification"]["kind"] == "none" {
            return Ok(());
        }
        let form = text(&fixed["verification"]["url"])?;
        let back = self.system.confirm(&form).await?;
        let answer = send(self.app.api.request(Method::GET, &back)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    }

    /// The calls that the server refuses.
    async fn refused(&mut self) -> Result<()> {
        let api = self.app.api.clone();
        let opened = self.invoice().await?;
        let good = self.body(Plan::Approve)?;
        for (field, value) in [
            ("number", json!(WRONG_NUMBER)),
            ("number", json!(APPROVED_AMEX.parse::<u64>()?)),
            ("number", json!([APPROVED_AMEX])),
            ("cvc", json!(WRONG_CODE)),
            ("holder", json!(format!("\u{1}{APPROVED_AMEX}"))),
            (APPROVED_AMEX, json!("a name of a field")),
            ("exp_month", json!(APPROVED_AMEX)),
        ] {
            let mut body = good.clone();
            body["card"][field] = value;
            let secret = encrypted(&api, &opened, &body).await?;
            for body in [body, secret] {
                let answer = api.pay(&opened, &body).await?;
                ensure!(answer.status == 422, "{answer:?}");
                ensure!(!answer.text.contains(APPROVED_AMEX), "{answer:?}");
            }
        }
        let mut unreadable = encrypted(&api, &opened, &good).await?;
        let jwe = text(&unreadable["encrypted_card"])?;
        unreadable["encrypted_card"] = jwe.replacen("..", "..A", 1).into();
        ensure!(api.pay(&opened, &unreadable).await?.status == 422);

        // Bodies that are no JSON, or not of this type.
        let whole = good.to_string();
        let cut = whole[..whole.len() - 2].to_owned();
        let long = format!("{whole}{}", " ".repeat(70_000));
        for (media_type, body) in [
            ("application/json", cut),
            (
                "application/json",
                format!("{{\"{APPROVED_AMEX}\": 1, \"{APPROVED_AMEX}\": 2}}"),
            ),
            ("application/json", long),
            ("text/plain", whole.clone()),
            (
                "application/x-www-form-urlencoded",
                format!("number={APPROVED_AMEX}"),
            ),
        ] {
            let request = api.widget(Method::POST, &opened, "/payments");
            let request = request.header("content-type", media_type).body(body);
            let answer = send(request).await?;
            ensure!((400..500).contains(&answer.status), "{answer:?}");
        }

        // Shops that send a card where none belongs.
        let mut order = till_tests::client::Api::order("with a card");
        order["card"] = good["card"].clone();
        let answer = send(api.secret(Method::POST, "/v1/invoices").json(&order)).await?;
        ensure!(answer.status == 422, "{answer:?}");
        let form = json!({
            "project": self.app.keys.pk, "order_id": "f", "amount": "19.99", "currency": "EUR",
            "number": APPROVED_AMEX, "cvc": CODES[1],
        });
        let named = json!({ "project": self.app.keys.pk, APPROVED_AMEX: "the name of a field" });
        for form in [form, named] {
            let answer = send(api.request(Method::POST, "/pay").form(&form)).await?;
            ensure!((400..500).contains(&answer.status), "{answer:?}");
            ensure!(!answer.text.contains(APPROVED_AMEX), "{answer:?}");
        }
        let path = format!("/pay/{}?number={APPROVED_AMEX}", opened.id);
        let _ = send(api.request(Method::GET, &path)).await?;
        Ok(())
    }

    /// An order of the HTML form, paid on the hosted page.
    async fn form(&mut self) -> Result<()> {
        let form = json!({
            "project": self.app.keys.pk, "order_id": "form", "amount": "19.99", "currency": "EUR",
        });
        let answer = send(self.app.api.request(Method::POST, "/pay").form(&form)).await?;
        ensure!(answer.status == 303, "{answer:?}");
        let page = Url::parse(&self.app.api.url)?.join(answer.header("location"))?;
        let id = page.path_segments().and_then(|mut s| s.next_back());
        let token = page.fragment().and_then(|f| f.strip_prefix("token="));
        let opened = Opened {
            id: id.context("no invoice")?.to_owned(),
            token: token.context("no token")?.to_owned(),
        };
        let body = self.body(Plan::Approve)?;
        let body = encrypted(&self.app.api, &opened, &body).await?;
        let fixed = self.press(&opened, &body).await?;
        ensure!(fixed.status == 201, "{fixed:?}");
        self.verify(&fixed.json()).await
    }

    /// The payment system is down, does not answer or answers something else.
    async fn faults(&mut self) -> Result<()> {
        for fault in [
            Fault::Reject(503),
            Fault::Reject(400),
            Fault::CorruptResponse(200),
            Fault::DropResponse,
        ] {
            let opened = self.invoice().await?;
            let body = self.body(Plan::Approve)?;
            self.relay.inject(move |method, _| {
                if method == Method::POST {
                    fault
                } else {
                    Fault::None
                }
            });
            let answer = self.press(&opened, &body).await;
            self.relay.inject(|_, _| Fault::None);
            let answer = answer?;
            ensure!(answer.status < 500, "{fault:?}: {answer:?}");
        }
        Ok(())
    }

    /// Waits until nothing is left to send, and searches everything.
    async fn search(mut self) -> Result<()> {
        let store = self.app.store().await?;
        until("the callbacks", async || {
            let sql = "select cast(count(*) as bigint) from events where state = 'pending'";
            let left: i64 = sqlx::query_scalar(sql).fetch_one(&store).await?;
            Ok(left == 0)
        })
        .await?;
        drop(store);
        let metrics = send(self.app.api.request(Method::GET, "/metrics")).await?;
        ensure!(
            self.app.terminate().await?,
            "the server did not exit cleanly"
        );

        let numbers: Vec<_> = self.numbers.iter().map(String::as_str).collect();
        let codes = [CODES[0], CODES[1], WRONG_CODE];
        let marks = Marks::new(&numbers, &codes)?;
        let log = self.app.log();
        ensure!(log.contains("\"TRACE\""), "the log has no traces");
        marks.check("the log", log.as_bytes())?;
        let stored = self.app.bytes()?;
        let amex = b"0005";
        ensure!(stored.windows(4).any(|w| w == amex), "nothing is stored");
        marks.check("the database", &stored)?;
        let spans = self.collector.requests();
        ensure!(!spans.is_empty(), "nothing was exported");
        let spans: Vec<u8> = spans.iter().flat_map(Message::encode_to_vec).collect();
        marks.check("a trace", &spans)?;
        marks.check("the metrics", metrics.text.as_bytes())?;
        let (callbacks, checks) = (self.app.project.callbacks(), self.app.project.checks());
        ensure!(!callbacks.is_empty() && !checks.is_empty());
        for sent in callbacks.iter().chain(&checks) {
            marks.check("a callback", sent.raw.as_bytes())?;
            marks.check("a callback", format!("{:?}", sent.headers).as_bytes())?;
        }
        Ok(())
    }
}

async fn leaves_no_card<S: PaymentSystem>() -> Result<()> {
    let mut marked = Marked::<S>::start().await?;
    for encrypt in [false, true] {
        for plan in [Plan::Approve, Plan::Verify, Plan::Decline] {
            let fixed = marked.pay(plan, encrypt).await?;
            marked.verify(&fixed).await?;
        }
    }
    marked.form().await?;
    marked.refused().await?;
    marked.faults().await?;
    marked.search().await
}

#[tokio::test]
async fn the_sandbox_leaves_no_card() -> Result<()> {
    leaves_no_card::<Sandbox>().await
}

#[tokio::test]
async fn stripe_leaves_no_card() -> Result<()> {
    leaves_no_card::<Stripe>().await
}

#[tokio::test]
async fn adyen_leaves_no_card() -> Result<()> {
    leaves_no_card::<Adyen>().await
}
