//! Till's server. `http` takes what comes in, calls one function of `flow` and maps its outcome;
//! `flow` is the algorithms; `domain`, `store`, `connectors` and `callbacks` are what it stands on.
//! The sandbox payment system and the demo shop know nothing of the rest but the wire.

pub mod app;
pub mod callbacks;
pub mod clock;
pub mod config;
pub mod connectors;
pub mod crypto;
pub mod demo;
pub mod domain;
pub mod flow;
pub mod http;
pub mod new_id;
pub mod sandbox;
pub mod store;
pub mod telemetry;
pub mod views;
