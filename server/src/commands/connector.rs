//! `till connector`.

use super::common::cli_error;
use anyhow::{Context, bail};
use till_server::app::App;
use till_server::config::Config;
use till_server::flow::connector_check::{Outcome, check};

/// The commands about accounts at payment systems.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Try an account without moving money: the login, a test payment that is canceled, and the
    /// webhook's URL and secret
    Check(Box<Check>),
}

/// Arguments of `till connector check`.
#[derive(clap::Args)]
pub struct Check {
    /// The account: its connector's kind and its id, for example `stripe/main`
    account: String,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    config: Config,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Check(args) = command;
    let (kind, account) = args
        .account
        .split_once('/')
        .context("name the account with its kind, for example stripe/main")?;
    let app = App::open(args.config).await?;
    let steps = check(&app, kind, account).await.map_err(cli_error)?;
    if args.json {
        println!("{}", serde_json::to_string(&steps)?);
    } else {
        for step in &steps {
            println!("{:<8} {:<15} {}", step.outcome, step.step, step.detail);
        }
    }
    let failed = steps.iter().filter(|step| step.outcome == Outcome::Failed);
    let failed: Vec<_> = failed.map(|step| step.step).collect();
    if !failed.is_empty() {
        bail!("the account does not work yet: {}", failed.join(", "));
    }
    Ok(())
}
