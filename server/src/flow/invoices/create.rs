//! Creating an invoice from an order. The order id works as the project's idempotency key: the
//! same order returns the same invoice, until that has expired or was canceled.

use super::again::{find_same_order, insert, repeated, take_over};
use super::order::Order;
use super::queries::view;
use super::validate::validate;
use crate::app::App;
use crate::clock;
use crate::domain::invoice::payable;
use crate::flow::check_order::{WaitingFor, check_order};
use crate::flow::detached::Detached;
use crate::flow::error::{Error, Result};
use crate::flow::payments::PaymentForm;
use crate::flow::payments::fix_payment;
use crate::flow::payments::routing::accounts_for;
use crate::new_id;
use crate::store::invoices::InvoiceRow;
use crate::store::projects::Project;
use till_shared::buyer::Buyer;
use till_shared::id::{InvoiceId, PaymentId};
use till_shared::invoice::{Invoice, InvoiceStatus};
use till_shared::payment::Method;
use till_shared::problem::FieldError;
use till_shared::widget::FixPayment;
use url::Url;

/// Where an order comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The project's own server.
    Server,
    /// A form that the project signed: the project also confirms it before the invoice is created, if
    /// it has a `check_url`.
    SignedForm,
    /// A browser, unsigned: the project confirms the order each time that it comes.
    Browser,
}

/// An invoice, and whether this call created it.
pub struct Created {
    /// The invoice.
    pub invoice: Invoice,
    /// Whether the invoice is new.
    pub new: bool,
}

/// Creates an invoice with this id, or finds the one that the same order created. If a project's
/// server names a method, the payment is submitted at once, with the payment system's own form.
///
/// # Errors
/// When a field is invalid, the order id belongs to another order, no account supports the method,
/// or the project does not confirm the order. No invoice is created then.
pub async fn create_invoice(
    detached: &Detached,
    app: &App,
    project: &Project,
    id: InvoiceId,
    order: Order,
    origin: Origin,
) -> Result<Created> {
    let method = order.method.filter(|_| origin == Origin::Server);
    let expires = order.expires_in_seconds.is_some();
    let mut row = draft(app, project, id, order, origin)?;
    if let Some(method) = method {
        accounts_for(app, project, &row, method, PaymentForm::Provider).await?;
        check_nothing_missing(project, &row)?;
    }
    if origin == Origin::Browser {
        // First of all: without the project's word, nobody learns that there is such an order.
        let asked = repeated(app, project, &row).await?;
        check_order(app, project, &asked, WaitingFor::Buyer).await?;
    }
    // The order of a project's server is seldom a known one.
    let unasked = origin == Origin::Server && method.is_none();
    let inserted = unasked && app.new_invoices.insert(row.clone()).await?;
    let known = if inserted {
        None
    } else {
        find_same_order(app, project, &row).await?
    };
    let (row, new) = match known {
        Some(existing) => {
            // A call that was interrupted and is continued has the same id.
            let new = existing.id == row.id;
            (take_over(app, existing, &row, expires).await?, new)
        }
        None if inserted => (row, true),
        None => {
            if origin == Origin::SignedForm {
                check_order(app, project, &row, WaitingFor::Buyer).await?;
            } else if method.is_some() {
                check_order(app, project, &row, WaitingFor::Server).await?;
                row.checked = true;
            }
            insert(app, project, row).await?
        }
    };
    let row = match method {
        Some(method) => submit_payment(detached, app, project, row, method).await?,
        None => row,
    };
    Ok(Created {
        invoice: view(app, project, &row).await?,
        new,
    })
}

fn draft(
    app: &App,
    project: &Project,
    id: InvoiceId,
    order: Order,
    origin: Origin,
) -> Result<InvoiceRow> {
    let (order, money) = validate(order, app.config.dev)?;
    let from_browser = origin == Origin::Browser;
    if from_browser {
        check_return_urls(project, &order)?;
    }
    let body = serde_json::to_vec(&order).map_err(anyhow::Error::from)?;
    let order_hash = app
        .keys
        .fingerprint(&[project.id.as_str().as_bytes(), &body]);
    let now = clock::now_ms();
    let ttl = order
        .expires_in_seconds
        .unwrap_or(project.settings.invoice_ttl_seconds);
    Ok(InvoiceRow {
        id,
        project: project.id.clone(),
        order_id: order.order_id,
        order_hash,
        money,
        description: order.description,
        items: order.items,
        buyer: order.buyer,
        locale: order.locale,
        success_url: order.success_url,
        failure_url: order.failure_url,
        metadata: order.metadata,
        method: order.method,
        status: InvoiceStatus::Open,
        amount_refunded: 0,
        checked: false,
        event_seq: 0,
        version: 1,
        created_at: now,
        expires_at: now + i64::from(ttl) * 1000,
        paid_at: None,
        from_browser,
        ended_at: None,
        buyer_removed_at: None,
    })
}

/// Checks that a browser's order leads the buyer back to the project: a link to this server must not
/// lead to any other site.
fn check_return_urls(project: &Project, order: &Order) -> Result<()> {
    let urls = [
        ("success_url", &order.success_url),
        ("failure_url", &order.failure_url),
    ];
    let foreign = |url: &String| {
        let origin = Url::parse(url).map(|url| url.origin().ascii_serialization());
        !origin.is_ok_and(|origin| project.settings.allowed_origins.contains(&origin))
    };
    let error = |field| {
        let message =
            "must be in one of the project's allowed_origins, since the order is not signed";
        FieldError::new(field, "origin_not_allowed", message)
    };
    let found = urls
        .into_iter()
        .filter(|(_, url)| url.as_ref().is_some_and(foreign));
    Error::if_any(found.map(|(field, _)| error(field)).collect())
}

/// Checks that the order has every required buyer field: the payment system's own form does not ask
/// for them.
fn check_nothing_missing(project: &Project, row: &InvoiceRow) -> Result<()> {
    let missing = row.buyer.missing(&project.settings.required_buyer_fields);
    let required = |field| {
        let message = "is required by this project";
        FieldError::new(format!("buyer.{field}"), "required", message)
    };
    let errors: Vec<_> = missing.into_iter().map(required).collect();
    Error::if_any(errors)
}

/// Submits a payment with the payment system's own form, if the invoice is payable. Returns the
/// invoice afterwards.
async fn submit_payment(
    detached: &Detached,
    app: &App,
    project: &Project,
    row: InvoiceRow,
    method: Method,
) -> Result<InvoiceRow> {
    if payable(row.status, row.expires_at <= clock::now_ms()).is_err() {
        return Ok(row);
    }
    let id = row.id.clone();
    let fix = FixPayment {
        method,
        buyer: Buyer::default(),
        card: None,
        browser: None,
        captcha_token: None,
    };
    let payment = PaymentId::from_unique(new_id::unique());
    let form = PaymentForm::Provider;
    fix_payment(detached, app, project, row, payment, fix, form).await?;
    let row = app.store.invoice(&id).await?;
    row.ok_or_else(|| Error::not_found("invoice"))
}
