//! The billing data, as far as they are loaded.

use crate::api::Billing;

/// The billing data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// They are loading.
    Loading,
    /// They could not be loaded.
    Failed(LoadError),
    /// They are loaded.
    Loaded(Box<Billing>),
}

/// Why the billing data could not be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadError {
    /// The URL has no invoice or not its token.
    InvalidLink,
    /// The server did not respond.
    Unreachable,
    /// The server is newer than this code, which loading the page again replaces.
    Outdated,
}

impl Data {
    /// Returns the billing data, if they are loaded.
    pub fn loaded(&self) -> Option<&Billing> {
        match self {
            Self::Loaded(billing) => Some(billing),
            Self::Loading | Self::Failed(_) => None,
        }
    }
}
