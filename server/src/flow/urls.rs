//! Validation of a project's URLs.

use crate::callbacks::guard::{self, Forbidden};
use url::Url;

/// Why a project's URL is invalid.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// It is no absolute URL.
    #[error("not an absolute URL")]
    NotAbsolute(#[from] url::ParseError),
    /// It is an URL that the server does not call or redirect to.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

/// Checks a URL of a project. `dev` permits http and private addresses.
///
/// # Errors
/// When the URL is invalid.
pub fn check_url(text: &str, dev: bool) -> Result<(), InvalidUrl> {
    Ok(guard::check_url(&Url::parse(text)?, dev)?)
}
