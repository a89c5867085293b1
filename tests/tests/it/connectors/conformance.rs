//! The conformance suite: what every connector does, whichever payment system is behind it. A new
//! one is a line at the bottom.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use till_tests::World;
use till_tests::api::{Answer, Opened, send, text};
use till_tests::peers::{Message, PaymentSystem, Plan};
use till_tests::world::until;

/// A shop with one account, at one payment system.
struct Shop<S> {
    system: S,
    world: World,
}

const ACCOUNT: &str = "main";

impl<S: PaymentSystem> Shop<S> {
    async fn open() -> Result<Self> {
        // The sandbox's own timetable has a webhook two seconds after the call it is about.
        Self::with(&["--connector-timeout-ms", "1500"]).await
    }

    async fn with(args: &[&str]) -> Result<Self> {
        let system = S::start().await?;
        let accounts = [(S::KIND, ACCOUNT, system.credentials())];
        let world = World::with_accounts(&accounts, args).await?;
        system.report_to(format!("{}{}", world.api.url, Self::webhooks()));
        Ok(Self { system, world })
    }

    fn webhooks() -> String {
        format!("/v1/connectors/{}/{ACCOUNT}/webhooks", S::KIND)
    }

    async fn tell(&self, message: &Message) -> Result<Answer> {
        let mut request = self.world.api.request(Method::POST, &Self::webhooks());
        for (name, value) in &message.headers {
            request = request.header(*name, value);
        }
        send(request.body(message.body.clone())).await
    }

    /// Presses Pay.
    async fn fix(&self, opened: &Opened, plan: Plan) -> Result<Value> {
        let answer = self.world.api.pay(opened, &self.system.pay(plan)).await?;
        ensure!(answer.status == 201, "{answer:?}\n{}", self.world.log());
        let fixed = answer.json();
        ensure!(fixed["payment"]["connector"] == S::KIND, "{fixed}");
        Ok(fixed)
    }

    /// Confirms where that is asked for, and comes back.
    async fn finish(&self, fixed: &Value) -> Result<()> {
        if fixed["verification"]["kind"] == "none" {
            return Ok(());
        }
        let back = self
            .system
            .confirm(&text(&fixed["verification"]["url"])?)
            .await?;
        let answer = send(self.world.api.request(Method::GET, &back)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    }

    /// Waits until the invoice is paid, by one payment, the money was taken once, and the project
    /// was told of both.
    async fn ends_paid(&self, opened: &Opened) -> Result<Value> {
        let paid = self.world.api.until_status(&opened.id, "paid").await;
        let invoice = paid.with_context(|| self.world.log())?;
        let payments = invoice["payments"].as_array().context("no payments")?;
        ensure!(payments.len() == 1, "{invoice}");
        ensure!(payments[0]["status"] == "succeeded", "{invoice}");
        ensure!(payments[0]["reference"].is_string(), "{invoice}");
        ensure!(
            self.system.taken().await? == 1999,
            "{}",
            self.system.taken().await?
        );
        ensure!(self.system.payments().await? == 1);
        until("the callbacks", async || Ok(self.told(opened).len() >= 2)).await?;
        ensure!(self.told(opened) == ["payment.succeeded", "invoice.paid"]);
        Ok(payments[0].clone())
    }

    fn told(&self, opened: &Opened) -> Vec<String> {
        let arrived = self.world.project.arrived();
        let about = arrived
            .iter()
            .filter(|a| a.body["data"]["invoice"]["id"] == opened.id.as_str());
        about
            .filter_map(|a| a.body["type"].as_str().map(str::to_owned))
            .collect()
    }

    /// Asks for a refund and waits until it is through.
    async fn give_back(&self, payment: &Value, amount: i64) -> Result<()> {
        let refund = self.world.refund(&text(&payment["id"])?, amount).await?;
        let store = self.world.store().await?;
        let sql = "select status, reference from refunds where id = $1";
        let asked: Result<()> = until("the refund to be asked for", async || {
            let row: (String, Option<String>) =
                sqlx::query_as(sql).bind(&refund).fetch_one(&store).await?;
            ensure!(row.0 != "failed", "the refund was refused");
            Ok(row.1.is_some())
        })
        .await;
        asked.with_context(|| self.world.log())?;
        if let Some(message) = self.system.refunded(&refund)? {
            let answer = self.tell(&message).await?;
            ensure!(answer.status == 200, "{answer:?}");
        }
        until("the refund to be through", async || {
            let row: (String, Option<String>) =
                sqlx::query_as(sql).bind(&refund).fetch_one(&store).await?;
            Ok(row.0 == "succeeded")
        })
        .await
    }
}

async fn create<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    let payment = shop.ends_paid(&opened).await?;
    // Our payment's id is the key by which the payment system knows a repetition.
    let keys = shop.system.keys_seen();
    ensure!(keys.iter().all(|key| *key == payment["id"]), "{keys:?}");
    Ok(())
}

