//! Till's server.
