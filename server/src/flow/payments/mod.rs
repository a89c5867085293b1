//! Payments: created, routed to an account, and changed by what the payment system reports.

mod attempts;
mod cancel;
mod change;
mod details;
mod fix;
mod handle_return;
mod queries;
pub mod reconcile;
mod resolve;
mod reverse;
pub mod routing;
mod submit;
mod transition;

pub use cancel::cancel_payment;
pub use handle_return::{BuyerReturn, handle_return};
pub use queries::{PaymentFilter, get, list};
pub use resolve::{Resolution, resolve};
pub use reverse::apply_reversal;
pub use routing::PaymentForm;
pub use submit::fix_payment;
pub use transition::{apply_payment_update, apply_to};

/// What is known of the buyer's client, as the operations take it.
pub type ClientInfo = crate::connectors::ClientInfo;
