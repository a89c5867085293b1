//! One account whose provider hangs does not delay another account of the same kind.

use anyhow::{Result, bail, ensure};
use serde_json::json;
use till_tests::TestApp;
use till_tests::client::Api;
use till_tests::providers::mock::method;
use till_tests::providers::paypal::PayPal;
use till_tests::providers::{PaymentSystem, Plan};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_hanging_token_call_delays_no_other_paypal_account() -> Result<()> {
    // Accepts connections and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let healthy = PayPal::start().await?;
    let mut credentials = healthy.credentials();
    credentials["base_url"] = format!("http://{}", silent.local_addr()?).into();
    let accounts = [("paypal", "silent", credentials)];
    // Longer than the test's client waits for a response.
    let limit = ["--connector-timeout-ms", "60000"];
    let app = TestApp::with_accounts(&accounts, &limit).await?;
    let account = json!({
        "kind": "paypal", "account": "healthy", "credentials": healthy.credentials(),
    });
    let file = app.files().join("healthy.json");
    std::fs::write(&file, account.to_string())?;
    let args = ["--connector", &file.display().to_string()];
    let keys = app.project_at(&app.project.url, &args).await?;
    let other = Api::new(&app.api.url, &keys)?;

    let paypal = method("paypal");
    let invoice = app.api.invoice("1").await?;
    let hanging = app.api.pay(&invoice, &paypal);
    let meanwhile = async {
        let _token_call = silent.accept().await?;
        let invoice = other.invoice("2").await?;
        other.pay(&invoice, &healthy.pay(Plan::Approve)).await
    };
    let answer = tokio::select! {
        biased;
        ended = hanging => bail!("the first payment ended: {ended:?}"),
        answer = meanwhile => answer?,
    };
    ensure!(answer.status == 201, "{answer:?}\n{}", app.log());
    ensure!(answer.json()["payment"]["status"] == "requires_verification");
    Ok(())
}
