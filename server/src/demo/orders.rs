//! The shop's orders. They are kept in memory and lost when the shop restarts.

use super::event::Event;
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The price of one print, in cents.
pub const PRICE: i64 = 1999;
/// The currency of all prices.
pub const CURRENCY: &str = "EUR";
/// The product.
pub const PRODUCT: &str = "Harbor at Dawn, A3 print";
/// The largest quantity of an order.
pub const MAX_QUANTITY: u32 = 10;
/// The number of orders that are kept. Older ones are removed.
const MAX_ORDERS: usize = 500;

/// The status of an order, as the callbacks reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No callback has changed the order yet.
    New,
    /// The order is paid and can be shipped.
    Paid,
    /// The last payment was declined or failed. The buyer can pay again.
    Declined,
    /// The invoice expired before it was paid.
    Expired,
    /// The invoice was canceled.
    Canceled,
    /// A part of the amount was refunded.
    PartiallyRefunded,
    /// The whole amount was refunded.
    Refunded,
}

impl Status {
    /// Returns the name used in JSON and in `data-status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Paid => "paid",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
        }
    }

    /// Returns the name that the pages show.
    pub fn label(self) -> &'static str {
        match self {
            Self::PartiallyRefunded => "partially refunded",
            other => other.as_str(),
        }
    }

    /// Returns the headline of the order's page.
    pub fn headline(self) -> &'static str {
        match self {
            Self::New => "Thank you. Your payment is being confirmed",
            Self::Paid => "Thank you! Your order is paid",
            Self::Declined => "Your payment was declined",
            Self::Expired => "This order expired before it was paid",
            Self::Canceled => "This order was canceled",
            Self::PartiallyRefunded => "Your order was partially refunded",
            Self::Refunded => "Your order was refunded",
        }
    }

    fn is_paid(self) -> bool {
        matches!(self, Self::Paid | Self::PartiallyRefunded | Self::Refunded)
    }
}

/// The way a buyer pays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The widget in a frame over the page.
    #[default]
    Iframe,
    /// The widget in a popup window.
    Popup,
    /// A link to the hosted payment page.
    Link,
}

impl Way {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iframe => "iframe",
            Self::Popup => "popup",
            Self::Link => "link",
        }
    }
}

/// An order.
#[derive(Debug, Clone)]
pub struct Order {
    /// The order's id.
    pub id: String,
    /// The number of prints.
    pub quantity: u32,
    /// The price in cents.
    pub amount: i64,
    /// The buyer's email address. It is sent to Till only and shown on no page.
    pub email: Option<String>,
    /// The way the buyer pays.
    pub way: Way,
    /// The invoice's id, once it is known.
    pub invoice: Option<String>,
    /// The order's status.
    pub status: Status,
    /// The creation time (RFC 3339, UTC).
    pub created_at: String,
    last_sequence: i64,
    seen: HashSet<String>,
}

impl Order {
    /// Returns what the pages show.
    pub fn view(&self) -> OrderView {
        OrderView {
            id: self.id.clone(),
            quantity: self.quantity,
            amount: self.amount,
            currency: CURRENCY,
            price: format_price(self.amount),
            way: self.way,
            invoice: self.invoice.clone(),
            status: self.status,
            label: self.status.label(),
            headline: self.status.headline(),
            callbacks: self.seen.len(),
            created_at: self.created_at.clone(),
        }
    }

    fn matches(&self, event: &Event) -> bool {
        let Some(invoice) = &event.data.invoice else {
            return false;
        };
        let same_invoice = match (&self.invoice, &invoice.id) {
            (Some(known), Some(received)) => known == received,
            _ => true,
        };
        same_invoice && invoice.amount == self.amount && invoice.currency == CURRENCY
    }
}

/// An order as the pages show it. It has no email address, because every visitor sees all orders.
#[derive(Debug, Clone, Serialize)]
pub struct OrderView {
    /// The order's id.
    pub id: String,
    /// The number of prints.
    pub quantity: u32,
    /// The price in cents.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// The formatted price, for example `19.99 EUR`.
    pub price: String,
    /// The way the buyer pays.
    pub way: Way,
    /// The invoice's id, once it is known.
    pub invoice: Option<String>,
    /// The order's status.
    pub status: Status,
    /// The status as the pages show it.
    pub label: &'static str,
    /// The headline of the order's page.
    pub headline: &'static str,
    /// The number of different callbacks received for the order.
    pub callbacks: usize,
    /// The creation time (RFC 3339, UTC).
    pub created_at: String,
}

