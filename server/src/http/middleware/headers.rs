//! Headers of several responses.

use axum::http::{HeaderName, header};

/// The header of a response with a key, a secret or a token.
pub const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];
