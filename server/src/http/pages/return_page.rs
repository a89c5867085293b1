//! Where the payment system sends the buyer back to. How the payment stands is asked of the
//! payment system, never read from the address. Inside the widget's frame or window the page tells
//! the widget; otherwise it takes the buyer on.

use super::message::{Message, escaped, nonce, page_headers};
use super::hosted::find;
use super::texts::{Lang, Texts};
use crate::flow::{App, Detached, give_up, view};
use crate::store::payments::PaymentRow;
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use std::sync::Arc;
use till_shared::id::{InvoiceId, PaymentId};
use till_shared::payment::PaymentStatus;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The page.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(by_link, by_form))
}

/// Names and values, our own two (`payment` and `state`) among them.
type Pairs = Vec<(String, String)>;

/// Back from the verification form
///
/// The payment system sends the buyer here. How the payment stands is asked of the payment system,
/// never read from the address.
#[utoipa::path(get, path = "/pay/{invoice}/return", tag = "pages",
    params(("invoice" = InvoiceId, Path), ("payment" = PaymentId, Query),
        ("state" = String, Query, description = "Proves that the address is one of ours")),
    responses((status = 200, content_type = "text/html", description = "Takes the buyer on"),
        (status = 404, content_type = "text/html", description = "Not an address of ours")))]
async fn by_link(
    app: State<Arc<App>>,
    detached: Detached,
    Lang(texts): Lang,
    invoice: Path<String>,
    query: Result<Query<Pairs>, QueryRejection>,
) -> Result<Response, Message> {
    let Query(query) = query.map_err(|_| Message::no_invoice(texts))?;
    returned(app, detached, texts, invoice, query).await
}

/// Back from the verification form, by a form
///
/// Some banks send the buyer back with a form; what it says counts as the query does.
#[utoipa::path(post, path = "/pay/{invoice}/return", tag = "pages",
    params(("invoice" = InvoiceId, Path), ("payment" = PaymentId, Query),
        ("state" = String, Query, description = "Proves that the address is one of ours")),
    responses((status = 200, content_type = "text/html", description = "Takes the buyer on"),
        (status = 404, content_type = "text/html", description = "Not an address of ours")))]
async fn by_form(
    app: State<Arc<App>>,
    detached: Detached,
    Lang(texts): Lang,
    invoice: Path<String>,
    query: Result<Query<Pairs>, QueryRejection>,
    form: Result<Form<Pairs>, FormRejection>,
) -> Result<Response, Message> {
    let none = || Message::no_invoice(texts);
    let Query(mut query) = query.map_err(|_| none())?;
    let Form(form) = form.map_err(|_| none())?;
    query.extend(form);
    returned(app, detached, texts, invoice, query).await
}

async fn returned(
    State(app): State<Arc<App>>,
    detached: Detached,
    texts: &'static Texts,
    Path(invoice): Path<String>,
    mut query: Pairs,
) -> Result<Response, Message> {
    let (_, invoice) = find(&app, texts, &invoice).await?;
    let none = || Message::no_invoice(texts);
    let own = |name: &str| {
        let value = query.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        value.ok_or_else(none)
    };
    let payment: PaymentId = own("payment")?.parse().map_err(|_| none())?;
    if !app.keys.is_return_state(&payment, own("state")?) {
        return Err(none());
    }
    query.retain(|(name, _)| name != "payment" && name != "state");
    let trouble = |error: anyhow::Error| {
        tracing::error!(%error, %payment, %invoice, "the buyer's return could not be handled");
        Message::trouble(texts)
    };
    let known = app.store.payment(&payment).await;
    let known = known.map_err(|e| trouble(e.into()))?;
    let known = known.filter(|p| p.invoice == invoice);
    let known = known.ok_or_else(none)?;
    // Without an answer the widget shows "processing" and the reconciler goes on asking.
    let standing = give_up::come_back(&detached, &app, &known, &query)
        .await
        .unwrap_or(known);
    let next = next_url(&app, &invoice, &standing).await;
    let next = next.map_err(trouble)?;
    let nonce = nonce().map_err(trouble)?;
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
    );
    let token = app.keys.client_token(&invoice);
    let html = page(texts, &nonce, &standing, &token, &next);
    Ok((page_headers(&policy), Html(html)).into_response())
}

/// Where the buyer goes who is not inside a widget.
async fn next_url(app: &App, invoice: &InvoiceId, payment: &PaymentRow) -> anyhow::Result<String> {
    let gone = || anyhow::anyhow!("the invoice is gone");
    let row = app.store.invoice(invoice).await?.ok_or_else(gone)?;
    let project = app.store.project(&row.project).await?.ok_or_else(gone)?;
    let failed = match payment.status {
        PaymentStatus::Declined | PaymentStatus::Failed | PaymentStatus::Canceled => true,
        PaymentStatus::Created
        | PaymentStatus::RequiresVerification
        | PaymentStatus::Processing
        | PaymentStatus::Succeeded => false,
    };
    let to_shop = view::continue_url(&project, &row).or_else(|| {
        let url = view::failure_url(&project, &row).filter(|_| failed)?;
        view::with_outcome(url, &row)
    });
    let hosted = || view::hosted_page(app, &row, &app.keys.client_token(&row.id));
    Ok(to_shop.unwrap_or_else(hosted))
}

fn page(texts: &Texts, nonce: &str, payment: &PaymentRow, token: &str, next: &str) -> String {
    let next = escaped(next);
    let (title, label) = (escaped(&texts.redirecting), escaped(&texts.r#continue));
    format!(
        "<!doctype html><html lang=\"{}\" dir=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title>\
         <noscript><meta http-equiv=\"refresh\" content=\"0;url={next}\"></noscript></head>\
         <body data-invoice=\"{}\" data-payment=\"{}\" data-token=\"{token}\"><p><a id=\"next\" href=\"{next}\">{label}</a></p>\
         <script nonce=\"{nonce}\">{SCRIPT}</script></body></html>",
        escaped(&texts.lang),
        escaped(&texts.dir),
        payment.invoice,
        payment.id
    )
}

const SCRIPT: &str = include_str!("return_page.js");
