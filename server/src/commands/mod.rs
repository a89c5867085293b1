//! The commands of the command line.

pub mod backup;
pub mod connector;
pub mod demo;
pub mod form;
pub mod generate;
pub mod migrate;
pub mod payment;
pub mod project;
pub mod sandbox;
pub mod serve;
