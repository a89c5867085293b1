//! Packages from npm that tests and the benchmark need, at pinned versions, each set in a
//! directory of its own in the cache.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::tools::install_from_npm;
use crate::paths;

/// For the tests: the accessibility rules, the type checker, what the examples are bundled with and
/// made of, and the library that verifies callbacks in the documentation.
pub const TESTS: Packages = Packages {
    name: "npm-tests",
    list: &[
        "axe-core@4.14.1",
        "esbuild@0.28.2",
        "react-dom@19.3.1",
        "react@19.3.1",
        "standardwebhooks@1.1.1",
        "typescript@5.9.3",
        "vue@3.5.45",
    ],
};

/// For the benchmark: what we compare ourselves with.
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
    /// Installs what is missing; gives their `node_modules`.
    pub fn ensure(&self) -> Result<PathBuf> {
        let root = paths::cache()?.join("tools").join(self.name);
        let modules = root.join("node_modules");
        let stamp = root.join("installed");
        let wanted = self.list.join("\n");
        if modules.is_dir() && fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
            println!("  ok: npm packages for {}", self.name);
            return Ok(modules);
        }
        install_from_npm(&root, self.list)?;
        fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(modules)
    }
}
