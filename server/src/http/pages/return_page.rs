//! The page that the payment provider returns the buyer to. The server fetches the payment's status
//! from the provider and does not read it from the URL. Inside the widget's frame or window, the page
//! notifies the widget; otherwise it redirects the buyer.

use super::headers::{Features, Opener, page_headers};
use super::hosted::find;
use super::message::{Message, nonce};
use super::texts::{Lang, Texts};
use crate::app::App;
use crate::flow::payments::{BuyerReturn, handle_return};
use crate::flow::{Detached, Error};
use crate::http::middleware::extract::Path;
use crate::http::middleware::limits::RequestPermit;
use crate::http::openapi::PageProblems;
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::sync::Arc;
use till_shared::id::{InvoiceId, PaymentId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(by_link, by_form))
}

/// Names and values. `payment` and `state` are the server's own.
type Pairs = Vec<(String, String)>;

/// The task that works on the request, and its permit.
type Task = (Detached, RequestPermit);

/// Return from the verification form
///
/// The payment provider redirects the buyer to this page. The server fetches the payment's status from
/// the provider and does not read it from the URL.
#[utoipa::path(get, path = "/pay/{invoice}/return", operation_id = "returnFromVerification",
    tag = "pages",
    security(()),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id"),
        ("payment" = PaymentId, Query, description = "The payment's id"),
        ("state" = String, Query, description = "Proves that the server made the URL")),
    responses((status = 200, content_type = "text/html", body = String,
            description = "Redirects the buyer"),
        (status = 404, content_type = "text/html", body = String,
            description = "The URL is not valid"),
        PageProblems))]
async fn by_link(
    app: State<Arc<App>>,
    task: Task,
    Lang(texts): Lang,
    invoice: Result<Path<String>, Error>,
    query: Result<Query<Pairs>, QueryRejection>,
) -> Result<Response, Message> {
    let Query(query) = query.map_err(|_| Message::no_invoice(texts))?;
    respond(app, task, texts, invoice, query).await
}

/// Return from the verification form, by POST
///
/// Some banks return the buyer with a form. Its fields are read like the query.
#[utoipa::path(post, path = "/pay/{invoice}/return", operation_id = "returnFromVerificationByForm",
    tag = "pages",
    security(()),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id"),
        ("payment" = PaymentId, Query, description = "The payment's id"),
        ("state" = String, Query, description = "Proves that the server made the URL")),
    responses((status = 200, content_type = "text/html", body = String,
            description = "Redirects the buyer"),
        (status = 404, content_type = "text/html", body = String,
            description = "The URL is not valid"),
        PageProblems))]
async fn by_form(
    app: State<Arc<App>>,
    task: Task,
    Lang(texts): Lang,
    invoice: Result<Path<String>, Error>,
    query: Result<Query<Pairs>, QueryRejection>,
    form: Result<Form<Pairs>, FormRejection>,
) -> Result<Response, Message> {
    let none = || Message::no_invoice(texts);
    let Query(mut query) = query.map_err(|_| none())?;
    let Form(form) = form.map_err(|_| none())?;
    query.extend(form);
    respond(app, task, texts, invoice, query).await
}

async fn respond(
    State(app): State<Arc<App>>,
    (detached, permit): Task,
    texts: &'static Texts,
    invoice: Result<Path<String>, Error>,
    mut query: Pairs,
) -> Result<Response, Message> {
    let none = || Message::no_invoice(texts);
    let Path(invoice) = invoice.map_err(|_| none())?;
    let (project, found) = find(&app, texts, &invoice).await?;
    let shared = permit.share(&project.id);
    shared.map_err(|_| Message::trouble(texts))?;
    let invoice = found.id;
    let own = |name: &str| {
        let value = query.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        value.ok_or_else(none)
    };
    let payment: PaymentId = own("payment")?.parse().map_err(|_| none())?;
    let state = own("state")?.to_owned();
    query.retain(|(name, _)| name != "payment" && name != "state");
    let trouble = |error: anyhow::Error| {
        tracing::error!(%error, %payment, %invoice, "handling the buyer's return failed");
        Message::trouble(texts)
    };
    let returned = handle_return(
        &detached, &app, &project, &invoice, &payment, &state, &query,
    )
    .await;
    let returned = returned.map_err(|error| trouble(error.into()))?;
    let returned = returned.ok_or_else(none)?;
    let nonce = nonce().map_err(trouble)?;
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
    );
    let html = page(texts, &nonce, &invoice, &returned);
    // The bank's page, which was in this window before, has no such policy as a rule. Any but the same value
    // here would cut the connection to the widget that opened the window.
    let headers = page_headers(&policy, Features::None, Opener::Shared);
    Ok((headers, html).into_response())
}

fn page(texts: &Texts, nonce: &str, invoice: &InvoiceId, returned: &BuyerReturn) -> Markup {
    let next = &returned.next_url;
    let token = &returned.client_token;
    html! {
        (DOCTYPE)
        html lang=(texts.lang) dir=(texts.dir) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (texts.redirecting) }
                noscript { meta http-equiv="refresh" content={ "0;url=" (next) }; }
            }
            body data-invoice=(invoice) data-payment=(returned.payment) data-token=(token) {
                p { a #next href=(next) { (texts.r#continue) } }
                script nonce=(nonce) { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

const SCRIPT: &str = include_str!("return_page.js");
