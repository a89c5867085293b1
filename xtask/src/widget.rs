//! Builds the widget into `dist/`, which the server's build embeds.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

use crate::setup::WidgetTools;
use crate::{paths, process};

/// The inputs of the build.
const INPUTS: [&str; 6] = [
    "Cargo.lock",
    "Cargo.toml",
    "Trunk.toml",
    "index.html",
    "shared",
    "widget",
];

/// Builds the widget, unless `dist/` is up to date.
pub fn build(tools: &WidgetTools) -> Result<()> {
    let root = paths::workspace();
    let stamp = paths::build_output()?.join("widget.stamp");
    let inputs = fingerprint(&root)?;
    let page = root.join("dist/index.html");
    // The page is part of the stamp because `trunk serve` writes its own build to `dist/`.
    let state = |page: String| format!("{inputs}\n{page}");
    let current = fs::read_to_string(&page).ok().map(state);
    if current.is_some() && current == fs::read_to_string(&stamp).ok() {
        println!("  ok: widget (dist/ is up to date)");
        return Ok(());
    }
    process::run_step(
        "building the widget",
        // Not `--offline`: cargo may need to download dependencies.
        tools.trunk().args(["build", "--release"]),
    )?;
    let page = fs::read_to_string(&page).context("trunk did not write dist/index.html")?;
    fs::write(&stamp, state(page)).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Returns one line for each input file: its path, size and modification time.
fn fingerprint(root: &Path) -> Result<String> {
    let mut lines = Vec::new();
    for input in INPUTS {
        collect(&root.join(input), &mut lines)
            .with_context(|| format!("cannot read {input}, which the widget is built from"))?;
    }
    lines.sort();
    Ok(lines.join("\n"))
}

fn collect(path: &Path, lines: &mut Vec<String>) -> std::io::Result<()> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), lines)?;
        }
        return Ok(());
    }
    let changed = found
        .modified()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    lines.push(format!(
        "{} {} {}",
        path.display(),
        found.len(),
        changed.as_nanos()
    ));
    Ok(())
}
