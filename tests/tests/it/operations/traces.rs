//! Traces, exported to an OpenTelemetry collector over OTLP/HTTP.

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode as Outcome};
use prost::Message;
use reqwest::Method;
use till_tests::TestApp;
use till_tests::cards::{ANSWER_LOST, APPROVED};
use till_tests::client::{card, send, text};
use till_tests::collector::Collector;
use till_tests::wait::until;
use tokio::net::TcpListener;

/// Returns the spans of a payment.
fn spans_of(collector: &Collector, payment: &str) -> Vec<Span> {
    let mut spans = collector.spans();
    spans.retain(|span| attribute(&span.attributes, "payment") == payment);
    spans
}

/// Returns an attribute as text; empty if absent.
fn attribute(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|a| a.key == name);
    match found.and_then(|a| a.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(n)) => n.to_string(),
        other => other.map_or_else(String::new, |value| format!("{value:?}")),
    }
}

fn named<'a>(spans: &'a [Span], name: &str) -> Result<&'a Span> {
    let names: Vec<_> = spans.iter().map(|s| s.name.as_str()).collect();
    let found = spans.iter().find(|span| span.name == name);
    found.with_context(|| format!("no span {name} among {names:?}"))
}

#[tokio::test]
async fn a_payment_continues_the_callers_trace() -> Result<()> {
    let (collector, url) = Collector::start().await?;
    let settings = ["--otlp-endpoint", &url];
    let mut app = TestApp::with_settings(&["--check-url", "PROJECT/check"], &settings).await?;
    let opened = app.api.invoice("1").await?;
    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let request = app.api.widget(Method::POST, &opened, "/payments");
    let request = request.header("traceparent", format!("00-{trace}-{caller}-01"));
    let fixed = send(request.json(&card(APPROVED))).await?;
    ensure!(fixed.status == 201, "{fixed:?}");
    let payment = text(&fixed.json()["payment"]["id"])?;
    until("both callbacks", async || {
        Ok(app.project.callbacks().len() == 2)
    })
    .await?;
    // The exit flushes the remaining spans.
    ensure!(app.terminate().await?, "the server did not exit cleanly");

    let mut spans = collector.spans();
    spans.retain(|span| hex::encode(&span.trace_id) == trace);
    let route = "/v1/widget/invoices/{invoice}/payments";
    let request = named(&spans, &format!("POST {route}"))?;
    ensure!(
        hex::encode(&request.parent_span_id) == caller,
        "{request:?}"
    );
    ensure!(request.kind() == SpanKind::Server, "{request:?}");
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", route),
        (
            "url.path",
            &format!("/v1/widget/invoices/{}/payments", opened.id),
        ),
        ("url.scheme", "http"),
        ("http.response.status_code", "201"),
        ("request", fixed.header("x-request-id")),
        ("invoice", &opened.id),
        ("project", &app.keys.id),
    ] {
        ensure!(
            attribute(&request.attributes, name) == value,
            "{name}: {request:?}"
        );
    }
    let fixation = named(&spans, "fix_payment")?;
    ensure!(fixation.parent_span_id == request.span_id, "{fixation:?}");
    let check = named(&spans, "order_check")?;
    ensure!(check.parent_span_id == fixation.span_id, "{check:?}");
    let submit = named(&spans, "payment")?;
    ensure!(submit.parent_span_id == fixation.span_id, "{submit:?}");
    let create = named(&spans, "sandbox create")?;
    ensure!(create.parent_span_id == submit.span_id, "{create:?}");
    ensure!(create.kind() == SpanKind::Client, "{create:?}");
    let applied = named(&spans, "apply_payment_update")?;
    for span in [submit, create, applied] {
        ensure!(
            attribute(&span.attributes, "payment") == payment,
            "{span:?}"
        );
    }

    let about = spans_of(&collector, &payment);
    let callbacks: Vec<_> = about.iter().filter(|s| s.name == "callback").collect();
    ensure!(callbacks.len() == 2, "{callbacks:?}");
    for span in callbacks {
        ensure!(span.kind() == SpanKind::Client, "{span:?}");
        ensure!(attribute(&span.attributes, "status") == "204", "{span:?}");
        ensure!(
            attribute(&span.attributes, "event").starts_with("evt_"),
            "{span:?}"
        );
    }
    named(&about, "webhook")?;
    let requests = collector.requests();
    let first = requests.first().context("nothing was sent")?;
    let resource = first
        .resource_spans
        .first()
        .and_then(|r| r.resource.as_ref());
    let service = attribute(&resource.context("no resource")?.attributes, "service.name");
    ensure!(service == "till", "{service}");

    let all: Vec<u8> = requests.iter().flat_map(Message::encode_to_vec).collect();
    let keys = &app.keys;
    for secret in [APPROVED, &keys.sk, &keys.signing_secret, &opened.token] {
        let there = all.windows(secret.len()).any(|w| w == secret.as_bytes());
        ensure!(!there, "{secret} was exported");
    }
    Ok(())
}

#[tokio::test]
async fn status_polls_are_traced_and_a_lost_response_is_an_error() -> Result<()> {
    let (collector, url) = Collector::start().await?;
    let mut app = TestApp::with_settings(&[], &["--otlp-endpoint", &url]).await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, ANSWER_LOST).await?;
    app.api.until_status(&opened.id, "paid").await?;
    ensure!(app.terminate().await?, "the server did not exit cleanly");
    let about = spans_of(&collector, &text(&fixed["payment"]["id"])?);
    let lost = named(&about, "sandbox create")?;
    ensure!(
        attribute(&lost.attributes, "outcome") == "unknown",
        "{lost:?}"
    );
    let status = lost.status.clone().unwrap_or_default();
    ensure!(status.code() == Outcome::Error, "{lost:?}");
    let poll = named(&about, "poll_status")?;
    let children = about.iter().filter(|s| s.parent_span_id == poll.span_id);
    let children: Vec<_> = children.cloned().collect();
    named(&children, "sandbox fetch")?;
    Ok(())
}

#[tokio::test]
async fn an_invalid_endpoint_fails_at_start() -> Result<()> {
    let app = TestApp::start().await?;
    let args = ["serve", "--dev", "--otlp-endpoint", "nonsense"];
    let refused = app.till(&args).await?;
    ensure!(refused.is_err_and(|error| error.contains("--otlp-endpoint is not a URL")));
    Ok(())
}

#[tokio::test]
async fn an_unavailable_collector_is_tolerated() -> Result<()> {
    // A listener that accepts connections and never responds.
    let deaf = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", deaf.local_addr()?);
    for url in [url.as_str(), "http://127.0.0.1:1"] {
        let mut app = TestApp::with_settings(&[], &["--otlp-endpoint", url]).await?;
        let opened = app.api.invoice("1").await?;
        let fixed = app.api.paid_with(&opened, APPROVED).await?;
        ensure!(fixed["payment"]["status"] == "succeeded", "{fixed}");
        until("both callbacks", async || {
            Ok(app.project.callbacks().len() == 2)
        })
        .await?;
        ensure!(app.terminate().await?, "the server did not exit cleanly");
    }
    Ok(())
}
