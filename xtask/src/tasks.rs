//! The tasks of `cargo xtask`.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::{self, WASM_TARGET, WidgetTools};
use crate::{paths, process, widget};

/// `cargo xtask setup`.
pub fn setup() -> Result<()> {
    setup::widget_tools()?;
    setup::browser()?;
    setup::languages()?;
    setup::provider_tools()?;
    setup::contract_tools()?;
    setup::postgres()?;
    setup::pgbouncer()?;
    setup::npm::TESTS.ensure()?;
    setup::nextest()?;
    println!("Ready.");
    Ok(())
}

/// `cargo xtask demo`.
pub fn demo(release: bool, args: &[String]) -> Result<()> {
    let tools = setup::widget_tools()?;
    widget::build(&tools)?;
    let profile = if release { "release" } else { "dev" };
    process::run_step(
        "building the server",
        // The whole workspace's choice of features, so that `test` finds it all compiled.
        cargo("build --workspace --bin till --profile").arg(profile),
    )?;
    become_program(process::command(server(release)?).arg("demo").args(args))
}

/// `cargo xtask widget`.
pub fn widget() -> Result<()> {
    widget::build(&setup::widget_tools()?)
}

/// `cargo xtask chaos`.
pub fn chaos(args: &[String]) -> Result<()> {
    let postgres = setup::postgres()?;
    process::run_step(
        "building the server and the chaos",
        &mut cargo("build --workspace --bin till --bin chaos"),
    )?;
    let chaos = || -> Result<Command> {
        let mut chaos = process::command(program("chaos", false)?);
        chaos.args(args).env("TILL_BIN", server(false)?);
        Ok(chaos)
    };
    process::run(&mut chaos()?)?;
    let database = postgres.start(None)?;
    let mut again = chaos()?;
    database.apply(&mut again);
    process::run(&mut again)
}

/// `cargo xtask serve`.
pub fn serve(args: &[String]) -> Result<()> {
    let tools = setup::widget_tools()?;
    become_program(tools.trunk().arg("serve").args(args))
}

/// `cargo xtask lint`.
pub fn lint() -> Result<()> {
    lint_with(&setup::widget_tools()?)
}

/// Checks format and lints.
pub fn lint_with(tools: &WidgetTools) -> Result<()> {
    process::run_step("format", &mut cargo("fmt --all --check"))?;
    process::run_step(
        "lints",
        &mut cargo("clippy --workspace --all-targets -- -D warnings"),
    )?;
    process::run_step(
        "lints of the widget for WebAssembly",
        tools
            .command("cargo")
            .args(["clippy", "-p", "till-widget", "--target", WASM_TARGET])
            .args(["--", "-D", "warnings"]),
    )
}

/// Returns a cargo command in the workspace directory.
pub fn cargo(words: &str) -> Command {
    let mut command = process::command("cargo");
    command.args(words.split(' '));
    command
}

/// The path of the server's binary.
pub fn server(release: bool) -> Result<PathBuf> {
    program("till", release)
}

/// The path of a binary of the workspace.
pub fn program(name: &str, release: bool) -> Result<PathBuf> {
    let profile = if release { "release" } else { "debug" };
    Ok(paths::build_output()?
        .join(profile)
        .join(format!("{name}{}", env::consts::EXE_SUFFIX)))
}

/// Replaces this process by a program, which then receives Ctrl-C and sets the exit code.
fn become_program(command: &mut Command) -> Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start {}", command.get_program().display()))
}
