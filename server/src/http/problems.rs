//! The page of each problem type, at the URL in the `type` of a problem document. The same texts are
//! the page `docs/problems.md`.

use super::middleware::extract::id;
use super::openapi::problems;
use super::pages::headers::{Features, Opener, page_headers};
use super::pages::message::nonce;
use crate::app::App;
use crate::flow::Result;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::sync::Arc;
use till_shared::problem::ProblemType;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(page))
}

/// What a problem type means, and what a developer does about it.
struct Entry {
    meaning: &'static str,
    action: &'static str,
}

const fn entry(kind: ProblemType) -> Entry {
    let (meaning, action) = match kind {
        ProblemType::InvalidRequest => (
            "A field, a parameter or the body is not what the call takes. `errors` names each field, \
             with a code for programs and a message for you.",
            "Correct the fields that `errors` names and send the request again. A rejected request \
             frees its idempotency key.",
        ),
        ProblemType::Unauthorized => (
            "The `Authorization` header is missing, or its key or token is not valid for this call.",
            "Send `Authorization: Bearer` and the credential that the call takes: the project's secret \
             key (`sk_...`) on your server, the publishable key (`pk_...`) in a page, the invoice's \
             client token in the widget, or an operator's token. After a rotation, use the new key. A key or \
             token that has ended or was revoked is not valid.",
        ),
        ProblemType::Forbidden => (
            "The credential is valid, and does not permit this call. A secret key lacks the scope, an operator \
             lacks the role, a page's origin is not among the project's `allowed_origins`, the project has no \
             `check_url` for orders from pages, or the operator's API is off.",
            "Read `detail`: it names the scope, the role or the setting. Create a key with the scope \
             (`till project key create`) or an operator with the role (`till operator create`), or change the \
             setting with `till project update`.",
        ),
        ProblemType::NotFound => (
            "No object has this id in your project, or no call has this path.",
            "Compare the id and the path. A secret key reaches the objects of its own project only: a \
             key of the test project does not find live payments.",
        ),
        ProblemType::MethodNotAllowed => (
            "The path exists, with other HTTP methods.",
            "Use a method that the `Allow` header of the response lists.",
        ),
        ProblemType::UnsupportedMediaType => (
            "The body is not in the format that the call reads.",
            "Send JSON with `Content-Type: application/json`, not compressed. HTML forms go to `/pay` \
             only.",
        ),
        ProblemType::PayloadTooLarge => (
            "The body is larger than the server reads.",
            "Send fewer items or less metadata. `detail` has the limit.",
        ),
        ProblemType::IdempotencyKeyReused => (
            "An earlier request had the same `Idempotency-Key` and a different body or path.",
            "Use a new key for each new request, and the same key only to repeat a request unchanged.",
        ),
        ProblemType::IdempotencyKeyInUse => (
            "A request with the same `Idempotency-Key` is still being worked on.",
            "Wait as long as `Retry-After` says and send the same request again. It then gets the \
             response of the first one.",
        ),
        ProblemType::OrderIdReused => (
            "An invoice of your project has this `order_id`, and its order had other data. `errors` \
             names the fields that differ.",
            "Use a new `order_id` for a different order. To change an order, cancel its invoice and \
             create a new one.",
        ),
        ProblemType::InvoicePaid => (
            "The invoice is paid. It can be neither paid again nor canceled.",
            "Show the buyer that the order is paid. To return the money, refund the payment.",
        ),
        ProblemType::InvoiceExpired => (
            "The invoice was not paid before `expires_at`.",
            "Send the order again: it makes a new invoice. `expires_in_seconds` sets a longer time.",
        ),
        ProblemType::InvoiceCanceled => (
            "The invoice was canceled and can't be paid.",
            "If the buyer may still pay, send the order again: it makes a new invoice.",
        ),
        ProblemType::PaymentInProgress => (
            "A payment of the invoice has not ended yet. An invoice has one payment at a time, so that \
             no order is charged twice.",
            "Wait for the payment to end: read it, or wait for the callback. A payment that waits for \
             the buyer can be canceled in the widget.",
        ),
        ProblemType::TooManyAttempts => (
            "There were too many attempts to pay with this card, for this invoice, from this address or in \
             this project. Waits protect buyers and merchants against the testing of stolen cards. Nothing \
             was charged.",
            "Wait as long as `Retry-After` says and send the request again; `retry_after` has the same \
             number of seconds. The widget tells the buyer. The project's `attempt_limits` say how many \
             declines are free.",
        ),
        ProblemType::CaptchaRequired => (
            "After several declines, the buyer has to show that a person pays. `captcha` names the captcha of \
             the project, and `captcha.page_url` a page that shows it. Also sent if the token of the request \
             was rejected by the captcha's provider. Nothing was charged.",
            "Show the captcha and send the request again with its token in `captcha_token`. The widget does \
             both.",
        ),
        ProblemType::PaymentFinal => (
            "The payment has ended, and its status does not change any more.",
            "Read the payment: its `status` is the outcome. To return the money of a payment that \
             succeeded, refund it.",
        ),
        ProblemType::NotRefundable => (
            "The payment did not succeed, is refunded already, or its payment system makes no refunds.",
            "Read `detail`, the payment's `status` and its `amount_refunded`.",
        ),
        ProblemType::MethodUnavailable => (
            "No account of the project takes this payment method in this currency.",
            "Add an account that does, or offer the buyer another method. The billing data list the \
             methods that an invoice can be paid with.",
        ),
        ProblemType::OrderRejected => (
            "Your server answered the order check with `accept: false`, or with another amount or \
             currency than the order's. `detail` has the reason. Nothing was charged.",
            "Look at the order in your shop. If it is correct, correct the answer of your `check_url`.",
        ),
        ProblemType::OrderCheckUnavailable => (
            "Your `check_url` gave no usable answer in time. Nothing was charged, and the buyer can try \
             again.",
            "Answer within 5 seconds with status 200 and JSON such as `{\"accept\": true, \
             \"amount\": 1999, \"currency\": \"EUR\"}`. `amount` and `currency` are required for an order \
             that comes from a browser. The server's log says what came instead.",
        ),
        ProblemType::Internal => (
            "The server failed in a way that it should not. Its log has the cause under the request id.",
            "Send the request again with the same `Idempotency-Key`. If it fails again, report it with \
             the request id.",
        ),
        ProblemType::Unavailable => (
            "The server is overloaded or shutting down, or its database does not respond.",
            "Wait as long as `Retry-After` says and send the request again, with the same \
             `Idempotency-Key`. If it goes on, look at `/readyz` and the server's log.",
        ),
    };
    Entry { meaning, action }
}

