//! `till payment`.

use super::project::cli_error;
use till_server::app::App;
use till_server::config::Config;
use till_server::flow::payments::{Resolution, resolve};
use till_shared::id::PaymentId;
use till_shared::payment::PaymentStatus;

/// The commands about payments.
#[derive(clap::Subcommand)]
pub enum Command {
    /// End a payment that no payment system will end: one that is held because of a different amount,
    /// or whose outcome stays unknown
    Resolve(Box<Resolve>),
}

/// Arguments of `till payment resolve`.
#[derive(clap::Args)]
pub struct Resolve {
    /// The payment's id, pay_...
    payment: PaymentId,

    /// `succeeded` or `failed`
    #[arg(long)]
    status: PaymentStatus,

    /// The payment system's id of the payment, which refunds need
    #[arg(long)]
    reference: Option<String>,

    /// How you know, for the audit log
    #[arg(long)]
    reason: String,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    config: Config,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Resolve(args) = command;
    let app = App::open(args.config).await?;
    let resolution = Resolution {
        status: args.status,
        reference: args.reference,
        reason: args.reason,
    };
    let payment = resolve(&app, &args.payment, resolution).await;
    let payment = payment.map_err(cli_error)?;
    if args.json {
        println!("{}", serde_json::to_string(&payment)?);
    } else {
        println!("{} is {}", payment.shown.id, payment.shown.status);
    }
    Ok(())
}
