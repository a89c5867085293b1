//! `till payment`.

use super::common::{
    Common, Filters, Length, OfProject, actor, cli_error, one_of, print_json, print_table,
};
use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use till_server::app::App;
use till_server::flow::payments::{self, PaymentFilter, Resolution, resolve};
use till_shared::id::PaymentId;
use till_shared::money::Money;
use till_shared::payment::{DeclineCode, Payment, PaymentStatus};

/// The commands about payments.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List payments, the newest first
    List(Box<List>),
    /// Show a payment
    Show(Box<Show>),
    /// End a payment that no payment system will end: one that is held because of a different amount,
    /// or whose outcome stays unknown
    Resolve(Box<Resolve>),
}

/// Arguments of `till payment list`.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    project: OfProject,

    #[command(flatten)]
    filters: Filters,

    /// Only payments in this status, such as succeeded
    #[arg(long, value_parser = one_of::<PaymentStatus>())]
    status: Option<PaymentStatus>,

    /// Only payments through this connector, such as stripe
    #[arg(long)]
    connector: Option<String>,

    /// Only payments that were declined for this reason, such as insufficient_funds
    #[arg(long, value_parser = one_of::<DeclineCode>())]
    decline: Option<DeclineCode>,

    /// Only payments by a card that ends in these four digits
    #[arg(long)]
    last4: Option<String>,

    #[command(flatten)]
    length: Length,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till payment show`.
#[derive(clap::Args)]
pub struct Show {
    /// The payment's id, pay_...
    payment: PaymentId,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till payment resolve`.
#[derive(clap::Args)]
pub struct Resolve {
    /// The payment's id, pay_...
    payment: PaymentId,

    /// What became of the payment
    #[arg(long, value_parser = outcome())]
    status: PaymentStatus,

    /// The payment system's id of the payment, which refunds need
    #[arg(long)]
    reference: Option<String>,

    /// How you know, for the audit log
    #[arg(long)]
    reason: String,

    #[command(flatten)]
    common: Common,
}

/// The statuses that end a payment.
fn outcome() -> impl TypedValueParser<Value = PaymentStatus> {
    let all = [PaymentStatus::Succeeded, PaymentStatus::Failed];
    PossibleValuesParser::new(all.map(PaymentStatus::as_str))
        .try_map(|text| text.parse::<PaymentStatus>())
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list(*args).await,
        Command::Show(args) => show(*args).await,
        Command::Resolve(args) => end(*args).await,
    }
}

async fn list(args: List) -> anyhow::Result<()> {
    let app = App::reader(args.common.config).await?;
    let project = args.project.find(&app).await?;
    let id = |payment: &Payment| payment.shown.id.clone();
    let found = args.length.read(id, async |before, limit| {
        let filter = PaymentFilter {
            invoice: args.filters.invoice.clone(),
            order_id: args.filters.order_id.clone(),
            status: args.status,
            connector: args.connector.clone(),
            decline: args.decline,
            last4: args.last4.clone(),
            email: args.filters.email.clone(),
            created_after: args.filters.created_after,
            created_before: args.filters.created_before,
            before,
        };
        let page = payments::list(&app, &project, filter, limit).await?;
        Ok((page.data, page.next_cursor.is_some()))
    });
    let found = found.await?;
    if args.common.json {
        return found.iter().try_for_each(print_json);
    }
    let mut rows = vec![];
    for payment in &found {
        rows.push(row(&app, payment).await?);
    }
    print_table(&rows);
    Ok(())
}

async fn row(app: &App, payment: &Payment) -> anyhow::Result<Vec<String>> {
    let invoice = app.store.invoice(&payment.invoice).await?;
    let card = payment.shown.card.as_ref();
    let decline = payment.shown.decline.as_ref();
    Ok(vec![
        payment.created_at.clone(),
        payment.shown.id.to_string(),
        money(payment).to_string(),
        payment.shown.status.to_string(),
        decline.map_or_else(String::new, |decline| decline.code.to_string()),
        card.map_or_else(
            || payment.shown.method.to_string(),
            |card| format!("{} {}", card.brand, card.last4),
        ),
        invoice.map_or_else(String::new, |invoice| invoice.order_id),
    ])
}

fn money(payment: &Payment) -> Money {
    Money {
        amount: payment.amount,
        currency: payment.currency,
    }
}

async fn show(args: Show) -> anyhow::Result<()> {
    let app = App::reader(args.common.config).await?;
    let row = app.store.payment(&args.payment).await?;
    let row = row.with_context(|| format!("there is no {}", args.payment))?;
    let project = app.store.project(&row.project).await?;
    let project = project.context("the payment's project is gone")?;
    let payment = payments::get(&app, &project, &args.payment).await;
    let payment = payment.map_err(cli_error)?;
    if args.common.json {
        print_json(&payment)
    } else {
        println!("{}", serde_json::to_string_pretty(&payment)?);
        Ok(())
    }
}

async fn end(args: Resolve) -> anyhow::Result<()> {
    let app = App::open(args.common.config).await?;
    let resolution = Resolution {
        status: args.status,
        reference: args.reference,
        reason: args.reason,
    };
    let payment = resolve(&app, &actor(), &args.payment, resolution).await;
    let payment = payment.map_err(cli_error)?;
    if args.common.json {
        print_json(&payment)
    } else {
        println!("{} is {}", payment.shown.id, payment.shown.status);
        Ok(())
    }
}
