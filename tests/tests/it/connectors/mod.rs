//! The connectors against fakes of their payment systems and their published descriptions.

mod conformance;
mod described;
mod foreign;
mod routing;
