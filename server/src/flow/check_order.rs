//! The order check: the project confirms an order before it is charged.

use super::error::{Error, Result};
use crate::app::App;
use crate::callbacks::deliver::Answer;
use crate::callbacks::sign;
use crate::store::invoices::InvoiceRow;
use crate::store::projects::Project;
use crate::telemetry::OrderCheck;
use crate::{clock, new_id, views};
use std::time::Duration;
use till_shared::event::{Event, EventData, EventType, OrderCheckAnswer};
use till_shared::id::EventId;
use till_shared::problem::ProblemType;
use till_shared::text::sanitize;

/// How long the project may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many times the project is called.
const ATTEMPTS: usize = 2;

/// Who waits for the result of an order check, and reads why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingFor {
    /// The project's server.
    Server,
    /// The buyer.
    Buyer,
}

/// Asks the project to confirm an order. An order of a project without a `check_url` is accepted.
///
/// # Errors
/// `order-rejected` with the project's reason; `order-check-unavailable` without a valid answer.
pub async fn check_order(
    app: &App,
    project: &Project,
    invoice: &InvoiceRow,
    waiting: WaitingFor,
) -> Result<()> {
    let Some(url) = &project.settings.check_url else {
        return Ok(());
    };
    let checked = call(app, project, invoice, url, waiting).await;
    app.metrics.order_check(match &checked {
        Ok(()) => OrderCheck::Accepted,
        Err(Error::Problem { kind, .. }) if *kind == ProblemType::OrderRejected => {
            OrderCheck::Rejected
        }
        Err(_) => OrderCheck::Unavailable,
    });
    checked
}

#[tracing::instrument(name = "order_check", level = "error", skip_all,
    fields(invoice = %invoice.id, project = %project.id))]
async fn call(
    app: &App,
    project: &Project,
    invoice: &InvoiceRow,
    url: &str,
    waiting: WaitingFor,
) -> Result<()> {
    let event = Event {
        id: EventId::from_unique(new_id::unique()),
        r#type: EventType::OrderCheck,
        sequence: 0,
        created_at: clock::rfc3339(clock::now_ms()),
        project: project.id.clone(),
        data: EventData {
            invoice: Some(views::invoice(app, project, invoice, &[])),
            ..EventData::default()
        },
    };
    let body = serde_json::to_string(&event).map_err(anyhow::Error::from)?;
    let secrets = sign::valid_secrets(&app.keys, project)?;
    let mut failure = String::new();
    for _ in 0..ATTEMPTS {
        let answer = app
            .outbox
            .deliverer
            .post(url, &event.id, &body, &secrets, TIMEOUT)
            .await;
        failure = match &answer.body {
            Some(body) if answer.status == Some(200) => match serde_json::from_str(body) {
                Ok(answer) if !confirms_amount(&answer, invoice) => {
                    "its answer must have the amount and the currency, because the order comes from a \
                     browser"
                        .into()
                }
                Ok(answer) => return evaluate(&answer, invoice),
                Err(error) => format!("its answer cannot be read: {error}"),
            },
            _ => explain(&answer, waiting),
        };
        tracing::warn!(reason = failure, "no usable answer to the order check");
    }
    let detail = match waiting {
        WaitingFor::Server => format!(
            "Your server gave no usable answer to the order check at {url}: {failure}. Nothing was \
             charged."
        ),
        WaitingFor::Buyer => {
            "The shop could not confirm the order. Nothing was charged. Try again in a moment."
                .into()
        }
    };
    Err(Error::problem(ProblemType::OrderCheckUnavailable, detail))
}

/// Why there is no answer.
fn explain(answer: &Answer, waiting: WaitingFor) -> String {
    let seconds = TIMEOUT.as_secs();
    match (answer.status, answer.timed_out, waiting) {
        (Some(status), ..) => format!("it answered with status {status}"),
        (None, true, WaitingFor::Server) => format!(
            "it did not answer within {seconds} seconds. A server that handles one request at a time, \
             such as `php -S`, cannot answer while it waits for this response; run it with several \
             workers, for example `PHP_CLI_SERVER_WORKERS=4 php -S`"
        ),
        (None, true, WaitingFor::Buyer) => format!("it did not answer within {seconds} seconds"),
        (None, false, _) => {
            let error = answer.error.as_deref();
            format!("it cannot be reached: {}", error.unwrap_or("no connection"))
        }
    }
}

/// Whether an answer that accepts an order says for which amount. A browser may send any amount, so that
/// only the project knows the right one; an order of the project's own server or form has it.
fn confirms_amount(answer: &OrderCheckAnswer, invoice: &InvoiceRow) -> bool {
    let named = answer.amount.is_some() && answer.currency.is_some();
    !answer.accept || !invoice.from_browser || named
}

fn evaluate(answer: &OrderCheckAnswer, invoice: &InvoiceRow) -> Result<()> {
    if !answer.accept {
        let reason = answer
            .reason
            .as_deref()
            .unwrap_or("The shop rejected the order.");
        let reason: String = sanitize(reason).chars().take(500).collect();
        return Err(Error::problem(ProblemType::OrderRejected, reason));
    }
    let same_amount = answer
        .amount
        .is_none_or(|amount| amount == invoice.money.amount);
    let code = invoice.money.currency.code();
    let same_currency = answer
        .currency
        .as_deref()
        .is_none_or(|currency| currency.trim().eq_ignore_ascii_case(code));
    if same_amount && same_currency {
        Ok(())
    } else {
        tracing::warn!("the order check returned a different amount");
        Err(Error::problem(
            ProblemType::OrderRejected,
            "The shop has a different amount for this order.",
        ))
    }
}
