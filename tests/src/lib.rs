//! The harness of the whole-system tests. It starts the binary, implements the project's endpoint and
//! drives a browser. Each test has its own server, ports and files.

pub mod app;
pub mod browser;
pub mod client;
pub mod collector;
pub mod database;
pub mod demo;
pub mod docs;
pub mod events;
pub mod faults;
pub mod jwe;
pub mod ledger;
pub mod metrics;
pub mod pgbouncer;
pub mod process;
pub mod project;
pub mod providers;
pub mod tools;
pub mod wait;

pub use app::TestApp;
pub use till_server::sandbox::cards;
