//! The shop's orders, in memory. A real shop has a database; this one forgets at a restart.

use super::callbacks::Event;
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The price of one print, in cents.
pub const PRICE: i64 = 1999;
/// What the prices are in.
pub const CURRENCY: &str = "EUR";
/// What is sold.
pub const PRODUCT: &str = "Harbour at Dawn, A3 print";
/// The most prints in one order.
pub const MAX_QUANTITY: u32 = 10;
/// How many orders are remembered.
const KEPT: usize = 500;

/// Where an order stands, as the callbacks told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing heard yet.
    New,
    /// Paid: the goods can go out.
    Paid,
    /// The last attempt did not succeed; the buyer may try again.
    Declined,
    /// Not paid in time.
    Expired,
    /// Called off.
    Canceled,
    /// Some of the money went back.
    PartiallyRefunded,
    /// All of the money went back.
    Refunded,
}

impl Status {
    /// As in the JSON and in `data-status`.
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

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::PartiallyRefunded => "partly refunded",
            other => other.as_str(),
        }
    }

    /// What the thanks page says.
    pub fn headline(self) -> &'static str {
        match self {
            Self::New => "Thank you. We are waiting to hear that your payment arrived",
            Self::Paid => "Thank you! Your order is paid",
            Self::Declined => "Your payment did not go through",
            Self::Expired => "This order was not paid in time",
            Self::Canceled => "This order was canceled",
            Self::PartiallyRefunded => "Part of your money is on its way back",
            Self::Refunded => "Your money is on its way back",
        }
    }

    fn is_settled(self) -> bool {
        matches!(self, Self::Paid | Self::PartiallyRefunded | Self::Refunded)
    }
}

/// How the buyer chose to pay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The widget over the page.
    #[default]
    Iframe,
    /// The widget in a window of its own.
    Popup,
    /// A link to the hosted page.
    Link,
}

impl Way {
    /// As in the JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iframe => "iframe",
            Self::Popup => "popup",
            Self::Link => "link",
        }
    }
}

/// An order as the shop keeps it.
#[derive(Debug, Clone)]
pub struct Order {
    /// The shop's own id.
    pub id: String,
    /// How many prints.
    pub quantity: u32,
    /// What it costs, in cents.
    pub amount: i64,
    /// The buyer's address, if given. Never leaves the shop but for the invoice.
    pub email: Option<String>,
    /// How the buyer chose to pay.
    pub way: Way,
    /// The invoice, once it is known.
    pub invoice: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// RFC 3339 UTC.
    pub created_at: String,
    last_sequence: i64,
    seen: HashSet<String>,
}

impl Order {
    /// What the pages show of it.
    pub fn view(&self) -> OrderView {
        OrderView {
            id: self.id.clone(),
            quantity: self.quantity,
            amount: self.amount,
            currency: CURRENCY,
            price: price(self.amount),
            way: self.way,
            invoice: self.invoice.clone(),
            status: self.status,
            label: self.status.label(),
            headline: self.status.headline(),
            callbacks: self.seen.len(),
            created_at: self.created_at.clone(),
        }
    }

    fn concerns(&self, event: &Event) -> bool {
        let Some(invoice) = &event.data.invoice else {
            return false;
        };
        let same_invoice = match (&self.invoice, &invoice.id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        same_invoice && invoice.amount == self.amount && invoice.currency == CURRENCY
    }
}

/// An order as it is shown. No address in it: the demo shows its orders to everyone.
#[derive(Debug, Clone, Serialize)]
pub struct OrderView {
    /// The shop's own id.
    pub id: String,
    /// How many prints.
    pub quantity: u32,
    /// What it costs, in cents.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// What it costs, for people.
    pub price: String,
    /// How the buyer chose to pay.
    pub way: Way,
    /// The invoice, once it is known.
    pub invoice: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// The status for people.
    pub label: &'static str,
    /// What the thanks page says.
    pub headline: &'static str,
    /// How many different callbacks came in for it.
    pub callbacks: usize,
    /// RFC 3339 UTC.
    pub created_at: String,
}

/// What became of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken over.
    Applied,
    /// It was here before.
    Again,
    /// Something newer was here before.
    Stale,
    /// It is about no order of ours, or about other money than we asked for.
    NotOurs,
}

/// All orders, oldest first.
#[derive(Debug, Default)]
pub struct Orders(Mutex<VecDeque<Order>>);

impl Orders {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an order down.
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
        if orders.len() >= KEPT {
            orders.pop_front();
        }
        orders.push_back(order.clone());
        order
    }

    /// Notes the invoice of an order and returns the order as it now stands.
    pub fn invoiced(&self, id: &str, invoice: &str) -> Option<OrderView> {
        let mut orders = self.lock();
        let order = orders.iter_mut().find(|o| o.id == id)?;
        order.invoice = Some(invoice.to_owned());
        Some(order.view())
    }

    /// Drops an order for which no invoice came about.
    pub fn discard(&self, id: &str) {
        self.lock().retain(|o| o.id != id);
    }

    /// One order.
    pub fn get(&self, id: &str) -> Option<OrderView> {
        self.lock().iter().find(|o| o.id == id).map(Order::view)
    }

    /// All orders, newest first.
    pub fn list(&self) -> Vec<OrderView> {
        self.lock().iter().rev().map(Order::view).collect()
    }

    /// Whether the order asked about is one of ours, for the same money.
    pub fn accepts(&self, event: &Event) -> bool {
        let Some(id) = event.order_id() else {
            return false;
        };
        self.lock().iter().any(|o| o.id == id && o.concerns(event))
    }

    /// Takes a callback over: each id once, and nothing older than what is known already.
    pub fn apply(&self, webhook_id: &str, event: &Event) -> Outcome {
        let Some(id) = event.order_id() else {
            return Outcome::NotOurs;
        };
        let mut orders = self.lock();
        let Some(order) = orders.iter_mut().find(|o| o.id == id) else {
            return Outcome::NotOurs;
        };
        if !order.concerns(event) {
            return Outcome::NotOurs;
        }
        if !order.seen.insert(webhook_id.to_owned()) {
            return Outcome::Again;
        }
        if event.sequence < order.last_sequence {
            return Outcome::Stale;
        }
        order.last_sequence = event.sequence;
        if order.invoice.is_none() {
            // The callback overtook the answer to our own call.
            order.invoice = event.data.invoice.as_ref().and_then(|i| i.id.clone());
        }
        order.status = next(order.status, event);
        Outcome::Applied
    }
}

/// The status after an event. Goods go out on `invoice.paid` and on nothing else.
fn next(now: Status, event: &Event) -> Status {
    match event.kind.as_str() {
        "invoice.paid" => Status::Paid,
        "payment.declined" | "payment.failed" if !now.is_settled() => Status::Declined,
        "invoice.expired" => Status::Expired,
        "invoice.canceled" => Status::Canceled,
        "refund.succeeded" => match event.invoice_status() {
            Some("partially_refunded") => Status::PartiallyRefunded,
            // A refund that gives back one payment too many leaves the invoice paid.
            Some("paid") => now,
            _ => Status::Refunded,
        },
        _ => now,
    }
}

/// Cents for people.
pub fn price(cents: i64) -> String {
    format!("{}.{:02} {CURRENCY}", cents / 100, cents % 100)
}
