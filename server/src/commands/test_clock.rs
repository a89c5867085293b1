//! `till test`.

use super::common::{Common, OfProject, cli_error, print_json};
use serde_json::json;
use till_server::app::App;
use till_server::flow::test_clock::advance;

/// The commands for test projects.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Let time pass in a test project: invoices expire, verifications run out, and retries are due
    Advance(Box<Advance>),
}

/// Arguments of `till test advance`.
#[derive(clap::Args)]
pub struct Advance {
    /// The time to let pass, in seconds
    seconds: i64,

    #[command(flatten)]
    project: OfProject,

    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Advance(args) = command;
    let app = App::open(args.common.config).await?;
    let project = args.project.find(&app).await?;
    advance(&app, &project, args.seconds)
        .await
        .map_err(cli_error)?;
    if args.common.json {
        return print_json(&json!({ "seconds": args.seconds }));
    }
    println!("{} seconds have passed for {}", args.seconds, project.id);
    Ok(())
}
