//! The payment widget: shows an invoice, submits the payment, guides the buyer through verification
//! and shows the outcome. The server decides which screen is shown.

mod api;
mod app;
mod clock;
#[cfg(test)]
#[cfg(target_family = "wasm")]
mod component_tests;
mod focus;
mod forms;
mod host;
mod i18n;
mod json;
mod once;
mod screens;
mod state;
mod theme;

/// A kilobyte smaller than the allocator of the standard library.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

fn main() {
    leptos::mount::mount_to_body(app::App);
}
