//! Adyen, where it differs from the other payment systems.

mod fixture;
mod money;
mod requests;
mod returns;
mod unknown;
mod webhooks;
