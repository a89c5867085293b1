//! Software bills of materials: the libraries of each part, as CycloneDX documents.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::{paths, process};

/// The version of the CycloneDX specification.
const SPECIFICATION: &str = "1.5";
/// The name that the tool gives each document, in the directory of its crate.
const FILE: &str = "till-sbom";

/// Writes the bill of materials of a part for a target to a file. `seconds`: the time that it names, since
/// 1970-01-01 UTC.
pub fn write(tool: &Path, part: &str, target: &str, seconds: u64, to: &Path) -> Result<()> {
    process::run(
        process::command(tool)
            .args(["cyclonedx", "--quiet", "--format", "json"])
            .args(["--spec-version", SPECIFICATION, "--no-build-deps"])
            .args(["--manifest-path", &format!("{part}/Cargo.toml")])
            .args(["--target", target, "--override-filename", FILE])
            // The document has no random serial number then.
            .env("SOURCE_DATE_EPOCH", seconds.to_string()),
    )?;
    let root = paths::workspace();
    let name = format!("{FILE}.json");
    let written = root.join(part).join(&name);
    let text = fs::read_to_string(&written)
        .with_context(|| format!("cannot read {}", written.display()))?;
    // Our own crates are named by their directory.
    let here = format!("path+file://{}/", root.display());
    fs::write(to, text.replace(&here, "path+file:///till/"))
        .with_context(|| format!("cannot write {}", to.display()))?;
    // The tool writes one for every crate of the workspace.
    for member in [
        "server",
        "shared",
        "tests",
        "tests/bench",
        "widget",
        "xtask",
    ] {
        let file = root.join(member).join(&name);
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    Ok(())
}
