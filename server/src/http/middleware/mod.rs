//! What the routes share: limits, request ids, extractors and errors.

pub mod auth;
pub mod body;
pub mod browser;
pub mod client_address;
pub mod client_info;
pub mod error;
pub mod extract;
pub mod form_fields;
pub mod headers;
pub mod idempotency;
pub mod json_body;
pub mod limits;
mod permit_body;
mod refusal;
pub mod request_id;
mod request_permit;
