//! The payment widget: opens on an invoice's billing data, takes the buyer through payment
//! fixation and verification, and shows how it ended. The server alone decides what is shown.

mod api;
mod app;
mod browser;
mod buyer_form;
mod card_form;
mod dom;
mod expiry;
mod field;
mod i18n;
mod input;
mod live;
mod method;
mod outcome;
mod pay_form;
mod session;
mod summary;
mod verification;
mod wire;

fn main() {
    leptos::mount::mount_to_body(app::start);
}
