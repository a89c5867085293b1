//! Creates ids and keys.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::{TryRng, rngs::SysRng};

/// Returns the unique part of a new id: a UUIDv7 (RFC 9562), so that ids sort by time.
pub fn unique() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// Returns random bytes from the operating system.
///
/// # Errors
/// When the operating system fails to provide them.
pub fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

/// Creates a key: a prefix such as `sk_` and 192 random bits.
///
/// # Errors
/// See [`random`].
pub fn key(prefix: &str) -> anyhow::Result<String> {
    Ok(format!(
        "{prefix}{}",
        URL_SAFE_NO_PAD.encode(random::<24>()?)
    ))
}

/// Creates a signing secret in the format of Standard Webhooks: `whsec_` and 32 bytes in base64.
///
/// # Errors
/// See [`random`].
pub fn signing_secret() -> anyhow::Result<String> {
    Ok(format!("whsec_{}", STANDARD.encode(random::<32>()?)))
}
