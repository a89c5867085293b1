//! What Adyen is told: the buyer's browser, and texts within its limits.

use super::fixture::{Fixture, Reply, card, client};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use till_server::connectors::{CallError, ClientInfo, Reference};
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;
use till_tests::providers::adyen::Adyen;
use till_tests::providers::{PaymentSystem, Plan};

fn authorised() -> Reply {
    Reply::json(200, json!({ "resultCode": "Authorised" }))
}

#[tokio::test]
async fn the_browser_reaches_adyen_as_a_whole() -> Result<()> {
    let fixture = Fixture::new(&[authorised()]).await?;
    fixture.create().await?;
    let body = &fixture.requests()[0].body;
    let browser = json!({
        "acceptHeader": "application/json", "userAgent": "Mozilla/5.0 (header)",
        "language": "de-DE", "colorDepth": 24, "screenHeight": 800, "screenWidth": 1280,
        "timeZoneOffset": -60, "javaEnabled": false, "javaScriptEnabled": true,
    });
    ensure!(body["browserInfo"] == browser, "{body}");
    ensure!(body["shopperIP"] == "192.0.2.1", "{body}");
    ensure!(body["origin"] == "https://till.example", "{body}");
    ensure!(body["shopperEmail"] == "buyer@shop.example", "{body}");
    ensure!(body["telephoneNumber"] == "+4930123456", "{body}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_known_or_too_long_is_left_out() -> Result<()> {
    let fixture = Fixture::new(&[authorised()]).await?;
    let long = ClientInfo {
        origin: Some(format!("https://{}.example", "a".repeat(80))),
        ..ClientInfo::default()
    };
    fixture
        .create_as(Method::Card, Some(&card()), &long, None)
        .await?;
    let body = &fixture.requests()[0].body;
    for field in ["browserInfo", "shopperIP", "origin"] {
        ensure!(body[field].is_null(), "{body}");
    }
    Ok(())
}

#[tokio::test]
async fn a_card_without_the_browser_is_refused_by_the_issuer() -> Result<()> {
    let system = Adyen::start().await?;
    system.pay(Plan::Approve);
    let fixture = Fixture::at(system.credentials())?;
    let without = |change: fn(&mut ClientInfo)| {
        let mut client = client();
        change(&mut client);
        client
    };
    for client in [
        without(|client| client.browser = None),
        without(|client| client.origin = None),
    ] {
        let fixture = Fixture::at(Adyen::start().await?.credentials())?;
        let update = fixture
            .create_as(Method::Card, Some(&card()), &client, None)
            .await?;
        ensure!(update.status == PaymentStatus::Declined, "{update:?}");
        let code = Some(DeclineCode::VerificationFailed);
        ensure!(update.decline == code, "{update:?}");
    }
    let update = fixture.create().await?;
    ensure!(update.status != PaymentStatus::Declined, "{update:?}");
    Ok(())
}

fn link(status: &str) -> Value {
    json!({ "id": "XX61C53A8B97E6915A", "status": status, "url": "https://test.adyen.link/1" })
}

#[tokio::test]
async fn a_link_is_a_page_whatever_its_id_begins_with() -> Result<()> {
    let fixture = Fixture::new(&[Reply::json(201, link("active"))]).await?;
    let description = "ä".repeat(300);
    let created = fixture
        .create_as(Method::Card, None, &client(), Some(&description))
        .await?;
    let body = &fixture.requests()[0].body;
    ensure!(body["description"] == "ä".repeat(280), "{body}");
    let reference = created.reference.context("no reference")?;
    ensure!(reference == Reference::page("XX61C53A8B97E6915A"));
    ensure!(matches!(
        created.verification,
        Verification::Redirect { .. }
    ));
    fixture.script(&[
        Reply::json(200, link("completed")),
        Reply::error(422, "702"),
        Reply::json(200, link("paymentPending")),
        Reply::json(200, link("expired")),
    ]);
    let payment = fixture.payment_ref(Some(&reference));
    let completed = fixture.fetch(&payment).await?.context("none")?;
    // Only the webhook has the amount and the reference that refunds need.
    ensure!(
        completed.status == PaymentStatus::Processing,
        "{completed:?}"
    );
    // The buyer is paying on the page: it can no longer expire.
    let pending = fixture.cancel(&payment).await?.context("none")?;
    ensure!(pending.status == PaymentStatus::Processing, "{pending:?}");
    let expired = fixture.cancel(&payment).await?.context("none")?;
    ensure!(expired.status == PaymentStatus::Canceled, "{expired:?}");
    let path = "/paymentLinks/XX61C53A8B97E6915A";
    ensure!(fixture.requests().iter().all(|r| r.path == path));
    // A payment whose id looks like a link's is none.
    fixture.script(&[]);
    let other = Reference::payment("PL61C53A8B97E6915A");
    fixture.fetch(&fixture.payment_ref(Some(&other))).await?;
    ensure!(fixture.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn the_login_is_checked_without_a_payment() -> Result<()> {
    let system = Adyen::start().await?;
    let mut fixture = Fixture::at(system.credentials())?;
    fixture.check_login().await?;
    fixture.credentials["api_key"] = "another".into();
    let refused = fixture.check_login().await;
    ensure!(matches!(refused, Err(CallError::NotSent(_))), "{refused:?}");
    ensure!(system.payments().await? == 0);
    Ok(())
}
