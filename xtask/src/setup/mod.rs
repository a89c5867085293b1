//! Set-up: installs what the build and the tests need in addition to the default Rust toolchain.
//!
//! Each step first checks what is installed. If something cannot be installed, the error says what to
//! do.

mod browser;
mod contract_tools;
mod debian;
mod debian_wasm;
mod languages;
mod launcher;
pub mod npm;
mod pgbouncer;
mod postgres;
mod provider_tools;
mod python;
mod rustc;
mod script;
mod static_target;
mod tools;
mod version;
mod wasm_target;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

pub use browser::Browser;
pub use contract_tools::ContractTools;
pub use languages::Languages;
pub use pgbouncer::{PgBouncer, Running as RunningPgBouncer};
pub use postgres::{Postgres, Running as RunningPostgres};
pub use provider_tools::ProviderTools;
pub use rustc::TARGET as WASM_TARGET;
pub use wasm_target::WasmToolchain;

use crate::process;

/// The tools that build the widget.
pub struct WidgetTools {
    pub toolchain: WasmToolchain,
    trunk: PathBuf,
    path: OsString,
}

impl WidgetTools {
    /// Returns a command that compiles for WebAssembly: cargo, or a program that runs it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = process::command(program);
        command.env("PATH", &self.path);
        self.toolchain.apply(&mut command);
        command
    }

    /// Returns a wasm-bindgen command.
    pub fn bindgen(&self) -> Command {
        self.command("wasm-bindgen")
    }

    /// Returns a trunk command.
    pub fn trunk(&self) -> Command {
        let mut command = self.command(&self.trunk);
        // Trunk accepts only `true` and `false` here, not the usual `1`.
        if env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            command.env("NO_COLOR", "true");
        }
        command
    }
}

/// Finds or installs make, which compiles the server's allocator.
pub fn make() -> Result<()> {
    package("make", "the server")
}

/// Finds or installs wrk, which makes the requests of benchmarks, and cpulimit, which gives processes a share of a
/// processor.
pub fn load_tools() -> Result<()> {
    package("wrk", "the benchmark")?;
    package("cpulimit", "the benchmark")
}

/// Finds or installs a program whose package has its name.
fn package(name: &str, needed_by: &str) -> Result<()> {
    if process::find(name).is_none() && debian::can_install() {
        debian::install(&[name])?;
    }
    if process::find(name).is_none() {
        bail!("{needed_by} needs {name}: install it with your package manager");
    }
    Ok(())
}

/// Finds or installs the tools that build the widget.
pub fn widget_tools() -> Result<WidgetTools> {
    println!("Set-up:");
    make()?;
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

/// Finds or installs the software that the connectors are tested with.
pub fn provider_tools() -> Result<ProviderTools> {
    provider_tools::ensure()
}

/// Finds or installs the tools that test the OpenAPI document.
pub fn contract_tools() -> Result<ContractTools> {
    contract_tools::ensure()
}

/// Finds or installs a browser and its driver.
pub fn browser() -> Result<Browser> {
    browser::ensure()
}

/// Finds or installs the languages of the documentation's snippets.
pub fn languages() -> Result<Languages> {
    languages::ensure()
}

/// Finds or installs PostgreSQL.
pub fn postgres() -> Result<Postgres> {
    postgres::ensure()
}

/// Finds or installs PgBouncer.
pub fn pgbouncer() -> Result<PgBouncer> {
    pgbouncer::ensure()
}

/// Finds or installs twiggy, which lists the largest functions of a WebAssembly module.
pub fn twiggy() -> Result<PathBuf> {
    tools::twiggy()
}

/// Finds or installs cargo-about, which collects the licenses of libraries.
pub fn about() -> Result<PathBuf> {
    tools::about()
}

/// Finds or installs cargo-cyclonedx, which lists libraries.
pub fn cyclonedx() -> Result<PathBuf> {
    tools::cyclonedx()
}

/// Finds or installs cargo-deny, which checks libraries against `deny.toml`.
pub fn deny() -> Result<PathBuf> {
    tools::deny()
}

/// Finds or installs the target of a statically linked program.
pub fn static_target() -> Result<static_target::Target> {
    static_target::ensure()
}

/// The program that runs the tests.
pub fn nextest() -> Result<PathBuf> {
    tools::nextest()
}
