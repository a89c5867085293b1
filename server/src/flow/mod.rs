//! The operations of the server, step by step. A handler in `http` extracts its input, calls one
//! function here and returns the result.

pub mod accounts;
pub mod audit;
pub mod background;
mod buyer;
pub mod buyer_data;
pub mod captcha;
pub mod card_encryption;
pub mod check_order;
pub mod connector_check;
pub mod connector_webhooks;
mod detached;
pub mod disputes;
pub mod encryption_keys;
pub mod error;
pub mod events;
pub mod form_signature;
pub mod health;
pub mod idempotency;
pub mod input;
pub mod invoices;
pub mod keys;
mod locale;
pub mod operators;
mod origin;
pub mod outbox;
pub mod page;
pub mod payments;
pub mod project_body;
pub mod projects;
mod redirect;
pub mod refunds;
pub mod retention;
mod settings;
pub mod test_clock;
mod urls;
pub mod widget;

pub use detached::Detached;
pub use error::{Error, Result};
