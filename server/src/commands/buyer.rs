//! `till buyer`.

use super::common::{Common, OfProject, actor, cli_error, print_json};
use anyhow::bail;
use till_server::app::App;
use till_server::flow::buyer_data::{Forgotten, Mode, find, forget};
use till_shared::id::InvoiceId;

/// The commands about buyers.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Remove a buyer's data from finished invoices and everything that belongs to them. Amounts, order
    /// ids, statuses and references stay
    Forget(Box<Forget>),
}

/// Arguments of `till buyer forget`.
#[derive(clap::Args)]
#[group(id = "buyer", required = true, multiple = false, args = ["email", "invoice"])]
pub struct Forget {
    /// The buyer's email address, in any case: all invoices of the project with it
    #[arg(long)]
    email: Option<String>,

    /// One invoice, inv_...
    #[arg(long, conflicts_with = "project")]
    invoice: Option<InvoiceId>,

    /// Say what would be removed, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    project: OfProject,

    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Forget(args) = command;
    let Forget {
        email,
        invoice,
        dry_run,
        project,
        common,
    } = *args;
    let app = App::open(common.config).await?;
    let invoices = match (email, invoice) {
        (Some(email), _) => {
            let project = project.find(&app).await?;
            find(&app, &project, &email).await.map_err(cli_error)?
        }
        (None, invoice) => invoice.into_iter().collect(),
    };
    let mode = if dry_run { Mode::DryRun } else { Mode::Remove };
    let mut kept = 0;
    for invoice in &invoices {
        let forgotten = forget(&app, &actor(), invoice, mode)
            .await
            .map_err(cli_error)?;
        kept += usize::from(forgotten.kept.is_some());
        if common.json {
            print_json(&forgotten)?;
        } else {
            print(&forgotten, mode);
        }
    }
    if invoices.is_empty() {
        eprintln!("No invoice has this buyer.");
    }
    if mode == Mode::Remove && !app.store.empty_log().await? {
        eprintln!(
            "The file beside the database whose name ends in -wal is in use and may have the data \
             until the servers stop. Run the command again in a moment."
        );
    }
    if kept > 0 {
        bail!("the buyer's data are kept in {kept} of the invoices, for the reasons above");
    }
    Ok(())
}

fn print(forgotten: &Forgotten, mode: Mode) {
    let Forgotten {
        invoice,
        order_id,
        kept,
        removed,
        payment_systems,
    } = forgotten;
    if let Some(reason) = kept {
        println!("{invoice}  order {order_id}  kept: {reason}");
        return;
    }
    let mut parts: Vec<_> = removed.fields.iter().map(ToString::to_string).collect();
    for (count, one, many) in [
        (removed.cards, "card", "cards"),
        (removed.refund_reasons, "refund reason", "refund reasons"),
        (removed.events, "event's data", "events' data"),
        (
            removed.responses,
            "response to a callback",
            "responses to callbacks",
        ),
        (
            removed.idempotent_responses,
            "response under an idempotency key",
            "responses under idempotency keys",
        ),
    ] {
        match count {
            0 => {}
            1 => parts.push(format!("1 {one}")),
            _ => parts.push(format!("{count} {many}")),
        }
    }
    let what = if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    };
    let verb = match mode {
        Mode::Remove => "removed",
        Mode::DryRun => "would be removed",
    };
    println!("{invoice}  order {order_id}  {verb}: {what}");
    for kept in payment_systems {
        println!(
            "  {} keeps its own data of {}: remove them there",
            kept.connector, kept.reference
        );
    }
}
