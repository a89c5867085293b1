//! Third-party software that the connectors are tested against: Prism, which enforces published API
//! descriptions, a mock of Stripe, and the providers' own libraries. Only the tests use it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{npm, python};
use crate::paths;

const PRISM: (&str, &str) = ("@stoplight/prism-cli", "5.16.0");
/// Libraries for Node.js scripts.
const NODE_LIBRARIES: [(&str, &str); 2] = [("stripe", "23.1.0"), ("@adyen/api-library", "32.1.0")];
const LOCALSTRIPE: (&str, &str) = ("localstripe", "1.15.10");
const PAYPAL: (&str, &str) = ("paypalrestsdk", "1.13.3");

/// The paths of the installed software.
pub struct ProviderTools {
    prism: PathBuf,
    node_path: OsString,
    localstripe: PathBuf,
    paypal: PathBuf,
}

impl ProviderTools {
    /// Sets the paths in a command's environment.
    pub fn apply(&self, command: &mut Command) {
        command
            .env("TILL_PRISM", &self.prism)
            .env("TILL_NODE_PATH", &self.node_path)
            .env("TILL_LOCALSTRIPE_PYTHON", &self.localstripe)
            .env("TILL_PAYPAL_PYTHON", &self.paypal);
    }
}

/// Finds or installs the software.
pub fn ensure() -> Result<ProviderTools> {
    let cache = paths::cache()?.join("tools");
    let prism = npm_modules(&cache, PRISM)?.join(".bin/prism");
    let libraries: Vec<PathBuf> = NODE_LIBRARIES
        .into_iter()
        .map(|library| npm_modules(&cache, library))
        .collect::<Result<_>>()?;
    let node_path = env::join_paths(&libraries)
        .context("the cache directory has a name that NODE_PATH cannot hold")?;
    Ok(ProviderTools {
        prism,
        node_path,
        localstripe: python::environment(&[LOCALSTRIPE])?,
        paypal: python::environment(&[PAYPAL])?,
    })
}

/// Returns a package's `node_modules` directory.
fn npm_modules(cache: &Path, (package, version): (&str, &str)) -> Result<PathBuf> {
    let name = package.trim_start_matches('@').replace('/', "-");
    let root = cache.join(format!("{name}-{version}"));
    let modules = root.join("node_modules");
    // npm writes this file last.
    if modules.join(".package-lock.json").exists() {
        println!("  ok: {package} {version} ({})", root.display());
    } else {
        npm::install(&root, &[&format!("{package}@{version}")])?;
    }
    Ok(modules)
}
