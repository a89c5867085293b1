//! The payment widget: shows an invoice, submits the payment, guides the buyer through verification
//! and shows the outcome. The server decides which screen is shown.

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
