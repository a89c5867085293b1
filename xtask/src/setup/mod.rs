//! Set-up: what the build and the tests need beside the default Rust toolchain.
//!
//! Each step looks first and says `ok` when there is nothing to do. What cannot be installed
//! ends the run with one line that says what to do.

mod browser;
mod debian;
mod debian_wasm;
mod languages;
mod launcher;
pub mod npm;
mod postgres;
mod provider_tools;
mod rustc;
mod script;
mod tools;
mod version;
mod wasm_target;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

pub use browser::Browser;
pub use languages::Languages;
pub use postgres::{Postgres, Running as RunningPostgres};
pub use provider_tools::ProviderTools;
pub use rustc::TARGET as WASM_TARGET;
pub use wasm_target::WasmToolchain;

use crate::process;

/// What is needed to build the widget.
pub struct WidgetTools {
    pub toolchain: WasmToolchain,
    trunk: PathBuf,
    path: OsString,
}

impl WidgetTools {
    /// A command that compiles for WebAssembly: cargo, or a program that starts it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = process::command(program);
        command.env("PATH", &self.path);
        self.toolchain.apply(&mut command);
        command
    }

    /// Turns a compiled widget into what a browser loads, with its names kept.
    pub fn bindgen(&self) -> Command {
        self.command("wasm-bindgen")
    }

    /// Trunk, which builds and serves the widget.
    pub fn trunk(&self) -> Command {
        let mut command = self.command(&self.trunk);
        // Trunk reads this one as `true` or `false` and refuses the customary `1`.
        if env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            command.env("NO_COLOR", "true");
        }
        command
    }
}

/// Everything for building the widget and the server.
pub fn widget_tools() -> Result<WidgetTools> {
    println!("Set-up:");
    let toolchain = wasm_target::ensure()?;
    let tools = tools::ensure()?;
    launcher::ensure(&toolchain, &tools.trunk, &tools.dirs)?;
    let inherited = env::var_os("PATH").unwrap_or_default();
    let dirs = tools.dirs.iter().cloned();
    let path = env::join_paths(dirs.chain(env::split_paths(&inherited)))
        .context("a directory of PATH has a name that PATH cannot hold")?;
    Ok(WidgetTools {
        toolchain,
        trunk: tools.trunk,
        path,
    })
}

/// Software of others that the connectors are tested against.
pub fn provider_tools() -> Result<ProviderTools> {
    provider_tools::ensure()
}

/// A browser and its driver, for the tests.
pub fn browser() -> Result<Browser> {
    browser::ensure()
}

/// What the documentation's snippets are run with, for the tests.
pub fn languages() -> Result<Languages> {
    languages::ensure()
}

/// A PostgreSQL server, for the tests.
pub fn postgres() -> Result<Postgres> {
    postgres::ensure()
}

/// Twiggy, which tells what is large in a WebAssembly module.
pub fn twiggy() -> Result<PathBuf> {
    tools::twiggy()
}

/// The program that runs the tests.
pub fn nextest() -> Result<PathBuf> {
    tools::nextest()
}
