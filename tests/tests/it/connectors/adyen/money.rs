//! Whose money it is, over HTTP.

use crate::connectors::shop::Shop;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::client::{Api, Opened, send, text};
use till_tests::providers::adyen::Adyen;
use till_tests::providers::mock::{Entry, State, method};
use till_tests::providers::{PaymentSystem, Plan};
use till_tests::wait::until;
use url::Url;

/// Creates a payment by a method that needs no data of the browser.
async fn pay(shop: &Shop<Adyen>, opened: &Opened, plan: Plan) -> Result<Value> {
    shop.system.pay(plan);
    let answer = shop.app.api.pay(opened, &method("ideal")).await?;
    ensure!(answer.status == 201, "{answer:?}\n{}", shop.app.log());
    Ok(answer.json())
}

/// An invoice and a payment that waits for the buyer.
async fn verifying(shop: &Shop<Adyen>, order: &str, amount: i64) -> Result<(Opened, Value)> {
    let mut body = Api::order(order);
    body["amount"] = json!(amount);
    let opened = shop.app.api.invoice_of(&body).await?;
    let fixed = pay(shop, &opened, Plan::Verify).await?;
    ensure!(
        fixed["payment"]["status"] == "requires_verification",
        "{fixed}"
    );
    Ok((opened, fixed))
}

fn entry(shop: &Shop<Adyen>, fixed: &Value) -> Result<Entry> {
    let entry = shop.system.mock.entry(&text(&fixed["payment"]["id"])?);
    entry.context("no such payment")
}

