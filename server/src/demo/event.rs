//! The callbacks' bodies: the fields that the shop reads. Other fields are ignored.

use serde::Deserialize;

/// A callback.
#[derive(Debug, Deserialize)]
pub struct Event {
    /// The event's type, for example `invoice.paid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A number that increases with each event of an invoice.
    #[serde(default)]
    pub sequence: i64,
    /// The objects that the event reports.
    #[serde(default)]
    pub data: Data,
}

/// The objects that an event reports.
#[derive(Debug, Default, Deserialize)]
pub struct Data {
    /// The invoice; absent in a ping.
    #[serde(default)]
    pub invoice: Option<Invoice>,
}

/// An invoice.
#[derive(Debug, Deserialize)]
pub struct Invoice {
    /// The invoice's id; absent in the order check before the invoice exists.
    #[serde(default)]
    pub id: Option<String>,
    /// The shop's order id.
    pub order_id: String,
    /// The amount in minor units.
    pub amount: i64,
    /// The ISO 4217 currency code.
    pub currency: String,
    /// The invoice's status at the time of the event.
    #[serde(default)]
    pub status: Option<String>,
}

impl Event {
    /// Returns the shop's order id.
    pub fn order_id(&self) -> Option<&str> {
        self.data.invoice.as_ref().map(|i| i.order_id.as_str())
    }

    /// Returns the invoice's status at the time of the event.
    pub fn invoice_status(&self) -> Option<&str> {
        self.data.invoice.as_ref().and_then(|i| i.status.as_deref())
    }
}
