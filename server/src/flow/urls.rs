//! Validation of a project's URLs.

use crate::callbacks::guard::{self, Forbidden};
use url::Url;

/// Why a project's URL is invalid.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// It is no absolute URL.
    #[error("must be an absolute URL such as https://shop.example/paid")]
    NotAbsolute(#[from] url::ParseError),
    /// It is an URL that the server does not call or redirect to.
    #[error("{}", message(.0))]
    Forbidden(#[from] Forbidden),
}

fn message(reason: &Forbidden) -> &'static str {
    match reason {
        Forbidden::NotHttps => "must be https",
        Forbidden::NotCallable => "must have a host, and no user name or password",
        Forbidden::NotPublic => "must have a public address",
    }
}

/// Checks a URL of a project. `dev` permits http and private addresses.
///
/// # Errors
/// When the URL is invalid.
pub fn check_url(text: &str, dev: bool) -> Result<(), InvalidUrl> {
    Ok(guard::check_url(&Url::parse(text)?, dev)?)
}
