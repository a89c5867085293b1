//! `till invoice`.

use super::common::{Common, OfProject, cli_error, one_of, print_json};
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use till_server::app::App;
use till_server::flow::Detached;
use till_server::flow::invoices::{Order, Origin, create_invoice};
use till_server::new_id;
use till_shared::buyer::Buyer;
use till_shared::id::InvoiceId;
use till_shared::money::{Currency, Money};
use till_shared::payment::Method;

/// The commands about invoices.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Create an invoice and print the page on which to pay it. The same order returns the same invoice
    Create(Box<Create>),
}

/// Arguments of `till invoice create`.
#[derive(clap::Args)]
pub struct Create {
    #[command(flatten)]
    project: OfProject,

    /// The order's number
    #[arg(long)]
    order_id: String,

    /// The amount, such as 19.99
    #[arg(long)]
    amount: String,

    /// The currency, such as EUR
    #[arg(long)]
    currency: Currency,

    /// The text that the buyer sees
    #[arg(long)]
    description: Option<String>,

    /// The buyer's email address
    #[arg(long)]
    email: Option<String>,

    /// The buyer's name
    #[arg(long)]
    name: Option<String>,

    /// The buyer's phone number
    #[arg(long)]
    phone: Option<String>,

    /// The buyer's country, such as DE
    #[arg(long)]
    country: Option<String>,

    /// The language of the payment page, a BCP 47 tag
    #[arg(long)]
    locale: Option<String>,

    /// The payment method: the payment is created at once, and the payment system's page is printed
    #[arg(long, value_parser = one_of::<Method>())]
    method: Option<Method>,

    /// Where the buyer is sent after a successful payment
    #[arg(long)]
    success_url: Option<String>,

    /// Where the buyer is sent otherwise
    #[arg(long)]
    failure_url: Option<String>,

    /// How long the invoice stays open, in seconds
    #[arg(long)]
    expires_in_seconds: Option<u32>,

    /// The shop's own data, such as shelf=7; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    metadata: Vec<String>,

    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Create(args) = command;
    let Create {
        project,
        order_id,
        amount,
        currency,
        common,
        ..
    } = *args;
    let money = Money::from_decimal(&amount, currency);
    let money = money.map_err(|error| anyhow::anyhow!("--amount {error}"))?;
    let order = Order {
        order_id,
        amount: money.amount,
        currency: currency.code().to_owned(),
        description: args.description,
        items: vec![],
        buyer: Buyer {
            email: args.email,
            name: args.name,
            phone: args.phone,
            country: args.country,
        },
        locale: args.locale,
        success_url: args.success_url,
        failure_url: args.failure_url,
        method: args.method,
        expires_in_seconds: args.expires_in_seconds,
        metadata: metadata(&args.metadata)?,
    };
    let app = App::open(common.config).await?;
    let project = project.find(&app).await?;
    let (inside, id) = (app.clone(), InvoiceId::from_unique(new_id::unique()));
    let created = Detached::spawn(&app.tasks, |detached| async move {
        create_invoice(&detached, &inside, &project, id, order, Origin::Server).await
    });
    let created = created.await.context("the command was interrupted")?;
    let created = created.map_err(cli_error)?;
    if common.json {
        return print_json(&created.invoice);
    }
    let invoice = created.invoice;
    if !created.new {
        eprintln!("The order has an invoice already.");
    }
    println!("invoice {}   {}", invoice.id, invoice.status);
    let page = invoice.confirmation_url.unwrap_or(invoice.payment_url);
    println!("pay at  {page}");
    Ok(())
}

fn metadata(given: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for one in given {
        let Some((name, value)) = one.split_once('=') else {
            bail!("--metadata {one}: not NAME=VALUE");
        };
        all.insert(name.to_owned(), value.to_owned());
    }
    Ok(all)
}
