//! The commands of the command line.

pub mod audit;
pub mod backup;
pub mod buyer;
mod common;
pub mod connector;
pub mod demo;
pub mod event;
pub mod form;
pub mod generate;
pub mod invoice;
pub mod keys;
pub mod migrate;
pub mod operator;
pub mod payment;
pub mod project;
pub mod sandbox;
pub mod serve;
pub mod test_clock;
pub mod trigger;
