//! Parsing of accounts' credentials.

use super::error::{CallError, Cause, InvalidCredentials};
use super::types::Ctx;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;
use url::{Host, Url};

/// A payment system's base URL, without a trailing slash: https, or http on a loopback address.
#[derive(Clone)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The payment system's production URL, which is not checked.
    pub fn fixed(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// Parses and checks a URL.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let loopback = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let allowed = url.scheme() == "https" || url.scheme() == "http" && loopback;
        allowed.then(|| Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BaseUrl {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an https URL"))
    }
}

/// The host of a URL among the credentials.
pub fn host(url: &serde_json::Value) -> Option<String> {
    let url = Url::parse(url.as_str()?).ok()?;
    Some(url.host_str()?.to_owned())
}

/// Parses the account's credentials. The reason of a failure is dropped: it may quote them.
pub fn read<T: DeserializeOwned>(ctx: &Ctx<'_>) -> Result<T, CallError> {
    serde_json::from_str(ctx.account.credentials.expose_secret())
        .map_err(|_| CallError::NotSent(Cause::Credentials))
}

/// Checks that credentials can be parsed as `T`; `expected` describes its fields.
pub fn check<T: DeserializeOwned>(
    credentials: &serde_json::Value,
    expected: &'static str,
) -> Result<(), InvalidCredentials> {
    T::deserialize(credentials)
        .map(|_| ())
        .map_err(|_| InvalidCredentials { expected })
}
