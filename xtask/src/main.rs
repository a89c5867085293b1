//! `cargo xtask`: the tasks of this workspace, and the set-up that they need.
//!
//! Every task installs what it needs first. `setup` installs everything at once.

mod archive;
mod audit;
mod dist;
mod measure;
mod paths;
mod process;
mod sbom;
mod setup;
mod tasks;
mod test;
mod widget;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Till's development tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the build and the tests need: the WebAssembly target, trunk, wasm-bindgen, wasm-opt,
    /// esbuild, Chromium, PostgreSQL, PgBouncer, Node.js and npm packages, PHP, Python, the payment systems'
    /// test tools and the tools that test the OpenAPI document. Skips what is already installed
    Setup,
    /// Build everything and start the demo shop
    Demo {
        /// Build the server with optimizations
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
        /// Run those without a browser on PostgreSQL, with PgBouncer between the servers and PostgreSQL
        #[arg(long, conflicts_with = "postgres")]
        pgbouncer: bool,
        /// Passed on to `cargo nextest run`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Build the widget into dist/, which the server's build embeds
    Widget,
    /// Build an archive with the server, its manual pages, and the libraries of all parts with their
    /// licenses. Builds of one commit are equal, byte for byte
    Dist,
    /// Check the licenses, versions and sources of all libraries, and whether they have known
    /// vulnerabilities
    Audit,
    /// Call a server with 10,000 requests that the OpenAPI document allows and forbids, and check that
    /// it responds as the document says
    Contract {
        /// The number of requests, at least
        #[arg(long, default_value_t = 10_000)]
        cases: u32,
        /// The seed of the generator, as a failed run prints it; another one each time by default
        #[arg(long)]
        seed: Option<u128>,
    },
    /// Send random data to everything that reads data from outside
    Fuzz {
        /// The number of cases of each of the twelve tests
        #[arg(long, default_value_t = 1_000_000)]
        cases: u32,
    },
    /// Take the screenshots of the README in docs/images again
    Pictures,
    /// Serve the widget with `trunk serve` and rebuild it on every change
    Serve {
        /// Passed on to `trunk serve`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Check format and lints, for the host and for WebAssembly
    Lint,
    /// Print the size of the files that the first open loads, what they changed by, and the largest
    /// functions of the wasm
    Size {
        /// Record the sizes in widget/sizes.json, which later changes are compared with
        #[arg(long)]
        save: bool,
        /// The number of functions to print
        #[arg(long, default_value_t = 25)]
        top: u32,
    },
    /// Inject faults while payments run, on SQLite and on PostgreSQL
    Chaos {
        /// Passed on; `-- --help` lists the options
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
    /// The time from the click to a usable card field, compared with Adyen's Drop-in
    Widget {
        /// How often each is opened; prints medians
        #[arg(long, default_value_t = 15)]
        runs: u32,
    },
    /// What an order, a payment, a callback, a connection and a stream cost, on SQLite and on PostgreSQL
    Server {
        /// The duration of each measurement
        #[arg(long, default_value_t = 10)]
        seconds: u32,
        /// Only these: orders, payments, callbacks, connections
        only: Vec<String>,
    },
    /// How long each list takes with each of its filters, on databases of several sizes, on SQLite and on
    /// PostgreSQL
    Lists {
        /// The sizes, in invoices, separated by commas: a million takes about 3 GB
        #[arg(long, value_delimiter = ',', default_value = "10000,1000000")]
        sizes: Vec<u32>,
        /// How often each list is read; prints medians
        #[arg(long, default_value_t = 100)]
        rounds: u32,
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
            pgbouncer,
            args,
        } => test::run(&test::Options {
            names,
            postgres,
            pgbouncer,
            lint,
            args,
        })
        .map(|passed| {
            if !passed {
                std::process::exit(1);
            }
        }),
        Task::Widget => tasks::widget(),
        Task::Dist => dist::dist(),
        Task::Audit => audit::audit(),
        Task::Contract { cases, seed } => test::contract(cases, seed),
        Task::Fuzz { cases } => test::fuzz(cases),
        Task::Pictures => test::pictures(),
        Task::Serve { args } => tasks::serve(&args),
        Task::Lint => tasks::lint(),
        Task::Size { top, save } => measure::size(top, save),
        Task::Chaos { args } => tasks::chaos(&args),
        Task::Bench {
            what: Bench::Widget { runs },
        } => measure::bench_widget(runs),
        Task::Bench {
            what: Bench::Server { seconds, only },
        } => measure::bench_server(seconds, only),
        Task::Bench {
            what: Bench::Lists { sizes, rounds },
        } => measure::bench_lists(&sizes, rounds),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
