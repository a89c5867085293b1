//! Invoices as they are stored.

use crate::store::column::Columns;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use std::collections::BTreeMap;
use till_shared::buyer::Buyer;
use till_shared::id::{InvoiceId, ProjectId};
use till_shared::invoice::{InvoiceStatus, Item};
use till_shared::money::Money;
use till_shared::payment::Method;

/// An invoice as it is stored.
#[derive(Debug, Clone)]
pub struct InvoiceRow {
    /// The invoice's id.
    pub id: InvoiceId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The project's order id. Of a project's invoices with the same one, at most one is neither
    /// expired nor canceled.
    pub order_id: String,
    /// The fingerprint of the order, which identifies a repeated request.
    pub order_hash: String,
    /// The amount due.
    pub money: Money,
    /// The text that the buyer sees.
    pub description: Option<String>,
    /// The order's lines.
    pub items: Vec<Item>,
    /// The known fields of the buyer.
    pub buyer: Buyer,
    /// A BCP 47 language tag.
    pub locale: Option<String>,
    /// Where the buyer is sent after success; overrides the project's setting.
    pub success_url: Option<String>,
    /// Where the buyer is sent otherwise; overrides the project's setting.
    pub failure_url: Option<String>,
    /// The project's metadata.
    pub metadata: BTreeMap<String, String>,
    /// The payment method that the order requires.
    pub method: Option<Method>,
    /// The status.
    pub status: InvoiceStatus,
    /// The refunded amount, in minor units.
    pub amount_refunded: i64,
    /// Whether the project accepted the order in an order check.
    pub checked: bool,
    /// The sequence number of its newest event.
    pub event_seq: i64,
    /// The number of changes, which is the id of live events.
    pub version: i64,
    /// When it was created (milliseconds).
    pub created_at: i64,
    /// When it expires (milliseconds).
    pub expires_at: i64,
    /// When it was paid (milliseconds).
    pub paid_at: Option<i64>,
    /// Whether the order came from a browser, unsigned.
    pub from_browser: bool,
    /// When it was paid, canceled or expired (milliseconds). `None` also if it ended under a version
    /// that did not store this.
    pub ended_at: Option<i64>,
    /// When the buyer's data were removed (milliseconds). Read only: `buyer_data` removes them.
    pub buyer_removed_at: Option<i64>,
}

impl InvoiceRow {
    /// Whether the invoice is as it was created. It has no payments then: they change it.
    pub fn is_unchanged(&self) -> bool {
        self.version == 1
    }
}

impl FromRow<'_, AnyRow> for InvoiceRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            project: row.parse("project")?,
            order_id: row.try_get("order_id")?,
            order_hash: row.try_get("order_hash")?,
            money: Money {
                amount: row.try_get("amount")?,
                currency: row.parse("currency")?,
            },
            description: row.try_get("description")?,
            items: row.json("items")?,
            buyer: row.json("buyer")?,
            locale: row.try_get("locale")?,
            success_url: row.try_get("success_url")?,
            failure_url: row.try_get("failure_url")?,
            metadata: row.json("metadata")?,
            method: row.parse_optional("method")?,
            status: row.parse("status")?,
            amount_refunded: row.try_get("amount_refunded")?,
            checked: row.flag("checked")?,
            event_seq: row.try_get("event_seq")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            paid_at: row.try_get("paid_at")?,
            from_browser: row.flag("from_browser")?,
            ended_at: row.try_get("ended_at")?,
            buyer_removed_at: row.try_get("buyer_removed_at")?,
        })
    }
}
