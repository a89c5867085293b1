//! What a browser may read: nothing personal, and nothing of another project, until a day after the end.

use anyhow::{Result, ensure};
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Answer, Api, Opened, card, send, text};

/// The buyer of the orders, and the card.
const PERSONAL: [&str; 6] = [
    "jo@home.example",
    "Jo Doe",
    "+4930123456",
    "4242",
    "visa",
    "\"DE\"",
];

fn order(number: &str) -> Value {
    let mut order = Api::order(number);
    order["buyer"] = json!({ "email": "jo@home.example", "name": "Jo Doe", "phone": "+4930123456", "country": "DE" });
    order
}

async fn billing(app: &TestApp, opened: &Opened) -> Result<Answer> {
    send(app.api.widget(Method::GET, opened, "")).await
}

/// The first live event.
async fn live(app: &TestApp, opened: &Opened) -> Result<String> {
    let response = app
        .api
        .widget(Method::GET, opened, "/events")
        .send()
        .await?;
    ensure!(response.status() == 200);
    let first = response.bytes_stream().next().await;
    Ok(String::from_utf8(
        first.transpose()?.unwrap_or_default().to_vec(),
    )?)
}

fn check(text: &str) -> Result<()> {
    for one in PERSONAL {
        ensure!(!text.contains(one), "{one}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_personal() -> Result<()> {
    let app = TestApp::with(&["--check-url", "PROJECT/check"]).await?;
    let opened = app.api.invoice_of(&order("1")).await?;
    check(&billing(&app, &opened).await?.text)?;
    let fixed = app.api.pay(&opened, &card(VERIFIED)).await?;
    ensure!(
        fixed.json()["payment"]["card"]["last4"].is_string(),
        "{fixed:?}"
    );
    let payment = text(&fixed.json()["payment"]["id"])?;
    for text in [
        billing(&app, &opened).await?.text,
        live(&app, &opened).await?,
    ] {
        ensure!(text.contains(&payment) && !text.contains("last4"), "{text}");
        check(&text)?;
    }
    let cancel = format!("/payments/{payment}/cancel");
    let canceled = send(app.api.widget(Method::POST, &opened, &cancel)).await?;
    ensure!(
        canceled.status == 200 && !canceled.text.contains("last4"),
        "{canceled:?}"
    );
    check(&canceled.text)?;

    let opened = app.api.invoice_of(&order("2")).await?;
    app.api.paid_with(&opened, APPROVED).await?;
    check(&billing(&app, &opened).await?.text)?;
    check(&live(&app, &opened).await?)?;

    // The page's order: what the widget needs alone, also for an order that the server sent first.
    for number in ["2", "3"] {
        let request = app.api.request(Method::POST, "/v1/widget/invoices");
        let request = request
            .bearer_auth(&app.keys.pk)
            .header("origin", "https://shop.example");
        let made = send(request.json(&Api::order(number))).await?.json();
        let fields: Vec<_> = made
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .collect();
        ensure!(
            fields == ["client_token", "expires_at", "id", "status"],
            "{made}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn until_a_day_after_the_end() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--speedup", "1"]).await?;
    let advance = async |seconds: u32| {
        let request = app.api.secret(Method::POST, "/v1/test/advance");
        let moved = send(request.json(&json!({ "seconds": seconds }))).await?;
        ensure!(moved.status == 200, "{moved:?}");
        Ok(())
    };
    let long = |number: &str| {
        let mut order = Api::order(number);
        order["expires_in_seconds"] = json!(30 * 86_400);
        order
    };
    let open = app.api.invoice_of(&long("open")).await?;
    let waiting = app.api.invoice_of(&long("waiting")).await?;
    let paid = app.api.invoice_of(&long("paid")).await?;
    let canceled = app.api.invoice_of(&long("canceled")).await?;
    let expired = app.api.invoice("expired").await?;
    let payment = app.api.paid_with(&paid, APPROVED).await?;
    let cancel = format!("/v1/invoices/{}/cancel", canceled.id);
    ensure!(send(app.api.secret(Method::POST, &cancel)).await?.status == 200);
    advance(3600).await?;
    app.api.until_status(&expired.id, "expired").await?;
    advance(82_000).await?;
    for opened in [&open, &waiting, &paid, &canceled, &expired] {
        ensure!(billing(&app, opened).await?.status == 200, "{opened:?}");
    }
    // A refund is no new end, and a payment in progress is none.
    app.refund(&text(&payment["payment"]["id"])?, 100).await?;
    app.api.until_status(&paid.id, "partially_refunded").await?;
    app.api.paid_with(&waiting, VERIFIED).await?;
    advance(1000).await?;
    for (opened, status) in [
        (&open, 200),
        (&waiting, 200),
        (&paid, 401),
        (&canceled, 401),
        (&expired, 200),
    ] {
        let answer = billing(&app, opened).await?;
        ensure!(answer.status == status, "{opened:?}: {answer:?}");
    }
    advance(3600).await?;
    let ended = billing(&app, &expired).await?;
    ended.problem(401, "unauthorized")?;
    let pay = app.api.pay(&expired, &card(APPROVED)).await?;
    pay.problem(401, "unauthorized")?;
    ensure!(billing(&app, &open).await?.status == 200);
    Ok(())
}

/// The widget's page says whose page it is: a site that embeds it sees no other project's invoices there.
#[tokio::test]
async fn in_the_projects_own_pages() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let page = send(app.api.request(Method::GET, &format!("/pay/{}", opened.id))).await?;
    let project = format!("data-project=\"{}\"", app.keys.id);
    let invoice = format!("data-invoice=\"{}\"", opened.id);
    ensure!(
        page.text.contains(&project) || page.text.contains(&project.replace('"', "")),
        "{page:?}"
    );
    ensure!(
        page.text.contains(&invoice) || page.text.contains(&invoice.replace('"', "")),
        "{page:?}"
    );

    let other = app.project_at(&app.project.url, &[]).await?;
    for (path, method) in [
        ("", Method::GET),
        ("/events", Method::GET),
        ("/payments", Method::POST),
    ] {
        let named = |project: &str| {
            let request = app.api.widget(method.clone(), &opened, path);
            send(
                request
                    .header("till-project", project)
                    .json(&card(APPROVED)),
            )
        };
        named(&other.id).await?.problem(401, "unauthorized")?;
        named("").await?.problem(401, "unauthorized")?;
        if path != "/events" {
            ensure!(named(&app.keys.id).await?.status < 300, "{path}");
        }
    }
    Ok(())
}
