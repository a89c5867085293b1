//! Attempts to deliver callbacks.

use super::deliver::Answer;
use super::outbox::Outbox;
use super::{endpoint, schedule, sign};
use crate::clock;
use crate::store::event_attempts::{Attempt, Attempted, Next};
use crate::store::in_flight::Delivery;
use crate::store::pending_event::PendingEvent;
use crate::store::projects::Project;
use crate::telemetry::Callback;
use anyhow::Context;
use std::time::{Duration, Instant};
use till_shared::event::Event;
use tracing::field::Empty;
use tracing::{Instrument, Span};

/// How long an endpoint may take to answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long after a claim another callback is delivered with it: an attempt then ends before the lease
/// ([`LEASE_MS`](crate::store::due::LEASE_MS)).
const HURRY: Duration = Duration::from_secs(4);
/// How much of a response body is stored, in bytes.
const STORED_BODY: usize = 1024;

/// Delivers a claimed callback, and then those that wait for it only, as long as each is delivered and the lease of
/// the first one covers the next.
pub async fn deliver(
    outbox: &Outbox,
    project: &Project,
    events: &[PendingEvent],
    delivery: &Delivery,
) -> Vec<Attempted> {
    let begun = Instant::now();
    let mut attempts = vec![];
    for event in events {
        if !attempts.is_empty() && (begun.elapsed() > HURRY || outbox.shutdown.is_cancelled()) {
            break;
        }
        let span = span(event);
        match attempt(outbox, project, event)
            .instrument(span.clone())
            .await
        {
            Ok(attempted) => {
                let delivered = attempted.next == Next::Delivered;
                delivery.ended(delivered);
                attempts.push(attempted);
                if !delivered {
                    break;
                }
            }
            Err(error) => {
                tracing::error!(parent: &span, %error, "a callback could not be sent");
                break;
            }
        }
    }
    attempts
}

/// The span of an attempt, for the log and the traces.
fn span(event: &PendingEvent) -> Span {
    let span = tracing::error_span!(
        "callback",
        otel.kind = "client",
        event = %event.id,
        project = %event.project,
        invoice = Empty,
        payment = Empty,
        refund = Empty,
        attempt = event.attempts + 1,
        status = Empty,
        otel.status_code = Empty
    );
    let data = serde_json::from_str::<Event>(&event.body).map(|event| event.data);
    let data = data.unwrap_or_default();
    if let Some(invoice) = &data.invoice {
        span.record("invoice", invoice.id.as_str());
    }
    if let Some(payment) = &data.payment {
        span.record("payment", payment.shown.id.as_str());
    }
    if let Some(refund) = &data.refund {
        span.record("refund", refund.id.as_str());
    }
    span
}

async fn attempt(
    outbox: &Outbox,
    project: &Project,
    event: &PendingEvent,
) -> anyhow::Result<Attempted> {
    let url = project.endpoint().context("the project has no endpoint")?;
    let secrets = sign::valid_secrets(&outbox.keys, project)?;
    let at = clock::now_ms();
    let answer = outbox
        .deliverer
        .post(url, &event.id, &event.body, &secrets, RESPONSE_TIMEOUT)
        .await;
    let done = clock::now_ms();
    let jitter = i64::from(rand::random_range(0..=1000u16));
    let number = event.attempts + 1 - event.resent_after;
    let mut next = schedule::after(&answer, number, done, jitter, outbox.speedup);
    if next == Next::Unsent && !endpoint::turn_off(&outbox.store, &project.id, url, done).await? {
        next = Next::Retry {
            at: done,
            refused: false,
        };
    }
    report(outbox, &answer, at, done, next);
    let attempt = Attempt {
        at,
        duration_ms: done - at,
        status: answer.status.map(i64::from),
        error: answer.error,
        answer: answer.body.map(|text| beginning(&text).to_owned()),
    };
    Ok(Attempted {
        event: event.id.clone(),
        invoice: event.invoice.clone(),
        sequence: event.sequence,
        attempt,
        next,
    })
}

/// Reports an attempt to the log, the trace and the metrics.
fn report(outbox: &Outbox, answer: &Answer, at: i64, done: i64, next: Next) {
    let took = Duration::from_millis(u64::try_from(done - at).unwrap_or(0));
    let outcome = match (next, answer.status) {
        (Next::Delivered, _) => Callback::Delivered,
        (_, Some(_)) => Callback::Refused,
        (_, None) => Callback::Unreachable,
    };
    outbox.metrics.callback(outcome, took);
    if matches!(next, Next::Failed | Next::Unsent) {
        outbox.metrics.callback_failed();
    }
    if let Some(status) = answer.status {
        Span::current().record("status", status);
    }
    let error = &answer.error;
    match next {
        Next::Delivered => tracing::info!("callback delivered"),
        Next::Retry { .. } => tracing::warn!(error, "callback not delivered"),
        Next::Failed => tracing::error!(error, "callback failed: no attempts left"),
        Next::Unsent => tracing::error!("callbacks turned off: the endpoint answered 410"),
    }
    if next != Next::Delivered {
        Span::current().record("otel.status_code", "ERROR");
    }
}

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(STORED_BODY);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
