//! Payments: created, routed to an account, and changed by what the payment system reports.

mod cancel;
mod fix;
mod handle_return;
mod queries;
pub mod reconcile;
pub mod routing;
mod submit;
mod transition;

pub use cancel::cancel_payment;
pub use handle_return::{BuyerReturn, handle_return};
pub use queries::{get, list};
pub use routing::PaymentForm;
pub use submit::fix_payment;
pub use transition::apply_payment_update;
