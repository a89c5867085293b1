//! `trunk` on PATH, so that a plain `trunk serve` works as well.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::script;
use super::wasm_target::WasmToolchain;
use crate::{paths, process};

/// The line by which a launcher is known as ours.
const MARK: &str = "# Written by Till's `cargo xtask setup`; delete it if you like.";

/// Puts a launcher beside cargo, unless there is a trunk that is not ours.
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
        "  Writing {}, so that a plain `trunk serve` works",
        launcher.display()
    );
    script::write(&launcher, &body)
}

/// Whether this is a launcher that we wrote, and so no program of its own.
pub fn is_ours(path: &Path) -> bool {
    // Bytes, as a real trunk is no text.
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
    lines.push("# Trunk refuses the customary NO_COLOR=1.".to_owned());
    lines.push(r#"if [ -n "${NO_COLOR:-}" ]; then export NO_COLOR=true; fi"#.to_owned());
    lines.push(format!("exec {} \"$@\"", script::quoted(trunk)?));
    Ok(lines.join("\n"))
}
