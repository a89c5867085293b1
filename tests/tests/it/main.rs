//! The whole-system tests: the real binary, real HTTP, a real database and a real browser.

mod api;
mod connectors;
mod docs;
mod operations;
mod resilience;
mod widget;
