//! The target that the widget is compiled for, and which targets a rustc has.

use std::path::Path;
use std::process::Command;

use crate::process;

/// The target that the widget is compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Whether a rustc has the standard library for a target.
pub fn has_target(rustc: &mut Command, target: &str) -> bool {
    process::output(rustc.args(["--print", "target-libdir", "--target", target]))
        .is_ok_and(|dir| has_core(Path::new(&dir)))
}

fn has_core(dir: &Path) -> bool {
    dir.read_dir().is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}
