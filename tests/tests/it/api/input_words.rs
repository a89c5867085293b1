//! Errors of input: the words of the API, the names of the fields, and what they never contain.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, card, send};

/// Words of parsers, which errors do not have.
const OF_PARSERS: [&str; 10] = [
    "expected",
    "struct",
    "i64",
    "u32",
    "variant",
    "invalid type",
    "invalid digit",
    "time zone",
    "deserialize",
    "borrowed",
];

#[tokio::test]
async fn a_filter_that_is_wrong_is_named_with_what_is_allowed() -> Result<()> {
    let app = TestApp::start().await?;
    for (path, field, words) in [
        (
            "invoices?status=unpaid",
            "status",
            "must be one of open, processing, paid",
        ),
        (
            "invoices?created_after=yesterday",
            "created_after",
            "such as 2026-01-31T12:00:00Z",
        ),
        (
            "invoices?created_after=2026-01-31T12:00:00",
            "created_after",
            "a time with an offset",
        ),
        (
            "invoices?created_after=2026-13-01",
            "created_after",
            "a date",
        ),
        (
            "invoices?created_after=2026-01-31T12:00:00%2B99:00",
            "created_after",
            "a date",
        ),
        (
            "invoices?cursor=first",
            "cursor",
            "an id that begins with inv_",
        ),
        (
            "invoices?limit=ten",
            "limit",
            "must be a whole number, not \\\"ten\\\"",
        ),
        ("invoices?limit=0", "limit", "must be from 1 to 100, not 0"),
        ("invoices?limit=99999999999999999999", "limit", "must be"),
        (
            "invoices?limit=5&limit=6",
            "limit",
            "must be sent only once",
        ),
        ("invoices?page=2", "page", "is not a known field"),
        (
            "payments?decline=poor",
            "decline",
            "must be one of insufficient_funds",
        ),
        ("payments?last4=42", "last4", "must be four digits"),
        (
            "payments?connector=bank",
            "connector",
            "must be one of sandbox, stripe",
        ),
        (
            "payments?invoice=1",
            "invoice",
            "an id that begins with inv_",
        ),
        ("refunds?status=done", "status", "must be one of pending"),
        (
            "disputes?status=over",
            "status",
            "must be one of needs_response",
        ),
        (
            "events?type=paid",
            "type",
            "must be one of order.check, invoice.paid",
        ),
        ("events?state=lost", "state", "must be one of pending"),
        ("events?after=soon", "after", "such as 2026-01-31T12:00:00Z"),
    ] {
        let answer = send(app.api.secret(Method::GET, &format!("/v1/{path}"))).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == [field],
            "{path}: {answer:?}"
        );
        ensure!(answer.text.contains(words), "{path}: {answer:?}");
        let parser = OF_PARSERS.iter().find(|word| answer.text.contains(**word));
        ensure!(parser.is_none(), "{path} says {parser:?}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn times_have_any_offset() -> Result<()> {
    let app = TestApp::start().await?;
    app.api.invoice("1").await?;
    for (time, found) in [
        ("2020-01-01", 1),
        ("2020-01-01T00:00:00Z", 1),
        ("2020-01-01T00:00:00.5-11:30", 1),
        ("2020-01-01T00:00:00%2B05:30", 1),
        // A plus sign that is not percent-encoded is a space.
        ("2020-01-01T00:00:00+05:30", 1),
        ("%202020-01-01%20", 1),
        ("9990-01-01", 0),
        ("9990-01-01T00:00:00+14:00", 0),
    ] {
        let path = format!("/v1/invoices?created_after={time}");
        let list = send(app.api.secret(Method::GET, &path)).await?;
        let count = list.json()["data"].as_array().map(Vec::len);
        ensure!(
            list.status == 200 && count == Some(found),
            "{time}: {list:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_card_number_is_never_echoed() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let number: u64 = APPROVED.replace(' ', "").parse()?;
    let digits = number.to_string();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = card(APPROVED);
        change(&mut body);
        body
    };
    for (body, field) in [
        (
            with(&|body| body["card"]["number"] = json!(number)),
            "card.number",
        ),
        (
            with(&|body| body["card"]["number"] = json!([digits])),
            "card.number",
        ),
        (with(&|body| body["card"]["cvc"] = json!(123)), "card.cvc"),
        (
            with(&|body| body["card"]["exp_month"] = json!(digits)),
            "card.exp_month",
        ),
        (
            with(&|body| body["card"]["exp_year"] = json!(number)),
            "card.exp_year",
        ),
        (with(&|body| body["method"] = json!(digits)), "method"),
        (with(&|body| body["card"] = json!(digits)), "card"),
        (with(&|body| body["buyer"] = json!(number)), "buyer"),
    ] {
        let answer = app.api.pay(&opened, &body).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == [field],
            "{body}: {answer:?}"
        );
        ensure!(!answer.text.contains(&digits[..9]), "{answer:?}");
        ensure!(!answer.said().contains("123"), "{answer:?}");
        let parser = OF_PARSERS.iter().find(|word| answer.text.contains(**word));
        ensure!(parser.is_none(), "{body} says {parser:?}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_order_that_is_wrong_is_told_why() -> Result<()> {
    let app = TestApp::start().await?;
    for (field, value, words) in [
        ("amount", json!(19.99), "1999 for 19.99 EUR, not 19.99"),
        (
            "amount",
            json!("19.99"),
            "must be a whole number of minor units",
        ),
        (
            "amount",
            json!(0),
            "must be from 1 to 999999999999 minor units, not 0",
        ),
        (
            "currency",
            json!("XXX"),
            "must be an ISO 4217 code such as EUR",
        ),
        (
            "description",
            json!("a".repeat(1001)),
            "at most 1000 characters, not 1001",
        ),
        (
            "locale",
            json!("Deutsch"),
            "must be a BCP 47 language tag such as de or pt-BR",
        ),
        ("success_url", json!("/paid"), "must be an absolute URL"),
        (
            "success_url",
            json!("ftp://shop.example"),
            "must have a host",
        ),
        ("method", json!("cash"), "must be one of card, paypal"),
        (
            "expires_in_seconds",
            json!(1),
            "must be from 60 to 31622400 seconds, not 1",
        ),
        (
            "expires_in_seconds",
            json!(99_999_999_999_i64),
            "must be from",
        ),
    ] {
        let mut order = Api::order("1");
        order[field] = value.clone();
        let answer = send(app.api.secret(Method::POST, "/v1/invoices").json(&order)).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == [field],
            "{value}: {answer:?}"
        );
        ensure!(answer.text.contains(words), "{value}: {answer:?}");
        let parser = OF_PARSERS.iter().find(|word| answer.text.contains(**word));
        ensure!(parser.is_none(), "{value} says {parser:?}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn compressed_bodies_are_refused_by_name() -> Result<()> {
    let app = TestApp::start().await?;
    for path in ["/v1/invoices", "/pay", "/v1/connectors/sandbox/a/webhooks"] {
        let request = app.api.secret(Method::POST, path);
        let request = request.header("content-encoding", "gzip").body("\u{1f}");
        let answer = send(request.header("content-type", "application/json")).await?;
        answer.problem(415, "unsupported-media-type")?;
        ensure!(answer.text.contains("content encoding gzip"), "{answer:?}");
        ensure!(answer.header("accept-encoding") == "identity", "{answer:?}");
    }
    let plain = app
        .api
        .secret(Method::POST, "/v1/invoices")
        .json(&Api::order("1"));
    let plain = send(plain.header("content-encoding", "identity")).await?;
    ensure!(plain.status == 201, "{plain:?}");
    Ok(())
}
