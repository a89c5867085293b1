//! Refunds: inserted first, then submitted to the payment system with our id as the idempotency
//! key, so that retries are safe. Those made in a payment system's dashboard are taken over.

mod dashboard;
mod outcome;
mod queries;
mod request;
mod retry;
mod submit;

pub use dashboard::apply_dashboard_refund;
pub use outcome::apply_refund_outcome;
pub use queries::{RefundFilter, get, list};
pub use request::{RefundRequest, pending_refund, refund_payment};
pub use submit::submit_refund;
