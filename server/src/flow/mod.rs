//! The operations of the server, step by step. A handler in `http` extracts its input, calls one
//! function here and returns the result.

pub mod accounts;
pub mod background;
pub mod check_order;
pub mod connector_check;
pub mod connector_webhooks;
pub mod deserialize;
mod detached;
pub mod disputes;
pub mod error;
pub mod events;
pub mod form_signature;
pub mod health;
pub mod idempotency;
pub mod invoices;
mod objects;
pub mod outbox;
pub mod page;
pub mod payments;
pub mod project_body;
pub mod projects;
mod redirect;
pub mod refunds;
pub mod test_clock;
mod urls;
pub mod widget;

pub use detached::Detached;
pub use error::{Error, Result};
