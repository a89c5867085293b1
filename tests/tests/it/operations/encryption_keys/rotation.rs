//! The steps of docs/operations.md, with two servers and traffic between them.

use super::{DONE, NEW_KEY, PREPARED, ROTATED, keys, list, prefix};
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use till_tests::TestApp;
use till_tests::app::{ENCRYPTION_KEY, Setup};
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Answer, Api, Opened, send, text};
use till_tests::database::columns_with;
use till_tests::faults::relay::Relay;
use till_tests::providers::captcha::CaptchaProvider;
use till_tests::wait::until;
use tokio::task::JoinHandle;

/// The columns with encrypted values.
const COLUMNS: [&str; 5] = [
    "card_encryption_keys.private_key",
    "connector_accounts.credentials",
    "idempotency_keys.answer",
    "projects.captcha_secret",
    "projects.signing_secrets",
];

async fn create(api: &Api, order: &str) -> Result<Answer> {
    let request = api.secret(Method::POST, "/v1/invoices");
    let request = request.header("idempotency-key", order.replace(' ', "-"));
    send(request.json(&Api::order(order))).await
}

/// Sends a request again, to any server: the response is the same.
async fn replay(api: &Api, order: &str, first: &Answer) -> Result<()> {
    let again = create(api, order).await?;
    ensure!(again.header("idempotent-replayed") == "true", "{again:?}");
    ensure!(again.text == first.text, "{again:?}");
    Ok(())
}

fn opened(created: &Answer) -> Result<Opened> {
    ensure!(created.status == 201, "{created:?}");
    let invoice = created.json();
    Ok(Opened {
        id: text(&invoice["id"])?,
        token: text(&invoice["client_token"])?,
    })
}

/// Buyers who pay, each with several calls to any server.
struct Traffic {
    over: Arc<AtomicBool>,
    paid: Arc<AtomicUsize>,
    task: JoinHandle<Result<()>>,
}

