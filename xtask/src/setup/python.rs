//! Python environments with packages of PyPI at pinned versions, each in a directory of the cache.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::{paths, process};

/// A package and its version.
pub type Package = (&'static str, &'static str);

/// Finds or makes an environment with these packages. The first one names its directory. Returns its
/// interpreter.
pub fn environment(packages: &[Package]) -> Result<PathBuf> {
    let names: Vec<_> = packages
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let names = names.join(", ");
    let wanted: Vec<_> = packages
        .iter()
        .map(|(name, version)| format!("{name}=={version}"))
        .collect();
    let (first, version) = packages.first().context("no packages")?;
    let root = paths::cache()?
        .join("tools")
        .join(format!("{first}-{version}"));
    let python = root.join("bin/python");
    let complete = root.join("complete");
    // An environment of a single package was marked by an empty file.
    let is_complete =
        |text: String| text == wanted.join("\n") || text.is_empty() && wanted.len() == 1;
    if fs::read_to_string(&complete).is_ok_and(is_complete) {
        println!("  ok: {names} ({})", root.display());
        return Ok(python);
    }
    let Some(system) = process::find("python3") else {
        bail!("python3 is missing, and {names} needs it: install Python 3");
    };
    let step = format!("making a Python environment for {names}");
    let mut venv = process::command(system);
    process::run_step(&step, venv.args(["-m", "venv", "--clear"]).arg(&root))
        .context("on Debian, run `apt-get install python3-venv`")?;
    let mut pip = process::command(&python);
    pip.args(["-m", "pip", "install", "--quiet"])
        .arg("--disable-pip-version-check")
        .args(&wanted);
    process::run_step(&format!("installing {names} with pip"), &mut pip)?;
    fs::write(&complete, wanted.join("\n"))
        .with_context(|| format!("cannot write {}", complete.display()))?;
    Ok(python)
}
