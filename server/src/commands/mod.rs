//! What the command line can be asked to do.

pub mod backup;
pub mod demo;
pub mod form;
pub mod project;
pub mod sandbox;
pub mod serve;
