//! The payment widget: opens on an invoice's billing data, takes the buyer through payment
//! fixation and verification, and shows how it ended. The server alone decides what is shown.

mod api;
mod app;
mod buyer_form;
mod card_form;
mod field;
mod format;
mod host;
mod i18n;
mod input;
mod outcome;
mod session;
mod sse;
mod verification;

fn main() {
    leptos::mount::mount_to_body(app::App);
}
