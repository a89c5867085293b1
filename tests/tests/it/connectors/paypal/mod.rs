//! PayPal: what its answers and webhooks mean for a payment.

mod calls;
mod flows;
mod refunds;
pub mod system;
mod webhooks;

use anyhow::Result;
use serde_json::{Value, json};
use system::{PAYMENT, Scripted};

/// Starts a scripted PayPal that issues access tokens.
async fn scripted() -> Result<Scripted> {
    let system = Scripted::start("paypal", |base| {
        json!({
            "client_id": "id", "client_secret": "secret", "webhook_id": "WH1", "base_url": base,
        })
    });
    let system = system.await?;
    let token = json!({ "access_token": "token", "expires_in": 32400 });
    system.answers("POST /v1/oauth2/token", &[(200, &token)]);
    Ok(system)
}

/// An error as PayPal documents it.
fn error(name: &str, issue: &str) -> Value {
    json!({
        "name": name, "message": "The request failed.", "debug_id": "90957fca61718",
        "details": [{ "issue": issue }],
    })
}

/// An error about the credentials as PayPal documents it.
fn login_error() -> Value {
    json!({ "error": "invalid_token", "error_description": "The token is not valid." })
}

/// The order of our payment in this status.
fn order(status: &str) -> Value {
    json!({
        "id": "5O190127TN364715T", "status": status,
        "purchase_units": [{ "custom_id": PAYMENT }],
        "links": [{ "rel": "payer-action", "href": "https://www.paypal.com/checkoutnow" }],
    })
}

/// The captured order of our payment.
fn completed() -> Value {
    let mut completed = order("COMPLETED");
    completed["purchase_units"][0]["payments"] = json!({ "captures": [{
        "id": "3C679366HH908993F", "status": "COMPLETED", "custom_id": PAYMENT,
        "amount": { "value": "19.99", "currency_code": "EUR" },
    }] });
    completed
}

/// Counts the received requests of a call, and forgets all.
fn count_calls(system: &Scripted, call: &str) -> usize {
    system
        .seen()
        .iter()
        .filter(|seen| seen.call == call)
        .count()
}