/// The result of applying a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackResult {
    /// The callback was applied.
    Applied,
    /// The callback was received before.
    Duplicate,
    /// A newer callback was received before.
    Stale,
    /// No order has this id, invoice, amount and currency.
    UnknownOrder,
}

/// All orders, oldest first.
#[derive(Debug, Default)]
pub struct Orders(Mutex<VecDeque<Order>>);

impl Orders {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates an order.
    pub fn create(&self, quantity: u32, email: Option<String>, way: Way) -> Order {
        let order = Order {
            id: format!("A-{:012X}", rand::random::<u64>() >> 16),
            quantity,
            amount: PRICE * i64::from(quantity),
            email,
            way,
            invoice: None,
            status: Status::New,
            created_at: crate::clock::now().to_string(),
            last_sequence: 0,
            seen: HashSet::new(),
        };
        let mut orders = self.lock();
        if orders.len() >= MAX_ORDERS {
            orders.pop_front();
        }
        orders.push_back(order.clone());
        order
    }

    /// Stores the invoice's id and returns the order.
    pub fn set_invoice(&self, id: &str, invoice: &str) -> Option<OrderView> {
        let mut orders = self.lock();
        let order = orders.iter_mut().find(|o| o.id == id)?;
        order.invoice = Some(invoice.to_owned());
        Some(order.view())
    }

    /// Removes an order.
    pub fn remove(&self, id: &str) {
        self.lock().retain(|o| o.id != id);
    }

    /// Returns an order.
    pub fn get(&self, id: &str) -> Option<OrderView> {
        self.lock().iter().find(|o| o.id == id).map(Order::view)
    }

    /// Returns all orders, newest first.
    pub fn list(&self) -> Vec<OrderView> {
        self.lock().iter().rev().map(Order::view).collect()
    }

    /// The amount of an order check's order in cents, if the shop has it with the same amount and
    /// currency.
    pub fn confirm(&self, event: &Event) -> Option<i64> {
        let id = event.order_id()?;
        let orders = self.lock();
        let order = orders.iter().find(|o| o.id == id && o.matches(event))?;
        Some(order.amount)
    }

    /// Applies a callback. A callback that was received before, or that is older than the last one, changes
    /// nothing.
    pub fn apply(&self, webhook_id: &str, event: &Event) -> CallbackResult {
        let Some(id) = event.order_id() else {
            return CallbackResult::UnknownOrder;
        };
        let mut orders = self.lock();
        let Some(order) = orders.iter_mut().find(|o| o.id == id) else {
            return CallbackResult::UnknownOrder;
        };
        if !order.matches(event) {
            return CallbackResult::UnknownOrder;
        }
        if !order.seen.insert(webhook_id.to_owned()) {
            return CallbackResult::Duplicate;
        }
        if event.sequence < order.last_sequence {
            return CallbackResult::Stale;
        }
        order.last_sequence = event.sequence;
        if order.invoice.is_none() {
            // The callback arrived before the response to the call that created the invoice.
            order.invoice = event.data.invoice.as_ref().and_then(|i| i.id.clone());
        }
        order.status = next_status(order.status, event);
        CallbackResult::Applied
    }
}

/// Returns the status after an event. Only `invoice.paid` makes an order paid.
fn next_status(current: Status, event: &Event) -> Status {
    match event.kind.as_str() {
        "invoice.paid" => Status::Paid,
        "payment.declined" | "payment.failed" if !current.is_paid() => Status::Declined,
        "invoice.expired" => Status::Expired,
        "invoice.canceled" => Status::Canceled,
        "refund.succeeded" => match event.invoice_status() {
            Some("partially_refunded") => Status::PartiallyRefunded,
            // The refund of a second payment leaves the invoice paid.
            Some("paid") => current,
            _ => Status::Refunded,
        },
        _ => current,
    }
}

/// Formats cents, for example `19.99 EUR`.
pub fn format_price(cents: i64) -> String {
    format!("{}.{:02} {CURRENCY}", cents / 100, cents % 100)
}