impl Traffic {
    fn start(api: Api) -> Self {
        let (over, paid) = (
            Arc::new(AtomicBool::new(false)),
            Arc::<AtomicUsize>::default(),
        );
        let (ends, counts) = (over.clone(), paid.clone());
        let task = tokio::spawn(async move {
            while !ends.load(Ordering::Relaxed) {
                let order = format!("traffic {}", counts.load(Ordering::Relaxed));
                let first = create(&api, &order).await?;
                let invoice = opened(&first)?;
                replay(&api, &order, &first).await?;
                api.paid_with(&invoice, APPROVED).await?;
                counts.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        Self { over, paid, task }
    }

    /// Waits until more buyers have paid.
    async fn goes_on(&self) -> Result<()> {
        let before = self.paid.load(Ordering::Relaxed);
        until("buyers to pay", async || {
            ensure!(!self.task.is_finished(), "the traffic has ended");
            Ok(self.paid.load(Ordering::Relaxed) > before + 2)
        })
        .await
    }

    /// Ends the traffic. Every call of it succeeded.
    async fn end(self) -> Result<()> {
        self.over.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

#[tokio::test]
async fn the_key_is_replaced_while_servers_take_payments() -> Result<()> {
    let balancer = Relay::start().await?;
    let provider = CaptchaProvider::start().await?;
    let captcha = provider.file("turnstile")?;
    let setup = Setup {
        project_args: &["--captcha", &captcha],
        server_relay: Some(&balancer),
        ..Setup::default()
    };
    let mut app = TestApp::set_up(setup).await?;
    let api = Api::new(&balancer.url, &app.keys)?;
    let first = create(&api, "before").await?;
    let before = opened(&first)?;
    let billing = send(api.widget(Method::GET, &before, "")).await?;
    ensure!(billing.status == 200, "{billing:?}");
    let verified = api.invoice("at the bank").await?;
    let fixed = api.paid_with(&verified, VERIFIED).await?;
    let bank = text(&fixed["verification"]["url"])?;
    let traffic = Traffic::start(api.clone());
    traffic.goes_on().await?;

    // 1. Every server gets the new key, which only decrypts.
    let prepared = app.another_server_with(&PREPARED).await?;
    balancer.send_to(&[&app.api.url, &prepared.line]);
    traffic.goes_on().await?;
    balancer.send_to(&[&prepared.line]);
    ensure!(app.terminate().await?);
    // 2. One server after the other encrypts with it.
    let rotated = app.another_server_with(&ROTATED).await?;
    balancer.send_to(&[&prepared.line, &rotated.line]);
    traffic.goes_on().await?;
    balancer.send_to(&[&rotated.line]);
    ensure!(prepared.terminate().await?);
    traffic.goes_on().await?;
    let [new, old] = &list(&app, &ROTATED).await?[..] else {
        anyhow::bail!("two keys");
    };
    ensure!(
        new["use"] == "current" && old["use"] == "decrypts",
        "{new} {old}"
    );
    ensure!(new["values"].as_u64() > Some(0), "{new}");
    ensure!(old["values"].as_u64() > Some(2), "{old}");
    let (new_prefix, old_prefix) = (prefix(new)?, prefix(old)?);
    let store = app.store().await?;
    ensure!(columns_with(&store, &[&old_prefix]).await? == COLUMNS);
    // 3. Every value is encrypted with it.
    let printed = keys(&app, &["rotate"], &ROTATED).await?;
    ensure!(
        printed.contains("signing secrets: 1 rows encrypted\n"),
        "{printed}"
    );
    ensure!(
        printed.contains("All values are encrypted with "),
        "{printed}"
    );
    let left = columns_with(&store, &[&old_prefix]).await?;
    ensure!(left.is_empty(), "the old key is still in {left:?}");
    ensure!(columns_with(&store, &[&new_prefix]).await? == COLUMNS);
    let again = keys(&app, &["rotate", "--json"], &ROTATED).await?;
    let again: Value = serde_json::from_str(&again)?;
    ensure!(again["rows"] == 0 && again["unreadable"] == 0, "{again}");
    let sql = "select count(*) from audit_log where action = 'encryption_key.rotate'";
    let recorded: i64 = sqlx::query_scalar(sql).fetch_one(&store).await?;
    ensure!(recorded == 2, "{recorded} entries in the audit log");
    traffic.goes_on().await?;

    // What the old key made goes on working for as long as a server has it.
    replay(&api, "before", &first).await?;
    let billing = send(api.widget(Method::GET, &before, "")).await?;
    ensure!(billing.status == 200, "{billing:?}");
    let form = api
        .request(Method::POST, &bank)
        .form(&[("action", "confirm")]);
    let back = send(form).await?.header("location").to_owned();
    let returned = send(api.request(Method::GET, &back)).await?;
    ensure!(returned.status == 200, "{returned:?}");
    api.until_status(&verified.id, "paid").await?;
    let old = list(&app, &ROTATED).await?.swap_remove(1);
    ensure!(old["values"] == 0, "{old}");
    ensure!(old["open_invoices"] == 1, "{old}");
    ensure!(old["idempotency_keys"].as_i64() > Some(2), "{old}");

    // 4. The old key goes.
    let done = app.another_server_with(&DONE).await?;
    balancer.send_to(&[&done.line]);
    ensure!(rotated.terminate().await?);
    traffic.goes_on().await?;
    traffic.end().await?;
    let billing = send(api.widget(Method::GET, &before, "")).await?;
    billing.problem(401, "unauthorized")?;
    let invoice = api.read(&before.id).await?;
    let token = text(&invoice["client_token"])?;
    let renewed = Opened { token, ..before };
    api.paid_with(&renewed, APPROVED).await?;
    until("its callback", async || {
        let callbacks = app.project.callbacks();
        ensure!(callbacks.iter().all(|callback| callback.verified));
        let of_it = |body: &Value| body["data"]["invoice"]["id"] == renewed.id.as_str();
        Ok(callbacks.iter().any(|callback| of_it(&callback.body)))
    })
    .await?;
    // A server that has the old key only does not start.
    let refused = app.another_server().await.err().context("it starts")?;
    ensure!(format!("{refused:#}").contains("exited"), "{refused:#}");
    let refused = keys(&app, &["list"], &["--encryption-key", ENCRYPTION_KEY]).await;
    let refused = refused.err().context("it opens")?.to_string();
    let id = new["id"].as_str().context("no id")?;
    ensure!(
        refused.contains(&format!("encrypted with the key {id}")),
        "{refused}"
    );
    Ok(())
}

/// A server encrypted with a key that the next one does not have.
#[tokio::test]
async fn a_key_that_values_need_is_missing() -> Result<()> {
    let app = TestApp::start().await?;
    let create = ["project", "create", "--dev", "--name", "Other"];
    let created = app.till(&[&create[..], &ROTATED].concat()).await?;
    created.map_err(anyhow::Error::msg)?;
    let listed = list(&app, &ROTATED).await?;
    let id = listed[0]["id"].as_str().context("no id")?;
    let refused = app.till(&create).await?.err().context("it opens")?;
    ensure!(
        refused.contains(&format!("encrypted with the key {id}")) && !refused.contains(NEW_KEY),
        "{refused}"
    );
    let accepted = app.till(&[&create[..], &PREPARED].concat()).await?;
    accepted.map_err(anyhow::Error::msg)?;
    // Back to the old key: the new one is no longer needed afterwards.
    keys(&app, &["rotate"], &PREPARED).await?;
    app.till(&create).await?.map_err(anyhow::Error::msg)?;
    let printed = keys(&app, &["list"], &PREPARED).await?;
    ensure!(
        printed.contains(&format!("Nothing depends on {id}.")),
        "{printed}"
    );
    Ok(())
}
