//! `cargo xtask test`: runs the tests that this machine can run, and prints one summary of them.

mod leftovers;
mod machine;
mod scratch;
mod summary;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::setup::{self, WASM_TARGET, WidgetTools};
use crate::tasks::{cargo, lint_with, server};
use crate::{paths, process, widget};
use machine::{Database, Machine};
use scratch::Scratch;
use summary::Summary;

/// What to run.
pub struct Options {
    /// Substrings of the names of the tests to run; all, if there are none.
    pub names: Vec<String>,
    /// Run every test on PostgreSQL, instead of all on SQLite and some again on PostgreSQL.
    pub postgres: bool,
    /// Run the tests without a browser on PostgreSQL, with the servers behind PgBouncer.
    pub pgbouncer: bool,
    /// Check format and lints once the tests have passed.
    pub lint: bool,
    /// Further arguments of `cargo nextest run`.
    pub args: Vec<String>,
}

/// The whole-system tests that use the database and no browser, as a filterset of nextest's. Connectors differ in
/// what they send and not in what is stored: one of them stands for all.
const DATABASE: &str = "binary(it) & test(/^(api|connectors|operations|resilience)::/) \
    & not test(/^(connectors::(described|signatures)|api::contract)::/) \
    & not test(/^connectors::(conformance::)?(adyen|mollie|paypal)::/) \
    & not test(/^connectors::(conformance::sandbox|localstripe)::/)";
/// Tests of what only one of the databases has.
const SQLITE_ONLY: &str = "test(/^resilience::disk_full::/)";
const POSTGRES_ONLY: &str =
    "test(/^(resilience::(chaos_postgres|failover|locks|pgbouncer)|operations::database_tls)::/)";
/// The tests of the widget's components.
const COMPONENTS: &str = "till-widget component_tests";
/// The tests with random data.
const FUZZ: &str = "test(/(^|::)fuzz_/)";
/// The tests wait more than they compute: for timeouts, retries and what a browser draws.
const TESTS_PER_CORE: usize = 2;

/// Builds everything and runs the tests. Gives whether any ran and all that ran passed.
pub fn run(options: &Options) -> Result<bool> {
    let start = Instant::now();
    setup::make()?;
    let libraries = compile_libraries()?;
    let tools = setup::widget_tools()?;
    let nextest = setup::nextest()?;
    let machine = Machine::prepare();
    widget::build(&tools)?;
    libraries.wait()?;
    process::run_step(
        "building the server and the tests",
        &mut cargo("build --workspace --bin till --tests"),
    )?;
    let mut runner = Runner {
        tools: &tools,
        nextest,
        server: server(false)?,
        options,
        summary: Summary::default(),
    };
    let again = format!("{DATABASE} & not {SQLITE_ONLY}");
    if options.pgbouncer {
        runner.run(&machine, Database::PgBouncer, &again)?;
    } else if options.postgres {
        runner.run_components(&machine)?;
        runner.run(&machine, Database::Postgres, &format!("not {SQLITE_ONLY}"))?;
    } else {
        runner.run_components(&machine)?;
        runner.run(&machine, Database::Sqlite, &format!("not {POSTGRES_ONLY}"))?;
        runner.run(&machine, Database::Postgres, &again)?;
    }
    let summary = runner.summary;
    let passed = summary.run() > 0 && summary.failed() == 0;
    if options.lint && passed {
        lint_with(&tools)?;
    }
    summary.print(start.elapsed());
    Ok(passed)
}

/// Compiles the libraries that the server and the tests use, while set-up waits for downloads and the
/// widget's build keeps one core busy. The build of the server and the tests finds them compiled, or
/// reports what is wrong.
fn compile_libraries() -> Result<process::Background> {
    let direct = "tree --workspace --depth 1 --prefix none --format {p}";
    let mut build = cargo("build --lib");
    for package in process::output(&mut cargo(direct))?.lines() {
        // A name, a version such as `v1.0.0`, and the path of a package of this workspace.
        let mut words = package.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next())
            && !package.contains("(/")
        {
            let version = version.trim_start_matches('v');
            build.args(["--package", &format!("{name}@{version}")]);
        }
    }
    process::Background::start(&mut build)
}

/// `cargo xtask pictures`: has the test that compares the pictures replace them.
pub fn pictures() -> Result<()> {
    process::run(
        process::command(env::current_exe()?)
            .args(["test", "widget::pictures"])
            .env("TILL_PICTURES", "1"),
    )
}

/// `cargo xtask contract`: runs the test that compares the server with the OpenAPI document longer.
pub fn contract(cases: u32, seed: Option<u128>) -> Result<()> {
    let mut command = process::command(env::current_exe()?);
    command
        .args(["test", "api::contract::the_server_is_as_described"])
        .env("TILL_CONTRACT_CASES", cases.to_string());
    if let Some(seed) = seed {
        command.env("TILL_CONTRACT_SEED", seed.to_string());
    }
    process::run(&mut command)
}

