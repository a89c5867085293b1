//! What the routes share: limits, request ids, extractors and errors.

pub mod auth;
pub mod client_address;
pub mod client_info;
pub mod error;
pub mod extract;
pub mod idempotency;
pub mod limits;
mod refusal;
pub mod request_id;
