//! The target of a statically linked program.

use std::env::consts::ARCH;

use anyhow::{Context, Result};

use super::rustc::has_target;
use crate::process;

/// The target of a release.
pub struct Target {
    /// The name of the target to pass to cargo; none for the host's own.
    pub installed: Option<String>,
    host: String,
}

impl Target {
    /// The target's name.
    pub fn name(&self) -> &str {
        self.installed.as_deref().unwrap_or(&self.host)
    }
}

/// Finds or installs the host's target for musl, which links everything into the program. Without it, and
/// without a C compiler for it, the host's own target is used.
pub fn ensure() -> Result<Target> {
    let host = process::output(process::command("rustc").args(["--print", "host-tuple"]))?;
    let mut target = Target {
        installed: None,
        host,
    };
    if !cfg!(target_os = "linux") {
        println!("  ok: {}", target.host);
        return Ok(target);
    }
    let musl = format!("{ARCH}-unknown-linux-musl");
    let present = || has_target(&mut process::command("rustc"), &musl);
    let missing = if process::find("musl-gcc").is_none() {
        Some("no musl-gcc: install musl-tools".to_owned())
    } else if add(&musl, present) {
        None
    } else {
        Some(format!("rustup cannot add {musl}"))
    };
    match missing {
        None => {
            println!("  ok: {musl}");
            target.installed = Some(musl);
        }
        Some(reason) => {
            let libc = process::output(process::command("getconf").arg("GNU_LIBC_VERSION"));
            let libc = libc.context("the version of the C library is unknown")?;
            println!("  --: {reason}; the program is linked dynamically and needs {libc} or later");
        }
    }
    Ok(target)
}

/// Adds a target, unless it is present. Gives whether it is present then.
fn add(target: &str, present: impl Fn() -> bool) -> bool {
    if !present() && process::find("rustup").is_some() {
        println!("  .. rustup target add {target}");
        process::output(process::command("rustup").args(["target", "add", target])).ok();
    }
    present()
}
