//! The languages and libraries of the documentation's snippets and walk-throughs, for the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::debian;
use crate::{paths, process};

/// The programs and their Debian packages.
const PROGRAMS: [(&str, &str); 8] = [
    ("php", "php-cli"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("python3", "python3"),
    ("curl", "curl"),
    ("jq", "jq"),
    ("openssl", "openssl"),
    ("nginx", "nginx-light"),
];
/// The version of the Standard Webhooks library for Python.
const PYPI_WEBHOOKS: &str = "1.1.0";

/// The directory of the Python library.
pub struct Languages {
    python: PathBuf,
}

impl Languages {
    /// Sets the variables that the tests read.
    pub fn apply(&self, command: &mut Command) {
        command.env("TILL_PYTHON_PACKAGES", &self.python);
    }
}

/// Finds or installs the programs and the libraries.
pub fn ensure() -> Result<Languages> {
    programs()?;
    let cache = paths::cache()?.join("tools");
    let python = cache.join(format!("standardwebhooks-pypi-{PYPI_WEBHOOKS}"));
    if !python.join("standardwebhooks").exists() {
        pip()?;
        process::run_step(
            &format!("installing standardwebhooks {PYPI_WEBHOOKS} with pip"),
            process::command("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-input"])
                .args(["--disable-pip-version-check", "--root-user-action=ignore"])
                .arg("--target")
                .arg(&python)
                .arg(format!("standardwebhooks=={PYPI_WEBHOOKS}")),
        )?;
    }
    println!("  ok: standardwebhooks {PYPI_WEBHOOKS} (PyPI)");
    Ok(Languages { python })
}

fn programs() -> Result<()> {
    let missing = || {
        let mut programs = PROGRAMS.to_vec();
        // Debian's nginx is in a directory that is not on every user's PATH.
        let found = |program| {
            process::find(program).is_some() || Path::new("/usr/sbin").join(program).exists()
        };
        programs.retain(|(program, _)| !found(program));
        programs
    };
    if !missing().is_empty() && debian::can_install() {
        let packages: Vec<_> = missing().iter().map(|(_, package)| *package).collect();
        debian::install(&packages)?;
    }
    let missing: Vec<_> = missing().iter().map(|(program, _)| *program).collect();
    if missing.is_empty() {
        println!("  ok: {}", PROGRAMS.map(|(program, _)| program).join(", "));
        return Ok(());
    }
    let names = missing.join(" ");
    if cfg!(target_os = "macos") {
        bail!(
            "the tests run the docs' snippets: run `brew install php node python jq nginx`; missing: {names}"
        );
    }
    bail!("the tests run the docs' snippets: install these with your package manager: {names}")
}

/// Installs pip, which Debian packages separately from Python.
fn pip() -> Result<()> {
    let there = || process::output(process::command("python3").args(["-m", "pip", "--version"]));
    if there().is_err() && debian::can_install() {
        debian::install(&["python3-pip"])?;
    }
    there().context("the tests need pip: install it for your python3")?;
    Ok(())
}