problems!(PageProblems: NotFound);

/// Explain a problem type
///
/// The page that the `type` of a problem document leads to: what the problem means, and what to do.
#[utoipa::path(get, path = "/problems/{type}", operation_id = "getProblemType", tag = "pages",
    security(()),
    params(("type" = ProblemType, Path, description = "The problem type")),
    responses((status = 200, content_type = "text/html", body = String, description = "The page"),
        PageProblems))]
async fn page(Path(kind): Path<String>) -> Result<Response> {
    let kind: ProblemType = id(&kind, "problem type")?;
    let nonce = nonce()?;
    let policy = format!("default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'");
    let headers = page_headers(&policy, Features::None, Opener::Isolated);
    Ok((headers, explain(kind, &nonce)).into_response())
}

fn explain(kind: ProblemType, nonce: &str) -> Markup {
    let Entry { meaning, action } = entry(kind);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (kind.title()) }
                style nonce=(nonce) { (PreEscaped(include_str!("pages/message.css"))) }
            }
            body {
                main {
                    h1 { (kind.title()) }
                    p { (with_code(meaning)) }
                    p { (with_code(action)) }
                    p.quiet { "Problem type " code { (kind) } ", HTTP status " (kind.status()) }
                }
            }
        }
    }
}

/// Marks what is between backticks as code.
fn with_code(text: &str) -> Markup {
    html! {
        @for (i, part) in text.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// The page of the documentation with all problem types.
#[cfg(test)]
fn markdown() -> String {
    let mut page = String::from(
        "# Problems\n\nA request that fails gets a problem document (RFC 9457, \
         `application/problem+json`). Its `type`\nis the path of a page on your server that explains \
         it. This page lists all types. Quote the\n`request_id` when you look for the request in the \
         log.\n",
    );
    for kind in ProblemType::ALL {
        let Entry { meaning, action } = entry(*kind);
        let (title, status) = (kind.title(), kind.status());
        page += &format!(
            "\n## {title}\n\n`/problems/{kind}`, status {status}.\n\n{meaning}\n\n{action}\n"
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_DOCS=1 cargo test -p till-server problems` writes the page.
    #[test]
    fn the_documentation_has_every_problem_type() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/problems.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let present = std::fs::read_to_string(path).unwrap();
        assert!(present == markdown(), "run the test with UPDATE_DOCS=1");
    }
}
