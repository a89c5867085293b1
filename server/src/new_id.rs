//! Makes ids and keys.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::{TryRng, rngs::SysRng};

/// The unique part of a new id: a UUIDv7 (RFC 9562), so that ids sort by time.
pub fn unique() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// Random bytes from the operating system.
///
/// # Errors
/// When the operating system has none to give.
pub fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

/// A key of 192 random bits behind a prefix such as `sk_`.
///
/// # Errors
/// See [`random`].
pub fn key(prefix: &str) -> anyhow::Result<String> {
    Ok(format!(
        "{prefix}{}",
        URL_SAFE_NO_PAD.encode(random::<24>()?)
    ))
}

/// A signing secret as Standard Webhooks writes it: `whsec_` and 32 bytes in base64.
///
/// # Errors
/// See [`random`].
pub fn signing_secret() -> anyhow::Result<String> {
    Ok(format!("whsec_{}", STANDARD.encode(random::<32>()?)))
}
