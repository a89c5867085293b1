//! The npm packages of the tests and the benchmark, at pinned versions. Each set has its own directory
//! in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{paths, process};

/// The bundler, for the widget's build and for the tests.
pub const ESBUILD: &str = "esbuild@0.28.2";

/// For the tests: accessibility rules, type checker, bundler, the frameworks of the examples, the
/// library that verifies callbacks in the documentation, and a generator and a library of API clients.
pub const TESTS: Packages = Packages {
    name: "npm-tests",
    list: &[
        "axe-core@4.14.1",
        ESBUILD,
        "openapi-fetch@0.17.0",
        "openapi-typescript@7.13.0",
        "react-dom@19.3.1",
        "react@19.3.1",
        "standardwebhooks@1.1.1",
        "typescript@5.9.3",
        "vue@3.5.45",
    ],
};

/// For the benchmark: Adyen's Drop-in, for comparison.
pub const BENCH: Packages = Packages {
    name: "adyen-web-6.45.2",
    list: &["@adyen/adyen-web@6.45.2"],
};

/// A set of packages.
pub struct Packages {
    name: &'static str,
    list: &'static [&'static str],
}

impl Packages {
    /// Installs the missing packages and returns their `node_modules`.
    pub fn ensure(&self) -> Result<PathBuf> {
        let root = paths::cache()?.join("tools").join(self.name);
        let modules = root.join("node_modules");
        let stamp = root.join("installed");
        let wanted = self.list.join("\n");
        if modules.is_dir() && fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
            println!("  ok: npm packages for {}", self.name);
            return Ok(modules);
        }
        install(&root, self.list)?;
        fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(modules)
    }
}

/// Installs npm packages, each given as `name@version`, into a directory.
pub fn install(root: &Path, packages: &[&str]) -> Result<()> {
    let names = packages.join(", ");
    if process::find("npm").is_none() {
        bail!("npm is missing, and {names} comes from it: install Node.js (https://nodejs.org)");
    }
    fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    process::run_step(
        &format!("installing {names} with npm"),
        process::command("npm")
            .args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
            .args(["--save-exact", "--prefix"])
            .arg(root)
            .args(packages),
    )
}
