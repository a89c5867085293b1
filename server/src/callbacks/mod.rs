//! Callbacks to projects: signed, guarded, delivered from the outbox.

pub mod deliver;
pub mod guard;
pub mod schedule;
pub mod sign;
pub mod worker;
