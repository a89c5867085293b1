//! The harness of the whole-system tests: starts the real binary, plays the project, drives the
//! browser. Each test has a server of its own, on ports and in files of its own.

pub mod app;
pub mod browser;
pub mod client;
pub mod database;
pub mod demo;
pub mod docs;
pub mod events;
pub mod faults;
pub mod ledger;
pub mod metrics;
pub mod process;
pub mod project;
pub mod providers;
pub mod tools;
pub mod wait;

pub use app::World;
