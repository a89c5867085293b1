//! Webhook signatures of the form `t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">`, with one `v1` for
//! each valid secret. Stripe and the sandbox use them.
//! <https://docs.stripe.com/webhooks#verify-manually>

use super::error::SignatureError;
use crate::crypto::hmac_sha256;
use crate::domain::Timing;
use axum::http::HeaderMap;
use subtle::ConstantTimeEq;

/// The tolerance of the timestamp in seconds, as in Stripe's libraries.
const TOLERANCE: u64 = 300;

/// Verifies the signature in the header `name`.
pub fn verify(
    headers: &HeaderMap,
    name: &str,
    body: &[u8],
    secret: &[u8],
    timing: Timing,
) -> Result<(), SignatureError> {
    let header = headers.get(name).and_then(|v| v.to_str().ok());
    let header = header.ok_or(SignatureError::Missing)?;
    let all = |name: &'static str| {
        let parts = header.split(',').filter_map(|part| part.split_once('='));
        parts.filter(move |(k, _)| *k == name).map(|(_, v)| v)
    };
    let timestamp = all("t").next().ok_or(SignatureError::Malformed)?;
    let seconds: i64 = timestamp.parse().map_err(|_| SignatureError::Malformed)?;
    if timing.now_seconds().abs_diff(seconds) > TOLERANCE {
        return Err(SignatureError::Expired);
    }
    let expected = hex::encode(hmac_sha256(secret, &[timestamp.as_bytes(), b".", body]));
    if all("v1").any(|v1| bool::from(expected.as_bytes().ct_eq(v1.as_bytes()))) {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, now_seconds: i64) -> Result<(), SignatureError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-signature", header.parse().unwrap());
        let timing = Timing::at(now_seconds * 1000);
        verify(&headers, "x-signature", b"{}", b"secret", timing)
    }

    #[test]
    fn only_a_fresh_signature_over_this_body_verifies() {
        let good = hex::encode(hmac_sha256(b"secret", &[b"1000", b".", b"{}"]));
        assert!(check(&format!("t=1000,v1={good}"), 1000).is_ok());
        assert!(check(&format!("t=1000,v1=00,v1={good},v0=00"), 1300).is_ok());
        assert!(check(&format!("t=1000,v0={good}"), 1000).is_err());
        assert!(check(&format!("t=1000,v1={good}"), 1301).is_err());
        assert!(check(&format!("t=1001,v1={good}"), 1000).is_err());
        assert!(check(&format!("t=1000,v1={}", &good[1..]), 1000).is_err());
        for garbage in ["", "t=,v1=", "v1=ab", "t=x,v1=ab", "t=1000"] {
            assert!(check(garbage, 1000).is_err(), "{garbage}");
        }
    }
}
