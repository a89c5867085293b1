//! `cargo xtask`: the chores of this workspace, and the set-up they need.
//!
//! `demo` and `test` prepare the machine by themselves; `setup` is there for those who want to
//! see it done first.

mod measure;
mod paths;
mod process;
mod setup;
mod tasks;
mod test;
mod widget;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Till's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the build and the tests need; what is already there is left alone
    Setup,
    /// Build everything and start the demo shop
    Demo {
        /// Build the server optimised: slower to build, faster to run
        #[arg(long)]
        release: bool,
        /// Passed on to `till demo`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Build everything, run all tests that this machine can run, and print one summary
    Test {
        /// Run only the tests whose names contain one of these
        names: Vec<String>,
        /// Check format and lints as well, once the tests have passed
        #[arg(long)]
        lint: bool,
        /// Run all of them on PostgreSQL, instead of all on SQLite and then those without a browser
        /// on PostgreSQL
        #[arg(long)]
        postgres: bool,
        /// Passed on to `cargo nextest run`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Serve the widget with `trunk serve`, rebuilt at every change
    Serve {
        /// Passed on to `trunk serve`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Check format and lints, for the host and for WebAssembly
    Lint,
    /// Print the size of all that a buyer's first open loads, and what is large in the wasm
    Size {
        /// How many of the largest functions
        #[arg(long, default_value_t = 25)]
        top: u32,
    },
    /// Break things while payments flow, on SQLite and on PostgreSQL; 300 kills take a while
    Chaos {
        /// Passed on: `-- --help` shows what there is
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Measure speed
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// From the click to a card field that takes typing, side by side with Adyen's Drop-in
    Widget {
        /// How many times each is opened; medians are printed
        #[arg(long, default_value_t = 9)]
        runs: u32,
    },
    /// Payments a second, on SQLite and on PostgreSQL, by one server and by three
    Server {
        /// How long each is measured
        #[arg(long, default_value_t = 20)]
        seconds: u32,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Setup => tasks::setup(),
        Task::Demo { release, args } => tasks::demo(release, &args),
        Task::Test {
            names,
            lint,
            postgres,
            args,
        } => test::run(&test::Options {
            names,
            postgres,
            lint,
            args,
        })
        .map(|passed| {
            if !passed {
                std::process::exit(1);
            }
        }),
        Task::Serve { args } => tasks::serve(&args),
        Task::Lint => tasks::lint(),
        Task::Size { top } => measure::size(top),
        Task::Chaos { args } => tasks::chaos(&args),
        Task::Bench {
            what: Bench::Widget { runs },
        } => measure::bench_widget(runs),
        Task::Bench {
            what: Bench::Server { seconds },
        } => measure::bench_server(seconds),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
