//! The `till` program: the server, the sandbox payment system and the demo shop.

mod commands;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;
use till_server::telemetry::{self, LogFormat};
use tokio_util::sync::CancellationToken;
use zeroizing_alloc::ZeroAlloc;

/// Overwrites all memory that is freed, so that no library leaves a card or a key in it. jemalloc returns to the
/// system what a peak leaves.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<Jemalloc> = ZeroAlloc(Jemalloc);

/// Take payments on your own site, through your own server.
#[derive(Parser)]
#[command(name = "till", version, max_term_width = 100)]
struct Cli {
    /// The format of the log, which goes to standard error. `RUST_LOG` sets its level.
    #[arg(long, env = "TILL_LOG_FORMAT", global = true, default_value = "text")]
    log_format: LogFormat,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<till_server::config::Config>),
    /// Create the database's tables or bring them up to date, as `serve` does when it starts
    Migrate(Box<commands::migrate::Args>),
    /// Manage projects
    #[command(subcommand)]
    Project(commands::project::Command),
    /// Try accounts at payment systems
    #[command(subcommand)]
    Connector(commands::connector::Command),
    /// Create invoices
    #[command(subcommand)]
    Invoice(commands::invoice::Command),
    /// Find payments, and resolve them
    #[command(subcommand)]
    Payment(commands::payment::Command),
    /// Find callbacks, and send them again
    #[command(subcommand)]
    Event(commands::event::Command),
    /// Remove a buyer's data
    #[command(subcommand)]
    Buyer(commands::buyer::Command),
    /// Manage operators
    #[command(subcommand)]
    Operator(commands::operator::Command),
    /// Read and verify the audit log
    #[command(subcommand)]
    Audit(commands::audit::Command),
    /// Copy an SQLite database while the server runs
    Backup(Box<commands::backup::Args>),
    /// Replace the encryption key
    #[command(subcommand)]
    Keys(commands::keys::Command),
    /// Sign simple HTML forms
    #[command(subcommand)]
    Form(commands::form::Command),
    /// Let time pass in a test project
    #[command(subcommand)]
    Test(commands::test_clock::Command),
    /// Make a callback happen in a test project
    Trigger(Box<commands::trigger::Args>),
    /// Run the sandbox, a payment system for tests
    Sandbox(commands::sandbox::Args),
    /// Run the server, the sandbox and a demo shop together
    Demo(commands::demo::Args),
    /// Print a completion script for a shell
    Completions(commands::generate::Completions),
    /// Write the manual pages to a directory
    Man(commands::generate::Man),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The provider that builds on every platform without further tools.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let collector = match &cli.command {
        Command::Serve(config) => config.otlp_endpoint.clone(),
        _ => None,
    };
    let done = telemetry::start(cli.log_format, collector.as_deref()).and_then(|telemetry| {
        let done = run(cli.command);
        telemetry.finish();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(config) => commands::serve::run(*config, on_signal()?).await,
        Command::Migrate(args) => commands::migrate::run(*args).await,
        Command::Project(command) => commands::project::run(command).await,
        Command::Connector(command) => commands::connector::run(command).await,
        Command::Invoice(command) => commands::invoice::run(command).await,
        Command::Payment(command) => commands::payment::run(command).await,
        Command::Event(command) => commands::event::run(command).await,
        Command::Buyer(command) => commands::buyer::run(command).await,
        Command::Operator(command) => commands::operator::run(command).await,
        Command::Audit(command) => commands::audit::run(command).await,
        Command::Backup(args) => commands::backup::run(*args).await,
        Command::Keys(command) => commands::keys::run(command).await,
        Command::Form(command) => commands::form::run(command).await,
        Command::Test(command) => commands::test_clock::run(command).await,
        Command::Trigger(args) => commands::trigger::run(*args).await,
        Command::Sandbox(args) => commands::sandbox::run(args, on_signal()?).await,
        Command::Demo(args) => commands::demo::run(args, on_signal()?).await,
        Command::Completions(args) => commands::generate::completions(&args, Cli::command()),
        Command::Man(args) => commands::generate::man(&args, Cli::command()),
    }
}

/// Returns a token that Ctrl-C or SIGTERM cancels.
fn on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    let mut int = signal(SignalKind::interrupt()).context("can't listen for Ctrl-C")?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("shutting down: waiting for work in progress");
        cancelled.cancel();
    });
    Ok(token)
}
