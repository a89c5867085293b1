//! A card that was encrypted in the browser.

use super::fix_body::Card;
use crate::app::App;
use crate::flow::{Result, card_encryption};
use crate::http::middleware::extract::JsonObject;
use serde::Deserialize;
use till_shared::id::InvoiceId;
use till_shared::widget::CardData;

/// What is encrypted.
#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    invoice: String,
    #[serde(default)]
    iat: i64,
    card: Card,
}

/// Decrypts a card and checks that it is for this invoice.
///
/// # Errors
/// `invalid-request` that names `encrypted_card`, or a field of the content as in a call without encryption.
pub async fn read(app: &App, invoice: &InvoiceId, encrypted: &str) -> Result<CardData> {
    let content = card_encryption::decrypt(app, encrypted).await?;
    let object = JsonObject::parse(&content).map_err(|_| card_encryption::unreadable())?;
    let content = object.read::<Content>()?.value;
    card_encryption::check(invoice, &content.invoice, content.iat)?;
    Ok(content.card.into())
}