async fn verify<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::Verify).await?;
    ensure!(
        fixed["payment"]["status"] == "requires_verification",
        "{fixed}"
    );
    // The reconciler asks meanwhile, and hears nothing that would change it.
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    let invoice = shop.world.api.read(&opened.id).await?;
    ensure!(invoice["status"] == "processing", "{invoice}");
    ensure!(
        invoice["payments"][0]["status"] == "requires_verification",
        "{invoice}"
    );
    ensure!(shop.system.taken().await? == 0);
    shop.finish(&fixed).await?;
    shop.ends_paid(&opened).await?;
    Ok(())
}

async fn give_up<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::Verify).await?;
    let rest = format!("/payments/{}/cancel", text(&fixed["payment"]["id"])?);
    let given_up = send(shop.world.api.widget(Method::POST, &opened, &rest)).await?;
    ensure!(
        given_up.json()["payment"]["status"] == "canceled",
        "{given_up:?}"
    );
    ensure!(given_up.json()["status"] == "open", "{given_up:?}");
    ensure!(shop.system.taken().await? == 0);
    Ok(())
}

async fn decline<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::Decline).await?;
    shop.finish(&fixed).await?;
    let invoice = shop.world.api.until_status(&opened.id, "open").await?;
    let payment = &invoice["payments"][0];
    ensure!(payment["status"] == "declined", "{invoice}");
    ensure!(
        payment["decline"]["code"] == shop.system.decline(),
        "{invoice}"
    );
    ensure!(shop.system.taken().await? == 0);
    // Another try is another payment.
    let fixed = shop.fix(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    shop.world.api.until_status(&opened.id, "paid").await?;
    ensure!(shop.system.taken().await? == 1999);
    Ok(())
}

async fn refund<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    let payment = shop.ends_paid(&opened).await?;
    shop.give_back(&payment, 500).await?;
    ensure!(shop.system.taken().await? == 1499);
    let invoice = shop
        .world
        .api
        .until_status(&opened.id, "partially_refunded")
        .await?;
    ensure!(invoice["amount_refunded"] == 500, "{invoice}");
    shop.give_back(&payment, 1499).await?;
    ensure!(shop.system.taken().await? == 0);
    shop.world.api.until_status(&opened.id, "refunded").await?;
    Ok(())
}

async fn duplicate_create<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let body = shop.system.pay(Plan::Approve);
    let press = async || {
        let request = shop.world.api.widget(Method::POST, &opened, "/payments");
        send(request.header("idempotency-key", "press").json(&body)).await
    };
    let (first, again) = (press().await?, press().await?);
    ensure!(
        first.status == 201 && first.text == again.text,
        "{first:?} {again:?}"
    );
    ensure!(again.header("idempotent-replayed") == "true");
    shop.finish(&first.json()).await?;
    shop.ends_paid(&opened).await?;
    Ok(())
}

async fn webhook_twice<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    let payment = shop.ends_paid(&opened).await?;
    let message = shop.system.message(&text(&payment["id"])?)?;
    for _ in 0..3 {
        let answer = shop.tell(&message).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    shop.ends_paid(&opened).await?;
    Ok(())
}

async fn webhook_before_the_answer<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::with(&["--connector-timeout-ms", "5000"]).await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::WebhookFirst).await?;
    shop.finish(&fixed).await?;
    shop.ends_paid(&opened).await?;
    Ok(())
}

async fn lost_answer_then_found_paid<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::LoseAnswer).await?;
    let status = text(&fixed["payment"]["status"])?;
    ensure!(!["declined", "failed"].contains(&&status[..]), "{fixed}");
    shop.finish(&fixed).await?;
    shop.ends_paid(&opened).await?;
    Ok(())
}

async fn server_error_is_no_refusal<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::Fail(500)).await?;
    ensure!(fixed["payment"]["status"] == "processing", "{fixed}");
    Ok(())
}

async fn busy_is_asked_again<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::Busy(2)).await?;
    shop.finish(&fixed).await?;
    shop.ends_paid(&opened).await?;
    Ok(())
}

