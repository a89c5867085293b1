//! The database. All statements run on SQLite and on PostgreSQL; `DATABASE_URL` selects one. Times
//! are milliseconds since 1970-01-01 UTC, statuses are text, lists and maps are JSON.
//!
//! A transaction that changes an invoice, its payments or its refunds locks the invoice
//! ([`invoices::lock`]) before it reads anything, so that changes of one invoice are serialized. In
//! SQLite a writing transaction locks the whole database. No transaction is open during a network
//! call.

pub mod audit_log;
mod backlog;
pub mod backup;
mod batch;
pub mod buyer_data;
pub mod card_encryption_keys;
mod column;
mod conditions;
mod connections;
pub mod connector_accounts;
pub mod connector_webhooks;
mod database;
pub mod disputes;
pub mod due;
mod durability;
mod effects;
mod embed_scripts;
pub mod encrypted_values;
pub mod encryption_keys;
mod engine;
mod error;
pub mod event_attempts;
pub mod event_claims;
pub mod event_data;
pub mod event_resends;
pub mod events;
mod executor;
pub mod idempotency_keys;
pub mod in_flight;
mod indexes;
mod installation;
pub mod invoices;
mod list;
mod notify;
pub mod operators;
pub mod payment_attempts;
pub mod payments;
pub mod pending_event;
pub mod project_cache;
pub mod projects;
pub mod refunds;
pub mod retention;
pub mod reversals;
mod schema;
pub mod secret_keys;
mod sessions;
pub mod test_clock;
mod turns;

pub use backlog::ToReview;
pub use database::{Store, Tx};
pub use error::{Result, StoreError, is_transient};
pub use executor::Pool;
pub use notify::Changes;
pub use schema::migrate;
