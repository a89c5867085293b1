//! An invoice from an order. The order id is the project's own idempotency: the same order again
//! gives the same invoice.

use super::check_order::check_order;
use super::projects::bad_url;
use super::{App, Error, Result, view};
use crate::clock;
use crate::new_id;
use crate::store::invoices::{self, Inserted, InvoiceRow};
use crate::store::projects::Project;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use till_shared::buyer::{Buyer, BuyerField, acceptable};
use till_shared::id::InvoiceId;
use till_shared::invoice::{Invoice, InvoiceStatus, Item};
use till_shared::money::{Currency, Money};
use till_shared::problem::{FieldError, ProblemType};

/// How long an invoice stays open where nobody says otherwise, in seconds.
const DEFAULT_TTL: u32 = 3600;
/// The longest it may stay open: a year, in seconds.
const LONGEST_TTL: u32 = 366 * 86_400;

/// An order as a project sends it.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    pub invoice: Invoice,
    /// `false` if the order was known.
    pub new: bool,
}

/// Makes an invoice, or finds the one the same order made.
///
/// # Errors
/// When a field won't do, the order id belongs to another order, or the project does not confirm
/// an order from a browser.
pub async fn create_invoice(
    app: &App,
    project: &Project,
    new: NewInvoice,
    origin: Origin,
) -> Result<Created> {
    let money = check(&new, app.config.dev)?;
    let body = serde_json::to_vec(&new).map_err(anyhow::Error::from)?;
    let order_hash = app
        .keys
        .fingerprint(&[project.id.as_str().as_bytes(), &body]);
    let now = clock::now_ms();
    let ttl = new
        .expires_in_seconds
        .or(project.settings.invoice_ttl_seconds)
        .unwrap_or(DEFAULT_TTL);
    let row = InvoiceRow {
        id: InvoiceId::from_unique(new_id::unique()),
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
        status: InvoiceStatus::Open,
        amount_refunded: 0,
        checked: false,
        event_seq: 0,
        version: 1,
        created_at: now,
        expires_at: now + i64::from(ttl) * 1000,
        paid_at: None,
    };
    if let Some(known) = same_order(app, project, &row).await? {
        return Ok(known);
    }
    if origin == Origin::Browser {
        check_order(app, project, &row).await?;
    }
    let mut tx = app.store.begin().await?;
    if let Inserted::New = invoices::insert(&mut tx, &row).await? {
        tx.commit().await.map_err(anyhow::Error::from)?;
        return Ok(Created {
            invoice: view::invoice(app, project, &row, &[]),
            new: true,
        });
    }
    drop(tx);
    // Another call with this order id was faster.
    let known = same_order(app, project, &row).await?;
    known.ok_or_else(|| anyhow::anyhow!("an order id is taken and free at once").into())
}

/// The invoice that the same order made before.
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
        invoice: view::invoice(app, project, &known, &payments),
        new: false,
    }))
}

fn check(new: &NewInvoice, dev: bool) -> Result<Money> {
    let mut errors = vec![];
    let mut text = |field: &str, value: Option<&str>, most: usize, what: &str| {
        let good = |v: &str| {
            !v.trim().is_empty() && v.chars().count() <= most && !v.chars().any(char::is_control)
        };
        if !value.is_none_or(good) {
            errors.push(FieldError::new(
                field,
                "invalid",
                format!("{what}, at most {most} characters"),
            ));
        }
    };
    text(
        "order_id",
        Some(&new.order_id),
        128,
        "your number for the order",
    );
    text(
        "description",
        new.description.as_deref(),
        1000,
        "what the buyer reads",
    );
    text("locale", new.locale.as_deref(), 35, "a BCP 47 language tag");
    for (i, item) in new.items.iter().enumerate() {
        text(
            &format!("items.{i}.name"),
            Some(&item.name),
            250,
            "what it is",
        );
    }
    let currency: Option<Currency> = new.currency.parse().ok();
    if currency.is_none() {
        errors.push(FieldError::new(
            "currency",
            "unknown_currency",
            "an ISO 4217 code such as EUR",
        ));
    }
    let in_range = 1..=Money::MAX_AMOUNT;
    if !in_range.contains(&new.amount) {
        let message = format!("from 1 to {} minor units", Money::MAX_AMOUNT);
        errors.push(FieldError::new("amount", "out_of_range", message));
    }
    check_lists(new, &mut errors);
    for field in BuyerField::ALL {
        if !new
            .buyer
            .get(*field)
            .is_none_or(|value| acceptable(*field, value))
        {
            let message = format!("not a usable {field}");
            errors.push(FieldError::new(
                format!("buyer.{field}"),
                "invalid",
                message,
            ));
        }
    }
    for (field, url) in [
        ("success_url", &new.success_url),
        ("failure_url", &new.failure_url),
    ] {
        if let Some(message) = url.as_deref().and_then(|url| bad_url(url, dev)) {
            errors.push(FieldError::new(field, "invalid", message));
        }
    }
    match currency {
        Some(currency) if errors.is_empty() => Ok(Money {
            amount: new.amount,
            currency,
        }),
        _ => Err(Error::fields(errors)),
    }
}

fn check_lists(new: &NewInvoice, errors: &mut Vec<FieldError>) {
    if new.items.len() > 100 {
        errors.push(FieldError::new("items", "too_many", "at most 100"));
    }
    for (i, item) in new.items.iter().enumerate() {
        if item.quantity == 0 || !(0..=Money::MAX_AMOUNT).contains(&item.amount) {
            let message = "a quantity from 1, an amount from 0";
            errors.push(FieldError::new(
                format!("items.{i}"),
                "out_of_range",
                message,
            ));
        }
    }
    let long = |(key, value): (&String, &String)| {
        key.is_empty() || key.chars().count() > 40 || value.chars().count() > 500
    };
    if new.metadata.len() > 50 || new.metadata.iter().any(long) {
        let message = "at most 50 notes, keys to 40 and values to 500 characters";
        errors.push(FieldError::new("metadata", "too_long", message));
    }
    if new
        .expires_in_seconds
        .is_some_and(|s| !(60..=LONGEST_TTL).contains(&s))
    {
        let message = format!("from 60 to {LONGEST_TTL} seconds");
        errors.push(FieldError::new(
            "expires_in_seconds",
            "out_of_range",
            message,
        ));
    }
}