/// `cargo xtask fuzz`: runs the tests with random data longer, with optimizations.
pub fn fuzz(cases: u32) -> Result<()> {
    let nextest = setup::nextest()?;
    process::run(
        process::command(nextest)
            .args([
                "nextest",
                "run",
                "--workspace",
                "--lib",
                "--bin",
                "till-widget",
                "--release",
            ])
            .args(["--profile", "fuzz", "-E", FUZZ])
            .env("PROPTEST_CASES", cases.to_string()),
    )
}

/// How many tests run at a time.
fn test_threads() -> Result<usize> {
    Ok(thread::available_parallelism()?.get() * TESTS_PER_CORE)
}

struct Runner<'a> {
    tools: &'a WidgetTools,
    nextest: PathBuf,
    server: PathBuf,
    options: &'a Options,
    summary: Summary,
}

impl Runner<'_> {
    /// Runs the tests of a filterset on a database, but for those that this machine can't run.
    fn run(&mut self, machine: &Machine, database: Database, wanted: &str) -> Result<()> {
        let mut runnable = format!("({wanted})");
        for missing in machine.missing(database) {
            let tests = format!("({wanted}) & ({})", missing.tests);
            self.summary.ignore(&missing.reason, self.count(&tests)?);
            runnable += &format!(" & not ({})", missing.tests);
        }
        let report = paths::workspace().join("target/nextest/default/junit.xml");
        if report.exists() {
            fs::remove_file(&report)?;
        }
        let scratch = Scratch::in_memory();
        let dir = scratch.as_ref().map(Scratch::dir);
        let running = machine.start(database, dir)?;
        // Each test has a database of its own. With the tables in the template, it has them at once.
        let file = dir.filter(|_| database == Database::Sqlite);
        let file = file.map(|dir| dir.join("template.db"));
        let template = match (&running, &file) {
            (Some(running), _) => Some(running.template()),
            (None, Some(file)) => Some(format!("sqlite:{}", file.display())),
            (None, None) => None,
        };
        if let Some(template) = template {
            let mut migrate = process::command(&self.server);
            process::output(migrate.args(["migrate", "--database-url", &template]))?;
        }
        println!("Tests on {database}:");
        let mut command = self.command("run");
        command
            .args(["--no-tests", "pass", "--final-status-level", "none", "-E"])
            .arg(&runnable)
            .args(&self.options.args)
            .env("TILL_BIN", &self.server)
            .env("NEXTEST_TEST_THREADS", test_threads()?.to_string())
            // An error without the stack of the test.
            .env("RUST_LIB_BACKTRACE", "0");
        machine.apply(&mut command);
        leftovers::mark(&mut command);
        if let Some(dir) = dir {
            command.env("TMPDIR", dir);
        }
        if let Some(running) = &running {
            running.apply(&mut command);
        }
        if let Some(file) = file {
            command.env("TILL_TEST_SQLITE", file);
        }
        // The report says which tests failed; what fails otherwise leaves none behind.
        let status = command.status()?;
        if report.exists() {
            self.summary.add(&fs::read_to_string(&report)?, database)?;
            self.summary.add_leftovers(&leftovers::wait(), database);
            return Ok(());
        }
        if !status.success() {
            bail!("cargo nextest failed ({status}), see above");
        }
        Ok(())
    }

    /// Runs the widget's component tests in a browser.
    fn run_components(&mut self, machine: &Machine) -> Result<()> {
        let names = &self.options.names;
        if !names.is_empty() && !names.iter().any(|name| COMPONENTS.contains(name.as_str())) {
            return Ok(());
        }
        if !machine.has_browser() {
            self.summary.ignore("no browser for the component tests", 1);
            return Ok(());
        }
        println!("Component tests:");
        let mut command = self.tools.command("cargo");
        command
            .args(["test", "-p", "till-widget", "--target", WASM_TARGET])
            .env(
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
                "wasm-bindgen-test-runner",
            );
        machine.apply(&mut command);
        leftovers::mark(&mut command);
        let output = command.output().context("cannot start cargo")?;
        let lines = String::from_utf8_lossy(&output.stdout);
        print!("{lines}");
        let ran = self.summary.add_lines(&lines, COMPONENTS);
        if !output.status.success() && ran.failed == 0 || ran.all == 0 {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// How many of the tests asked for are in a filterset.
    fn count(&self, tests: &str) -> Result<usize> {
        let mut command = self.command("list");
        command.args(["--message-format", "oneline", "-E", tests]);
        Ok(process::output(&mut command)?.lines().count())
    }

    fn command(&self, task: &str) -> std::process::Command {
        let mut command = process::command(&self.nextest);
        command
            .args(["nextest", task, "--workspace", "--cargo-quiet"])
            .args(&self.options.names);
        command
    }
}
