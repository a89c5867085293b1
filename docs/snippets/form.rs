//! Usage: TILL_URL=... TILL_SIGNING_SECRET=whsec_... form < order.json > form.html
//!
//! Needs the crates base64 0.22, hex 0.4, hmac 0.13, serde_json 1 and sha2 0.11.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::{env, error::Error, io};

/// Signs a form: every field that the browser sends, except `signature`.
fn signature(fields: &BTreeMap<String, String>, secret: &str) -> Result<String, Box<dyn Error>> {
    // A BTreeMap iterates in bytewise order.
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let key = STANDARD.decode(secret.trim_start_matches("whsec_"))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
    mac.update(lines.join("\n").as_bytes());
    Ok(hex::encode(mac.finalize().into_bytes()))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut fields: BTreeMap<String, String> = serde_json::from_reader(io::stdin())?;
    let signature = signature(&fields, &env::var("TILL_SIGNING_SECRET")?)?;
    fields.insert("signature".to_owned(), signature);

    let till = escape(&env::var("TILL_URL")?);
    println!(r#"<form action="{till}/pay" method="post" accept-charset="utf-8">"#);
    for (name, value) in &fields {
        println!(
            r#"<input type="hidden" name="{}" value="{}">"#,
            escape(name),
            escape(value)
        );
    }
    println!("<button>Pay</button>\n</form>");
    Ok(())
}
