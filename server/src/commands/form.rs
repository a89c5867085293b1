//! `till form`.

use super::common::{OfProject, cli_error};
use anyhow::{Context, bail};
use maud::html;
use std::str::FromStr;
use till_server::app::App;
use till_server::callbacks::sign::valid_secrets;
use till_server::config::Config;
use till_server::flow::form_signature::{SIGNATURE, signature};
use till_server::flow::invoices::validate;
use till_server::http::check_form;

/// The commands that deal with simple HTML forms.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Sign an order and print an HTML form that pays for it
    Sign(Box<Sign>),
}

/// Arguments of `till form sign`.
#[derive(clap::Args)]
pub struct Sign {
    #[command(flatten)]
    project: OfProject,

    /// The order's fields, such as order_id=42 amount=19.99 currency=EUR
    #[arg(required = true, value_name = "NAME=VALUE")]
    fields: Vec<Field>,

    #[command(flatten)]
    config: Config,
}

#[derive(Clone)]
struct Field(String, String);

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
        Ok(Self(name.to_owned(), value.to_owned()))
    }
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Sign(sign) = command;
    let app = App::open(sign.config).await?;
    let project = sign.project.find(&app).await?;
    let mut fields = vec![("project".to_owned(), project.pk.clone())];
    for Field(name, value) in sign.fields {
        if name == "project" || name == SIGNATURE {
            bail!("{name} is added automatically: leave it out");
        }
        fields.push((name, value));
    }
    // The server rejects the same forms.
    let order = check_form(&fields).map_err(|reasons| anyhow::anyhow!(reasons.join("\n")))?;
    validate(order, app.config.dev).map_err(cli_error)?;
    let secrets = valid_secrets(&app.keys, &project)?;
    let newest = secrets
        .first()
        .context("the project has no signing secret")?;
    let signed = signature(newest, &fields)?;
    fields.push((SIGNATURE.into(), signed));

    println!(
        "<form method=\"post\" action=\"{}/pay\" accept-charset=\"utf-8\">",
        app.base_url
    );
    for (name, value) in &fields {
        let input = html! { input type="hidden" name=(name) value=(value); };
        println!("  {}", input.into_string());
    }
    println!("  <button>Buy</button>\n</form>");
    Ok(())
}
