//! `till event`.

use super::common::{
    Common, Filters, Length, OfProject, cli_error, one_of, print_json, print_table, time,
};
use anyhow::bail;
use till_server::app::App;
use till_server::flow::events::{self, After, EventFilter, Selection};
use till_shared::event::{DeliveryState, EventType, SentEvent};
use till_shared::id::EventId;

/// The commands about callbacks.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List callbacks, the newest first
    List(Box<List>),
    /// Show a callback with its delivery attempts
    Show(Box<Show>),
    /// Send a callback again now, or all in a state. Earlier ones of the same invoice that wait are sent
    /// first
    Resend(Box<Resend>),
}

/// Arguments of `till event list`.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    project: OfProject,

    #[command(flatten)]
    filters: Filters,

    /// Only callbacks of this type, such as invoice.paid
    #[arg(long = "type", value_name = "TYPE", value_parser = one_of::<EventType>())]
    kind: Option<EventType>,

    /// Only callbacks in this state: pending, delivered, failed or unsent
    #[arg(long, value_parser = one_of::<DeliveryState>())]
    state: Option<DeliveryState>,

    #[command(flatten)]
    length: Length,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till event show`.
#[derive(clap::Args)]
pub struct Show {
    /// The callback's id, evt_...
    event: EventId,

    #[command(flatten)]
    project: OfProject,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till event resend`.
#[derive(clap::Args)]
pub struct Resend {
    /// The callback's id, evt_...
    #[arg(required_unless_present = "state", conflicts_with_all = ["state", "kind", "after"])]
    event: Option<EventId>,

    /// All callbacks in this state, such as failed
    #[arg(long, value_parser = one_of::<DeliveryState>())]
    state: Option<DeliveryState>,

    /// Only callbacks of this type, such as invoice.paid
    #[arg(long = "type", value_name = "TYPE", value_parser = one_of::<EventType>())]
    kind: Option<EventType>,

    /// Only callbacks created after this time, or after the beginning of this day in UTC
    #[arg(long, value_parser = time)]
    after: Option<i64>,

    #[command(flatten)]
    project: OfProject,

    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list(*args).await,
        Command::Show(args) => show(*args).await,
        Command::Resend(args) => resend(*args).await,
    }
}

async fn list(args: List) -> anyhow::Result<()> {
    let app = App::reader(args.common.config).await?;
    let project = args.project.find(&app).await?;
    let id = |event: &SentEvent| event.event.id.clone();
    let found = args.length.read(id, async |before, limit| {
        let filter = EventFilter {
            kind: args.kind,
            state: args.state,
            invoice: args.filters.invoice.clone(),
            order_id: args.filters.order_id.clone(),
            email: args.filters.email.clone(),
            after: After {
                event: None,
                time: args.filters.created_after,
            },
            created_before: args.filters.created_before,
            before,
        };
        let page = events::list(&app, &project, filter, limit).await?;
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

fn row(event: &SentEvent) -> Vec<String> {
    let order = event.event.data.invoice.as_ref();
    vec![
        event.event.created_at.clone(),
        event.event.id.to_string(),
        event.event.r#type.to_string(),
        event.state.to_string(),
        last_attempt(event),
        order.map_or_else(String::new, |invoice| invoice.order_id.clone()),
    ]
}

/// The outcome of the last attempt.
fn last_attempt(event: &SentEvent) -> String {
    let Some(last) = event.attempts.last() else {
        return "no attempt".into();
    };
    match (last.status, &last.error) {
        (Some(status), _) => format!("answered {status}"),
        (None, Some(error)) => error.clone(),
        (None, None) => "no answer".into(),
    }
}

async fn show(args: Show) -> anyhow::Result<()> {
    let app = App::reader(args.common.config).await?;
    let project = args.project.find(&app).await?;
    let event = events::get(&app, &project, &args.event).await;
    let event = event.map_err(cli_error)?;
    if args.common.json {
        return print_json(&event);
    }
    println!("{}", serde_json::to_string_pretty(&event)?);
    Ok(())
}

async fn resend(args: Resend) -> anyhow::Result<()> {
    let app = App::open(args.common.config).await?;
    let project = args.project.find(&app).await?;
    if let Some(event) = &args.event {
        let resent = events::resend(&app, &project, event).await;
        let resent = resent.map_err(cli_error)?;
        if args.common.json {
            return print_json(&resent);
        }
        for id in &resent.sending {
            println!("sending {id}");
        }
        return Ok(());
    }
    let Some(state) = args.state else {
        bail!("name a callback, or a state with --state");
    };
    let mut after = After {
        event: None,
        time: args.after,
    };
    let mut sending = 0;
    loop {
        let selection = Selection {
            state,
            kind: args.kind,
            after,
        };
        let resent = events::resend_all(&app, &project, selection).await;
        let resent = resent.map_err(cli_error)?;
        sending += resent.data.len();
        for event in &resent.data {
            if args.common.json {
                print_json(event)?;
            } else {
                let invoice = event.invoice.as_ref().map(ToString::to_string);
                println!(
                    "sending {} {} {}",
                    event.id,
                    event.r#type,
                    invoice.unwrap_or_default()
                );
            }
        }
        let Some(last) = resent.next_cursor else {
            break;
        };
        after = After {
            event: Some(last),
            time: args.after,
        };
    }
    if sending == 0 {
        eprintln!("No callback is {state}.");
    }
    Ok(())
}
