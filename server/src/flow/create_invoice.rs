//! An invoice from an order. The order id is the project's own idempotency: the same order again
//! gives the same invoice.

use super::check_order::check_order;
use super::fix_payment::{Form, accounts_for, fix_payment, payable};
use super::order_fields::check;
use super::{App, Detached, Error, Result, view};
use crate::store::invoices::{self, Inserted, InvoiceRow};
use crate::store::payments::PaymentRow;
use crate::store::projects::Project;
use crate::{clock, new_id};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use till_shared::buyer::Buyer;
use till_shared::id::{InvoiceId, PaymentId};
use till_shared::invoice::{Invoice, InvoiceStatus, Item};
use till_shared::payment::Method;
use till_shared::problem::{FieldError, ProblemType};
use till_shared::widget::FixPayment;
use utoipa::ToSchema;

/// How long an invoice may stay open, in seconds: a minute to a year.
pub const TTL_SECONDS: std::ops::RangeInclusive<u32> = 60..=366 * 86_400;

/// An order as a project sends it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"order_id": "42", "amount": 1999, "currency": "EUR", "description": "A print"}))]
pub struct NewInvoice {
    /// The project's number, unique in the project.
    pub order_id: String,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// What the buyer reads.
    #[serde(default)]
    pub description: Option<String>,
    /// The order's lines.
    #[serde(default)]
    pub items: Vec<Item>,
    /// What is known of the buyer.
    #[serde(default)]
    pub buyer: Buyer,
    /// A BCP 47 language tag.
    #[serde(default)]
    pub locale: Option<String>,
    /// Where the buyer goes after success.
    #[serde(default)]
    pub success_url: Option<String>,
    /// Where the buyer goes otherwise.
    #[serde(default)]
    pub failure_url: Option<String>,
    /// The way to pay. From a project's server: the payment system is asked at once. From a page:
    /// what the widget offers first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// How long it stays open.
    #[serde(default)]
    pub expires_in_seconds: Option<u32>,
    /// The project's notes: at most 50, keys to 40 and values to 500 characters.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// Who brings an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The project's own server.
    Server,
    /// A browser: the project is asked before the invoice exists.
    Browser,
}

/// An invoice, and whether this call made it.
pub struct Created {
    /// The invoice.
    pub invoice: InvoiceRow,
    /// Its payments.
    pub payments: Vec<PaymentRow>,
    /// `false` if the order was known.
    pub new: bool,
}

impl Created {
    /// As it goes over the wire.
    pub fn view(&self, app: &App, project: &Project) -> Invoice {
        view::invoice(app, project, &self.invoice, &self.payments)
    }
}

/// Makes an invoice with this id, or finds the one the same order made. Where a project's server
/// names a method, the payment system is asked at once, for a form of its own.
///
/// # Errors
/// When a field won't do, the order id belongs to another order, no account takes the method, or
/// the project does not confirm the order. There is no invoice then.
pub async fn create_invoice(
    detached: &Detached,
    app: &App,
    project: &Project,
    id: InvoiceId,
    new: NewInvoice,
    origin: Origin,
) -> Result<Created> {
    let at_once = new.method.filter(|_| origin == Origin::Server);
    let mut row = draft(app, project, id, new)?;
    if let Some(method) = at_once {
        accounts_for(app, project, &row, method, Form::Theirs).await?;
        nothing_missing(project, &row)?;
    }
    let mut created = match same_order(app, project, &row).await? {
        Some(known) => known,
        None => {
            if origin == Origin::Browser || at_once.is_some() {
                check_order(app, project, &row).await?;
                // A browser's order is asked about again before its first payment.
                row.checked = origin == Origin::Server;
            }
            insert(app, project, row).await?
        }
    };
    if let Some(method) = at_once
        && payable(&created.invoice).is_ok()
    {
        let fix = FixPayment {
            method,
            buyer: Buyer::default(),
            card: None,
        };
        let id = created.invoice.id.clone();
        let payment = PaymentId::from_unique(new_id::unique());
        let invoice = created.invoice;
        fix_payment(detached, app, project, invoice, payment, fix, Form::Theirs).await?;
        let invoice = app.store.invoice(&id).await?;
        created.invoice = invoice.ok_or_else(|| Error::not_found("invoice"))?;
        created.payments = app.store.payments_of(&id).await?;
    }
    Ok(created)
}

fn draft(app: &App, project: &Project, id: InvoiceId, new: NewInvoice) -> Result<InvoiceRow> {
    let money = check(&new, app.config.dev)?;
    let body = serde_json::to_vec(&new).map_err(anyhow::Error::from)?;
    let order_hash = app
        .keys
        .fingerprint(&[project.id.as_str().as_bytes(), &body]);
    let now = clock::now_ms();
    let ttl = new
        .expires_in_seconds
        .unwrap_or(project.settings.invoice_ttl_seconds);
    Ok(InvoiceRow {
        id,
        project: project.id.clone(),
        order_id: new.order_id,
        order_hash,
        money,
        description: new.description,
        items: new.items,
        buyer: new.buyer,
        locale: new.locale,
        success_url: new.success_url,
        failure_url: new.failure_url,
        metadata: new.metadata,
        method: new.method,
        status: InvoiceStatus::Open,
        amount_refunded: 0,
        checked: false,
        event_seq: 0,
        version: 1,
        created_at: now,
        expires_at: now + i64::from(ttl) * 1000,
        paid_at: None,
    })
}

/// Nobody asks the buyer for what is missing where the payment system's own form comes first.
fn nothing_missing(project: &Project, row: &InvoiceRow) -> Result<()> {
    let missing = row.buyer.missing(&project.settings.required_buyer_fields);
    let required = |field| {
        let message = "is required of this project's buyers";
        FieldError::new(format!("buyer.{field}"), "required", message)
    };
    let errors: Vec<_> = missing.into_iter().map(required).collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Error::fields(errors)),
    }
}

async fn insert(app: &App, project: &Project, row: InvoiceRow) -> Result<Created> {
    let mut tx = app.store.begin().await?;
    if let Inserted::New = invoices::insert(&mut tx, &row).await? {
        tx.commit().await.map_err(anyhow::Error::from)?;
        return Ok(Created {
            invoice: row,
            payments: vec![],
            new: true,
        });
    }
    drop(tx);
    // Another call with this order id was faster.
    let known = same_order(app, project, &row).await?;
    known.ok_or_else(|| anyhow::anyhow!("an order id is taken and free at once").into())
}

/// The invoice that the same order made before; this very call, if it broke off and is carried on.
///
/// # Errors
/// When the order id belongs to another order.
async fn same_order(app: &App, project: &Project, new: &InvoiceRow) -> Result<Option<Created>> {
    let known = app.store.invoice_by_order(&project.id, &new.order_id);
    let Some(known) = known.await? else {
        return Ok(None);
    };
    if known.order_hash != new.order_hash {
        return Err(Error::Problem {
            kind: ProblemType::OrderIdReused,
            detail: "Another order of this project has this order_id.".into(),
            errors: vec![FieldError::new(
                "order_id",
                "taken",
                "belongs to another order",
            )],
        });
    }
    let payments = app.store.payments_of(&known.id).await?;
    Ok(Some(Created {
        new: known.id == new.id,
        invoice: known,
        payments,
    }))
}
