//! A launcher script named `trunk` on PATH, so that `trunk serve` works without `cargo xtask`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::script;
use super::wasm_target::WasmToolchain;
use crate::{paths, process};

/// The line that identifies the launcher.
const MARK: &str = "# Written by Till's `cargo xtask setup`; safe to delete.";

/// Writes the launcher next to cargo, unless another trunk is installed.
pub fn ensure(toolchain: &WasmToolchain, trunk: &Path, dirs: &[PathBuf]) -> Result<()> {
    let launcher = paths::cargo_bin()?.join("trunk");
    let foreign = |path: &Path| path.exists() && !is_ours(path);
    if process::find("trunk").is_some_and(|found| foreign(&found)) || foreign(&launcher) {
        return Ok(());
    }
    let body = body(toolchain, trunk, dirs)?;
    if script::is_written(&launcher, &body) {
        return Ok(());
    }
    println!(
        "  Writing {}, so that `trunk serve` works",
        launcher.display()
    );
    script::write(&launcher, &body)
}

/// Returns whether a file is the launcher and not a real trunk.
pub fn is_ours(path: &Path) -> bool {
    // A real trunk is not UTF-8.
    fs::read(path).is_ok_and(|content| {
        let head = content.get(..content.len().min(256)).unwrap_or_default();
        String::from_utf8_lossy(head).contains(MARK)
    })
}

fn body(toolchain: &WasmToolchain, trunk: &Path, dirs: &[PathBuf]) -> Result<String> {
    let mut lines = vec![MARK.to_owned()];
    let mut path = String::new();
    for dir in dirs {
        path.push_str(&script::quoted(dir)?);
        path.push(':');
    }
    lines.push(format!("export PATH={path}\"$PATH\""));
    if let WasmToolchain::Linked(name) = toolchain {
        lines.push(format!(
            "export RUSTUP_TOOLCHAIN=\"${{RUSTUP_TOOLCHAIN:-{name}}}\""
        ));
    }
    lines.push("# Trunk does not accept NO_COLOR=1.".to_owned());
    lines.push(r#"if [ -n "${NO_COLOR:-}" ]; then export NO_COLOR=true; fi"#.to_owned());
    lines.push(format!("exec {} \"$@\"", script::quoted(trunk)?));
    Ok(lines.join("\n"))
}
