//! Callbacks to projects: signing, retry schedule, address checks and delivery from the outbox.

mod attempt;
pub mod deliver;
mod endpoint;
pub mod guard;
pub mod outbox;
mod recorder;
pub mod schedule;
pub mod sign;
pub mod worker;

#[cfg(test)]
mod tests;
