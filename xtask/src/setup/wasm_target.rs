//! The standard library for `wasm32-unknown-unknown`: from rustup, or from Debian where rustup cannot
//! download.

use std::process::Command;

use anyhow::{Result, bail};

use super::rustc::{TARGET, has_target};
use super::{debian, debian_wasm};
use crate::process;

/// The toolchain that compiles the widget. The default one compiles everything else.
pub enum WasmToolchain {
    /// The default toolchain has the target.
    Default,
    /// A toolchain from Debian's packages, linked into rustup under this name.
    Linked(&'static str),
}

impl WasmToolchain {
    /// Sets the toolchain for a command and for a cargo that it runs.
    pub fn apply(&self, command: &mut Command) {
        if let Self::Linked(name) = self {
            command.env("RUSTUP_TOOLCHAIN", name);
            // `cargo run` sets it to the default toolchain's libraries.
            command.env_remove("LD_LIBRARY_PATH");
        }
    }
}

/// Finds or installs the target.
pub fn ensure() -> Result<WasmToolchain> {
    if has_target(&mut process::command("rustc"), TARGET) {
        println!("  ok: {TARGET} (default toolchain)");
        return Ok(WasmToolchain::Default);
    }
    if process::find("rustup").is_none() {
        bail!("this Rust has no {TARGET}: install Rust with rustup (https://rustup.rs)");
    }
    if debian_wasm::is_ready() {
        println!("  ok: {TARGET} (toolchain {})", debian_wasm::NAME);
        return Ok(WasmToolchain::Linked(debian_wasm::NAME));
    }
    println!("  .. rustup target add {TARGET} (downloads about 20 MB)");
    let added = process::output(process::command("rustup").args(["target", "add", TARGET]));
    match added {
        Ok(_) if has_target(&mut process::command("rustc"), TARGET) => {
            println!("  ok: {TARGET} (default toolchain)");
            return Ok(WasmToolchain::Default);
        }
        Ok(_) => println!("  rustup added it, but not for the toolchain in use"),
        Err(error) => println!("  rustup could not add it: {error:#}"),
    }
    if !debian::can_install() {
        bail!("{TARGET} is missing: check the network and run `rustup target add {TARGET}`");
    }
    debian_wasm::install()?;
    Ok(WasmToolchain::Linked(debian_wasm::NAME))
}
