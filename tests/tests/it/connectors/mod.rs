//! The connectors against mock providers and published API descriptions.

mod adyen;
mod card_entry;
mod check;
mod client_info;
mod conformance;
mod described;
mod given_back;
mod isolation;
mod localstripe;
mod mollie;
mod one_invoice;
mod paypal;
mod routing;
mod sandbox;
mod scripted;
mod shop;
mod signatures;
mod stripe;
mod unproven;