async fn forged_and_stale_webhooks<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.world.api.invoice("1").await?;
    let fixed = shop.fix(&opened, Plan::Verify).await?;
    let payment = text(&fixed["payment"]["id"])?;
    let forgeries = shop.system.forgeries(&payment)?;
    ensure!(forgeries.len() > 3);
    for forged in forgeries {
        let answer = shop.tell(&forged).await?;
        ensure!(
            (400..500).contains(&answer.status),
            "{forged:?}: {answer:?}"
        );
    }
    let invoice = shop.world.api.read(&opened.id).await?;
    ensure!(
        invoice["payments"][0]["status"] == "requires_verification",
        "{invoice}"
    );
    ensure!(shop.told(&opened).is_empty());
    shop.finish(&fixed).await?;
    shop.ends_paid(&opened).await?;
    Ok(())
}

async fn another_amount_or_currency_is_held<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    for (n, (amount, currency)) in [(1, "EUR"), (2000, "EUR"), (1999, "USD")]
        .iter()
        .enumerate()
    {
        let opened = shop.world.api.invoice(&n.to_string()).await?;
        let fixed = shop.fix(&opened, Plan::Verify).await?;
        let payment = text(&fixed["payment"]["id"])?;
        shop.system.take(&payment, *amount, currency)?;
        let answer = shop.tell(&shop.system.message(&payment)?).await?;
        ensure!(answer.status == 200, "{answer:?}");
        // The reconciler asks, too, and is told the same.
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        let invoice = shop.world.api.read(&opened.id).await?;
        ensure!(invoice["status"] == "processing", "{invoice}");
        ensure!(
            invoice["payments"][0]["status"] == "processing",
            "{invoice}"
        );
        ensure!(shop.told(&opened).is_empty());
        ensure!(shop.world.log().contains("held"), "nobody was told");
    }
    Ok(())
}

async fn secrets_stay_secret<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    for (n, plan) in [
        Plan::Approve,
        Plan::Decline,
        Plan::Fail(500),
        Plan::Fail(401),
    ]
    .into_iter()
    .enumerate()
    {
        let opened = shop.world.api.invoice(&n.to_string()).await?;
        let fixed = shop.fix(&opened, plan).await?;
        shop.finish(&fixed).await?;
        if n == 0 {
            let payment = shop.ends_paid(&opened).await?;
            shop.tell(&shop.system.message(&text(&payment["id"])?)?)
                .await?;
        }
    }
    let bytes = shop.world.bytes()?;
    let credentials = shop.system.credentials();
    let secrets = credentials.as_object().context("no credentials")?;
    let secret = |name: &str| name.contains("secret") || name.contains("key");
    let secrets = secrets.iter().filter(|(name, _)| secret(name));
    for (name, value) in secrets {
        let value = text(value)?;
        let found = bytes.windows(value.len()).any(|w| w == value.as_bytes());
        ensure!(!found, "{name} is stored or logged in the clear");
    }
    ensure!(
        shop.world.log().len() > 1000,
        "there is no log to look into"
    );
    for number in ["4242424242424242", "4000000000009995", "\"cvc\":\"123\""] {
        let found = bytes.windows(number.len()).any(|w| w == number.as_bytes());
        ensure!(!found, "{number} is stored or logged");
    }
    Ok(())
}

macro_rules! every_connector_does {
    ($($name:ident: $system:ty),+ $(,)?) => {
        const IN_THE_SUITE: &[&str] = &[$(stringify!($name)),+];
        $(
        mod $name {
            every_connector_does!(@ $system: create, verify, give_up, decline, refund,
                duplicate_create, webhook_twice, webhook_before_the_answer,
                lost_answer_then_found_paid, server_error_is_no_refusal, busy_is_asked_again,
                forged_and_stale_webhooks, another_amount_or_currency_is_held, secrets_stay_secret);
        }
    )+ };
    (@ $system:ty: $($scenario:ident),+) => { $(
        #[tokio::test]
        async fn $scenario() -> anyhow::Result<()> {
            super::$scenario::<$system>().await
        }
    )+ };
}

#[test]
fn every_connector_of_the_registry_is_here() {
    let registry = till_server::connectors::REGISTRY;
    let kinds: Vec<_> = registry.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, IN_THE_SUITE);
}

every_connector_does! {
    sandbox: till_tests::peers::sandbox::Sandbox,
    stripe: till_tests::peers::stripe::Stripe,
    adyen: till_tests::peers::adyen::Adyen,
    paypal: till_tests::peers::paypal::PayPal,
    mollie: till_tests::peers::mollie::Mollie,
}