/// The buyer confirms one payment and returns to another one's URL with its result.
async fn carry(shop: &Shop<Adyen>, from: &Value, to: &Value, state: State) -> Result<()> {
    let back = shop
        .system
        .confirm(&text(&from["verification"]["url"])?)
        .await?;
    let reference = entry(shop, from)?.reference;
    shop.system
        .mock
        .with(&reference, |entry| entry.state = state);
    let result = Url::parse(&back)?
        .query_pairs()
        .find_map(|(name, value)| (name == "redirectResult").then(|| value.into_owned()));
    let mut carried = Url::parse(&entry(shop, to)?.return_url)?;
    let result = result.context("no result")?;
    carried
        .query_pairs_mut()
        .append_pair("redirectResult", &result);
    let answer = send(shop.app.api.request(Method::GET, carried.as_str())).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn the_result_of_another_payment_does_not_pay() -> Result<()> {
    let shop = Shop::<Adyen>::open().await?;
    let (dear, dear_payment) = verifying(&shop, "dear", 100_000).await?;
    let (cheap, cheap_payment) = verifying(&shop, "cheap", 100).await?;
    carry(&shop, &cheap_payment, &dear_payment, State::Confirmed).await?;
    // The webhook pays the payment that the result belongs to.
    let paid = shop.app.api.until_status(&cheap.id, "paid").await?;
    let invoice = shop.app.api.read(&dear.id).await?;
    ensure!(invoice["status"] == "processing", "{invoice}");
    let payment = &invoice["payments"][0];
    ensure!(payment["status"] == "processing", "{invoice}");
    let stored = &payment["reference"];
    ensure!(*stored != paid["payments"][0]["reference"], "{invoice}");
    ensure!(shop.system.net_captured().await? == 100);
    // The right result still pays it.
    shop.finish(&dear_payment).await?;
    shop.app.api.until_status(&dear.id, "paid").await?;
    ensure!(shop.system.net_captured().await? == 100_100);
    Ok(())
}

#[tokio::test]
async fn the_decline_of_another_payment_does_not_decline() -> Result<()> {
    let shop = Shop::<Adyen>::open().await?;
    let (dear, dear_payment) = verifying(&shop, "dear", 100_000).await?;
    let (cheap, cheap_payment) = verifying(&shop, "cheap", 100).await?;
    carry(&shop, &cheap_payment, &dear_payment, State::Canceled).await?;
    let open = shop.app.api.until_status(&cheap.id, "open").await?;
    ensure!(open["payments"][0]["status"] == "declined", "{open}");
    let invoice = shop.app.api.read(&dear.id).await?;
    ensure!(
        invoice["payments"][0]["status"] == "processing",
        "{invoice}"
    );
    shop.finish(&dear_payment).await?;
    shop.app.api.until_status(&dear.id, "paid").await?;
    Ok(())
}

/// A shop that asks soon for payments whose creation was not answered.
async fn impatient() -> Result<Shop<Adyen>> {
    Shop::with(&["--connector-timeout-ms", "1500", "--lost-after-ms", "4000"]).await
}

async fn until_payment(shop: &Shop<Adyen>, opened: &Opened, status: &str) -> Result<Value> {
    let mut last = Value::Null;
    let seen = until(status, async || {
        last = shop.app.api.read(&opened.id).await?;
        Ok(last["payments"][0]["status"] == status)
    });
    seen.await
        .with_context(|| format!("{last}\n{}", shop.app.log()))?;
    Ok(last)
}

#[tokio::test]
async fn a_payment_that_adyen_never_received_fails() -> Result<()> {
    let shop = impatient().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = pay(&shop, &opened, Plan::Fail(500)).await?;
    ensure!(fixed["payment"]["status"] == "processing", "{fixed}");
    let invoice = until_payment(&shop, &opened, "failed").await?;
    ensure!(invoice["status"] == "open", "{invoice}");
    let fixed = pay(&shop, &opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    shop.app.api.until_status(&opened.id, "paid").await?;
    ensure!(shop.system.net_captured().await? == 1999);
    Ok(())
}

#[tokio::test]
async fn a_payment_that_adyen_received_is_canceled_and_stays_so() -> Result<()> {
    let shop = impatient().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = pay(&shop, &opened, Plan::Fail(500)).await?;
    let ours = text(&fixed["payment"]["id"])?;
    // Adyen authorized it, and answered with an error.
    shop.system.mock.entries().push(Entry {
        reference: Entry::unique(&ours).to_uppercase(),
        ours: ours.clone(),
        amount: 1999,
        currency: "EUR".into(),
        state: State::Confirmed,
        plan: Plan::Approve,
        return_url: String::new(),
        refunds: vec![],
        dispute: None,
        reversed: false,
    });
    until_payment(&shop, &opened, "canceled").await?;
    ensure!(shop.system.net_captured().await? == 0);
    // The message about the authorization is older than the cancellation.
    let late = shop.send_webhook(&shop.system.message(&ours)?).await?;
    ensure!(late.status == 200, "{late:?}");
    let invoice = shop.app.api.read(&opened.id).await?;
    ensure!(invoice["status"] == "open", "{invoice}");
    let fixed = pay(&shop, &opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    shop.app.api.until_status(&opened.id, "paid").await?;
    ensure!(shop.system.net_captured().await? == 1999);
    Ok(())
}

#[tokio::test]
async fn a_link_is_paid_on_adyens_page() -> Result<()> {
    let shop = Shop::<Adyen>::open().await?;
    let mut order = Api::order("1");
    order["method"] = json!("card");
    let request = shop.app.api.secret(Method::POST, "/v1/invoices");
    let created = send(request.json(&order)).await?;
    ensure!(created.status == 201, "{created:?}");
    let form = text(&created.json()["confirmation_url"])?;
    let back = shop.system.confirm(&form).await?;
    send(shop.app.api.request(Method::GET, &back)).await?;
    let id = text(&created.json()["id"])?;
    let paid = shop.app.api.until_status(&id, "paid").await?;
    // Refunds need the payment's reference, not the link's.
    let payment = &paid["payments"][0];
    let ours = text(&payment["id"])?;
    let entry = shop.system.mock.entry(&ours).context("no payment")?;
    ensure!(payment["reference"] == entry.reference.as_str(), "{paid}");
    shop.refund(payment, 500).await?;
    ensure!(shop.system.net_captured().await? == 1499);
    Ok(())
}
