//! `till`: the server, the sandbox payment system and the demo shop, in one program.

mod commands;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use std::io::IsTerminal;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

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

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<till_server::config::Config>),
    /// Manage projects
    #[command(subcommand)]
    Project(commands::project::Command),
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
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match cli.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(command: Command) -> anyhow::Result<()> {
    // Of the two that rustls can use, the one that builds everywhere without a C toolchain's help.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match command {
        Command::Serve(config) => commands::serve::run(*config, on_signal()?).await,
        Command::Project(command) => commands::project::run(command).await,
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
