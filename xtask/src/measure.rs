//! `cargo xtask size` and `bench`: the size and the speed of the widget and the server.

use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::{self, WASM_TARGET};
use crate::tasks::{cargo, program, server};
use crate::{paths, process, widget};

/// Prints the sizes that the size test measures, then the largest functions of the wasm.
pub fn size(top: u32, save: bool) -> Result<()> {
    let tools = setup::widget_tools()?;
    widget::build(&tools)?;
    process::run_step(
        "building the server",
        &mut cargo("build --workspace --bin till"),
    )?;
    let mut measure = cargo("test -q --workspace --test it widget::size -- --nocapture");
    measure.env("TILL_BIN", server(false)?);
    if save {
        measure.env("TILL_SIZES", "1");
    }
    process::run(&mut measure)?;

    let output = paths::build_output()?;
    let named = output.join("size");
    // Trunk's compiled module, which still has the names that wasm-opt strips.
    let compiled = output.join(WASM_TARGET).join("widget/till-widget.wasm");
    process::run(
        tools
            .bindgen()
            .args(["--target", "web", "--no-typescript", "--out-dir"])
            .arg(&named)
            .arg(&compiled),
    )
    .context("the names of the wasm's functions cannot be read")?;
    let twiggy = setup::twiggy()?;
    process::run(
        process::command(twiggy)
            .args(["top", "-n", &top.to_string()])
            .arg(named.join("till-widget_bg.wasm")),
    )
}

/// `cargo xtask bench server`.
pub fn bench_server(seconds: u32, only: Vec<String>) -> Result<()> {
    setup::load_tools()?;
    let mut arguments = vec![seconds.to_string()];
    arguments.extend(only);
    on_both_databases("bench-server", &arguments)
}

/// `cargo xtask bench lists`.
pub fn bench_lists(sizes: &[u32], rounds: u32) -> Result<()> {
    let mut arguments: Vec<_> = sizes.iter().map(u32::to_string).collect();
    arguments.extend(["--rounds".into(), rounds.to_string()]);
    on_both_databases("bench-lists", &arguments)
}

/// Runs a benchmark of the released server on SQLite, then on PostgreSQL.
fn on_both_databases(name: &str, arguments: &[String]) -> Result<()> {
    let postgres = setup::postgres()?;
    process::run_step(
        "building the server and the benchmark",
        cargo("build --release --workspace --bin till --bin").arg(name),
    )?;
    let bench = || -> Result<Command> {
        let mut bench = process::command(program(name, true)?);
        bench.args(arguments).env("TILL_BIN", server(true)?);
        Ok(bench)
    };
    process::run(&mut bench()?)?;
    let database = postgres.start_durable()?;
    let mut again = bench()?;
    database.apply(&mut again);
    process::run(&mut again)
}

/// Builds with the features of the whole workspace, so that nothing is compiled twice.
fn build_bench(name: &str) -> Result<()> {
    process::run_step(
        "building the benchmark",
        &mut cargo(&format!("build --workspace --bin {name}")),
    )
}

/// `cargo xtask bench widget`.
pub fn bench_widget(runs: u32) -> Result<()> {
    let tools = setup::widget_tools()?;
    let browser = setup::browser()?;
    let ours = setup::npm::TESTS.ensure()?;
    let theirs = setup::npm::BENCH.ensure()?;
    widget::build(&tools)?;
    process::run_step(
        "building the server",
        &mut cargo("build --bin till --profile release"),
    )?;
    build_bench("bench-widget")?;
    let mut bench = process::command(program("bench-widget", false)?);
    bench
        .arg(runs.to_string())
        .env("TILL_BIN", server(true)?)
        .env("TILL_NODE_MODULES", ours)
        .env("TILL_ADYEN_MODULES", theirs);
    browser.apply(&mut bench);
    process::run(&mut bench)
}
