//! What Adyen is told about the buyer: texts within its limits, and the browser for 3-D Secure.
//! The limits are those of its API description.
//! <https://docs.adyen.com/api-explorer/Checkout/71/post/payments>

use crate::connectors::types::{ClientInfo, NewPayment};
use serde_json::{Value, json};
use till_shared::widget::BrowserInfo;

/// The color depths that Adyen accepts, in bits.
const COLOR_DEPTHS: [u32; 9] = [1, 4, 8, 15, 16, 24, 30, 32, 48];

/// The start of a text, at most `max` characters.
pub fn cut(text: &str, max: usize) -> &str {
    match text.char_indices().nth(max) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

/// Adds what is known of the buyer. A value that is too long is left out: a part of it is another
/// value.
pub fn add_buyer(body: &mut Value, new: &NewPayment<'_>) {
    let phone = new.buyer.phone.as_deref().map(international);
    let fields = [
        ("shopperEmail", new.buyer.email.as_deref(), 500),
        ("telephoneNumber", phone.as_deref(), 32),
        ("countryCode", new.buyer.country.as_deref(), 100),
        ("shopperLocale", new.locale, 32),
    ];
    for (field, value, max) in fields {
        if let Some(value) = value.filter(|value| cut(value, max) == *value) {
            body[field] = value.into();
        }
    }
}

/// A phone number without blanks and punctuation.
fn international(phone: &str) -> String {
    phone
        .chars()
        .filter(|c| *c == '+' || c.is_ascii_digit())
        .collect()
}

/// Adds what 3-D Secure and fraud checks need. Adyen takes the browser as a whole or not at all.
/// <https://docs.adyen.com/online-payments/3d-secure/redirect-3ds2/web-component>
pub fn add_client(body: &mut Value, client: &ClientInfo) {
    if let Some(browser) = &client.browser {
        body["browserInfo"] = browser_info(client, browser);
    }
    if let Some(ip) = client.ip {
        body["shopperIP"] = ip.to_string().into();
    }
    let origin = client.origin.as_deref();
    if let Some(origin) = origin.filter(|origin| cut(origin, 80) == *origin) {
        body["origin"] = origin.into();
    }
}

fn browser_info(client: &ClientInfo, browser: &BrowserInfo) -> Value {
    let mut depths = COLOR_DEPTHS.into_iter().rev();
    let depth = depths.find(|depth| *depth <= browser.color_depth);
    json!({
        "acceptHeader": client.accept.as_deref().unwrap_or("*/*"),
        "userAgent": client.user_agent.as_deref().unwrap_or(&browser.user_agent),
        "language": browser.language,
        "colorDepth": depth.unwrap_or(24),
        "screenHeight": browser.screen_height,
        "screenWidth": browser.screen_width,
        "timeZoneOffset": browser.time_zone_offset,
        "javaEnabled": browser.java_enabled,
        "javaScriptEnabled": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 2), "äö");
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("", 3), "");
        assert_eq!(international("+49 (30) 123-456"), "+4930123456");
    }
}
