//! The connectors against fakes of their payment systems and their published descriptions.

mod conformance;
mod described;
mod localstripe;
mod routing;
mod shop;
mod signatures;
