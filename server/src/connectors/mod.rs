//! Payment systems behind one trait. A connector knows neither the store nor HTTP handlers, and its
//! payment system's types stay inside its module.

mod adyen;
mod amount;
mod cache;
mod connector;
mod context;
mod credentials;
mod error;
#[cfg(test)]
mod fuzz;
mod instrumented;
mod json;
mod metadata;
mod mollie;
mod paypal;
mod sandbox;
mod signature;
mod stripe;
mod subject;
mod transport;
mod types;

pub use crate::domain::reference::{Reference, ReferenceObject};
pub use cache::Cache;
pub use connector::{Capabilities, Connector};
pub use context::{Account, Carrier, Ctx, KnownPayments};
pub use error::{
    CallError, Cause, InvalidCredentials, MalformedWebhook, Postponed, SignatureError, WebhookError,
};
pub use instrumented::Instrumented;
pub use subject::{PaymentKey, Subject};
pub use transport::http_client;
pub use types::{
    ClientInfo, DashboardRefund, DisputeUpdate, NewPayment, NewRefund, PaymentRef, PaymentUpdate,
    RefundOutcome, Reversal, WebhookEvent, WebhookMessage,
};

use std::sync::Arc;

/// Creates a connector.
type New = fn() -> Arc<dyn Connector>;

/// Every connector, by its kind.
pub const REGISTRY: &[(&str, New)] = &[
    ("sandbox", || Arc::new(sandbox::Sandbox)),
    ("stripe", || Arc::new(stripe::Stripe)),
    ("adyen", || Arc::new(adyen::Adyen)),
    ("paypal", || Arc::new(paypal::PayPal)),
    ("mollie", || Arc::new(mollie::Mollie)),
];

/// The connector of a kind.
pub fn by_kind(kind: &str) -> Option<Arc<dyn Connector>> {
    let row = REGISTRY.iter().find(|(known, _)| *known == kind);
    row.map(|(_, new)| new())
}
