//! What an account's credentials have in common.

use super::{CallError, Ctx};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;
use url::{Host, Url};

/// A payment system's base URL, without a slash at its end: https, or http on this machine.
#[derive(Clone)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// A payment system's own.
    pub fn fixed(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// The URL, checked.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let local = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let fine = url.scheme() == "https" || url.scheme() == "http" && local;
        fine.then(|| Self(text.trim_end_matches('/').to_owned()))
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

/// The account's credentials. The reason why they can't be read is kept back: it may quote them.
pub fn read<T: DeserializeOwned>(ctx: &Ctx<'_>) -> Result<T, CallError> {
    serde_json::from_str(ctx.account.credentials.expose_secret())
        .map_err(|_| CallError::NotSent("the account's credentials are not as expected".into()))
}

/// Whether credentials can be read as `T`; `expected` says in words what that takes.
pub fn check<T: DeserializeOwned>(given: &serde_json::Value, expected: &str) -> Result<(), String> {
    let read = T::deserialize(given);
    read.map(|_| ()).map_err(|_| expected.to_owned())
}
