//! `till`: the server, the sandbox payment system and the demo shop, in one program.

mod commands;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use till_server::telemetry::{self, LogFormat};
use tokio_util::sync::CancellationToken;

/// Take payments on your own site, through your own server.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    /// How the log is written, to standard error. `RUST_LOG` says how much of it.
    #[arg(long, env = "TILL_LOG_FORMAT", global = true, default_value = "text")]
    log_format: LogFormat,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<till_server::config::Config>),
    /// Manage projects
    #[command(subcommand)]
    Project(commands::project::Command),
    /// Copy the database, SQLite's, while the server runs
    Backup(commands::backup::Args),
    /// Sign simple HTML forms
    #[command(subcommand)]
    Form(commands::form::Command),
    /// Run the sandbox: a payment system to try things on
    Sandbox(commands::sandbox::Args),
    /// Run server, sandbox and a demo shop, set up to work together
    Demo(commands::demo::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Of the two that rustls can use, the one that builds everywhere without a C toolchain's help.
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
        Command::Project(command) => commands::project::run(command).await,
        Command::Backup(args) => commands::backup::run(args).await,
        Command::Form(command) => commands::form::run(command).await,
        Command::Sandbox(args) => commands::sandbox::run(args, on_signal()?).await,
        Command::Demo(args) => commands::demo::run(args, on_signal()?).await,
    }
}

/// Cancelled by Ctrl-C or SIGTERM.
fn on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).context("SIGTERM can't be listened for")?;
    let mut int = signal(SignalKind::interrupt()).context("Ctrl-C can't be listened for")?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("finishing what runs, then stopping");
        cancelled.cancel();
    });
    Ok(token)
}
