//! The harness of the whole-system tests: starts the real binary, plays the project, drives the
//! browser. Each test has a world of its own, on ports and in files of its own.

pub mod api;
pub mod books;
pub mod browser;
pub mod buyer;
pub mod chaos;
pub mod database;
pub mod demo;
pub mod docs;
pub mod hosted;
pub mod ledgers;
pub mod life;
pub mod live;
pub mod metrics;
pub mod peers;
pub mod process;
pub mod project;
pub mod relay;
pub mod shop;
pub mod snippets;
pub mod tools;
pub mod traffic;
pub mod world;

pub use world::World;

/// Prepares what the HTTP clients of a test process share.
pub fn set_up() {
    // An error means that another test was faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
