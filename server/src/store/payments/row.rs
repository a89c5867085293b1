//! Payments as they are stored.

use crate::domain::payment::Review;
use crate::domain::reference::{Reference, ReferenceObject};
use crate::store::column::Columns;
use crate::store::invoices::InvoiceRow;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use till_shared::card::CardSummary;
use till_shared::id::{InvoiceId, PaymentId, ProjectId};
use till_shared::money::Money;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;

/// A payment as it is stored.
#[derive(Debug, Clone)]
pub struct PaymentRow {
    /// The payment's id.
    pub id: PaymentId,
    /// The invoice that it pays.
    pub invoice: InvoiceId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The payment method.
    pub method: Method,
    /// The connector's kind.
    pub connector: String,
    /// The account at the payment system.
    pub account: String,
    /// The payment system's id, once known.
    pub reference: Option<Reference>,
    /// The amount.
    pub money: Money,
    /// The status.
    pub status: PaymentStatus,
    /// The reason of a decline.
    pub decline: Option<DeclineCode>,
    /// The part of the card that may be shown.
    pub card: Option<CardSummary>,
    /// What the buyer has to do to verify the payment.
    pub verification: Verification,
    /// How often its status was polled.
    pub checks: i64,
    /// When its status is polled next (milliseconds); `None` once it is final.
    pub next_check_at: Option<i64>,
    /// Whether the invoice was paid before.
    pub duplicate: bool,
    /// Why an operator has to look at it.
    pub review: Option<Review>,
    /// Whether it is to be canceled at the payment system, as another payment paid the invoice.
    pub called_off: bool,
    /// The first payment of the same call, if another account was tried before.
    pub first_attempt: Option<PaymentId>,
    /// Whether the browser is not told why it is declined.
    pub suspicious: bool,
    /// The refunded amount, in minor units. Read only: the table `refunds` has it.
    pub amount_refunded: i64,
    /// The amount that the payment system took back, in minor units. Read only: the table
    /// `reversals` has it.
    pub amount_reversed: i64,
    /// When it was created (milliseconds).
    pub created_at: i64,
    /// When it was last changed (milliseconds).
    pub updated_at: i64,
}

impl PaymentRow {
    /// Whether an account of a payment system carries the payment.
    pub fn is_carried_by(&self, kind: &str, account: &str) -> bool {
        self.connector == kind && self.account == account
    }
}

impl FromRow<'_, AnyRow> for PaymentRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            invoice: row.parse("invoice")?,
            project: row.parse("project")?,
            method: row.parse("method")?,
            connector: row.try_get("connector")?,
            account: row.try_get("account")?,
            reference: reference(row)?,
            money: Money {
                amount: row.try_get("amount")?,
                currency: row.parse("currency")?,
            },
            status: row.parse("status")?,
            decline: row.parse_optional("decline_code")?,
            card: row.json_optional("card")?,
            verification: row.json("verification")?,
            checks: row.try_get("checks")?,
            next_check_at: row.try_get("next_check_at")?,
            duplicate: row.flag("is_duplicate")?,
            review: row.parse_optional("review")?,
            called_off: row.flag("called_off")?,
            first_attempt: row.parse_optional("first_attempt")?,
            suspicious: row.flag("suspicious")?,
            amount_refunded: row.try_get("amount_refunded")?,
            amount_reversed: row.try_get("amount_reversed")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// A payment and what a change of it locks and reads.
pub struct PaymentToChange {
    /// The payment.
    pub payment: PaymentRow,
    /// The order of its invoice.
    pub order_id: String,
    /// The version of its project.
    pub project_version: i64,
    /// The version of its invoice.
    pub invoice_version: i64,
    /// Its invoice, if it was read already.
    pub invoice: Option<InvoiceRow>,
}

impl FromRow<'_, AnyRow> for PaymentToChange {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            payment: PaymentRow::from_row(row)?,
            order_id: row.try_get("order_id")?,
            project_version: row.try_get("project_version")?,
            invoice_version: row.try_get("invoice_version")?,
            invoice: None,
        })
    }
}

fn reference(row: &AnyRow) -> sqlx::Result<Option<Reference>> {
    let id: Option<String> = row.try_get("reference")?;
    let object: ReferenceObject = row.parse("reference_object")?;
    Ok(id.map(|id| Reference { id, object }))
}
