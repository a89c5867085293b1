//! Invoices: created from an order, and ended without a payment.

mod again;
mod confirm;
mod create;
mod end;
pub mod order;
mod queries;
mod validate;

pub use confirm::confirm_order;
pub use create::{Created, Origin, create_invoice};
pub use end::{cancel_invoice, expire_invoice};
pub use order::Order;
pub use queries::{InvoiceFilter, InvoiceRow, find, get, list, payments_of, token_has_ended};
pub use validate::validate;
