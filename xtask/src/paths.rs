//! The directories of the workspace, its build output and the user's cache.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The workspace's top directory.
pub fn workspace() -> PathBuf {
    // Cargo sets the variable; the compiled-in value is for a direct call.
    let crate_dir = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    crate_dir
        .parent()
        .map_or_else(|| crate_dir.clone(), Path::to_path_buf)
}

/// Cargo's build output directory, found from this program's own path in one of its profile
/// directories. It works with any configured target directory.
pub fn build_output() -> Result<PathBuf> {
    let this_program = env::current_exe().context("the path of this program is unknown")?;
    this_program
        .ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .context("cargo's output directory is unknown")
}

/// The cache of set-up. It is outside of the workspace, so that it survives `cargo clean` and is
/// shared between clones.
pub fn cache() -> Result<PathBuf> {
    if let Some(dir) = non_empty("TILL_CACHE_DIR") {
        return std::path::absolute(&dir)
            .with_context(|| format!("TILL_CACHE_DIR={} is not a valid path", dir.display()));
    }
    if cfg!(target_os = "macos") {
        return Ok(home()?.join("Library/Caches/till"));
    }
    if let Some(dir) = non_empty("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()) {
        return Ok(dir.join("till"));
    }
    Ok(home()?.join(".cache/till"))
}

/// The directory of cargo's programs, which rustup adds to PATH.
pub fn cargo_bin() -> Result<PathBuf> {
    match non_empty("CARGO_HOME") {
        Some(dir) => Ok(dir.join("bin")),
        None => Ok(home()?.join(".cargo/bin")),
    }
}

fn home() -> Result<PathBuf> {
    non_empty("HOME").context("HOME is not set: set it, or name a directory in TILL_CACHE_DIR")
}

fn non_empty(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
