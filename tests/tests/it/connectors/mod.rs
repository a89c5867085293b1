//! The connectors against mock providers and published API descriptions.

mod conformance;
mod described;
mod isolation;
mod localstripe;
mod routing;
mod shop;
mod signatures;
