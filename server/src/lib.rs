//! Till's server. A handler in `http` extracts a request, calls one function of `flow` and maps its
//! result; `flow` has the algorithms and builds on `domain`, `store`, `connectors` and `callbacks`.
//! The sandbox payment system and the demo shop use the wire protocol only.

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
pub mod jwe;
pub mod new_id;
pub mod private_file;
pub mod sandbox;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod views;
