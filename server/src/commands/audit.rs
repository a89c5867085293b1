//! `till audit`.

use super::common::{Common, Length, cli_error, print_json, print_table, time};
use anyhow::bail;
use serde_json::json;
use till_server::app::App;
use till_server::flow::audit::{self, EntryView, Filter, Verified, verify};
use till_shared::id::ProjectId;

/// The commands about the audit log.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List what operators, commands and secret keys changed, the newest first
    List(Box<List>),
    /// Check that no entry was changed, removed, inserted or moved
    Verify(Box<Verify>),
}

/// Arguments of `till audit list`.
#[derive(clap::Args)]
pub struct List {
    /// Only entries about this project, prj_...
    #[arg(long)]
    project: Option<ProjectId>,

    /// Only entries with this action, such as payment.resolve
    #[arg(long)]
    action: Option<String>,

    /// Only entries of this operator, user or key, by name, or by the key's id
    #[arg(long)]
    actor: Option<String>,

    /// Only entries about the object with this id, such as pay_...
    #[arg(long)]
    subject: Option<String>,

    /// Only entries created after this time, or after the beginning of this day in UTC
    #[arg(long, value_parser = time)]
    created_after: Option<i64>,

    /// Only entries created before this time, or before the beginning of this day in UTC
    #[arg(long, value_parser = time)]
    created_before: Option<i64>,

    #[command(flatten)]
    length: Length,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till audit verify`.
#[derive(clap::Args)]
pub struct Verify {
    /// The hash of an entry, as the server's log has it. The audit log must contain it
    #[arg(long, value_name = "HASH")]
    head: Option<String>,

    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list(*args).await,
        Command::Verify(args) => check(*args).await,
    }
}

async fn list(args: List) -> anyhow::Result<()> {
    let app = App::reader(args.common.config).await?;
    let id = |entry: &EntryView| entry.id.clone();
    let found = args.length.read(id, async |before, limit| {
        let filter = Filter {
            project: args.project.clone(),
            action: args.action.clone(),
            actor: args.actor.clone(),
            subject: args.subject.clone(),
            created_after: args.created_after,
            created_before: args.created_before,
            before,
        };
        let page = audit::list(&app, &filter, limit).await?;
        Ok((page.data, page.next_cursor.is_some()))
    });
    let found = found.await?;
    if args.common.json {
        return found.iter().try_for_each(print_json);
    }
    let rows: Vec<_> = found.iter().map(row).collect();
    print_table(&rows);
    Ok(())
}

fn row(entry: &EntryView) -> Vec<String> {
    let seq = entry.seq.map_or_else(|| "-".into(), |seq| seq.to_string());
    let name = entry.actor_name.as_deref().unwrap_or_default();
    let origin = entry.origin.as_deref();
    vec![
        seq,
        entry.at.clone(),
        format!("{} {name}", entry.actor).trim_end().to_owned(),
        origin.map_or_else(String::new, |origin| format!("from {origin}")),
        entry.action.clone(),
        entry.subject.clone(),
    ]
}

async fn check(args: Verify) -> anyhow::Result<()> {
    let app = App::reader(args.common.config).await?;
    let expected = args.head.as_deref().map(str::trim);
    let verified = verify(&app, expected).await.map_err(cli_error)?;
    let Verified {
        entries,
        unchained,
        head,
        findings,
    } = &verified;
    let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
    let (seq, hash) = head.clone().unzip();
    if args.common.json {
        print_json(&json!({
            "entries": entries, "without_hash": unchained, "seq": seq, "head": hash,
            "findings": findings,
        }))?;
    } else {
        println!("entries with a hash: {entries}");
        if *unchained > 0 {
            println!("entries of an earlier version, without a hash: {unchained}");
        }
        if let Some(hash) = hash {
            println!("head {hash}");
        }
    }
    if !findings.is_empty() {
        bail!("the audit log was changed:\n  {}", findings.join("\n  "));
    }
    Ok(())
}
