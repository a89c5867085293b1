//! `till operator`.

use super::common::{
    Common, Length, actor, cli_error, credential_state, one_of, print_json, print_table, time,
};
use serde_json::json;
use till_server::app::App;
use till_server::flow::operators::{self, CreatedOperator, NewOperator, OperatorView, Role};

/// The commands that manage operators.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Create an operator and print the token. Save it: it is not shown again
    Create(Box<Create>),
    /// List operators by name
    List(Box<List>),
    /// End an operator's token at once, on all servers
    Revoke(Box<Revoke>),
}

/// Arguments of `till operator create`.
#[derive(clap::Args)]
pub struct Create {
    /// The operator's name, which the audit log shows
    name: String,

    /// What the operator may do: viewer to read, support also to resolve payments, admin everything
    #[arg(long, value_parser = one_of::<Role>())]
    role: Role,

    /// When the token ends, such as 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires_at: Option<i64>,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till operator list`.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    length: Length,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till operator revoke`.
#[derive(clap::Args)]
pub struct Revoke {
    /// The operator's name
    name: String,

    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(args) => create(*args).await,
        Command::List(args) => list(*args).await,
        Command::Revoke(args) => {
            let app = App::open(args.common.config).await?;
            let operator = operators::revoke(&app, &actor(), &args.name).await;
            let operator = operator.map_err(cli_error)?;
            if args.common.json {
                return print_json(&operator);
            }
            println!("{} is revoked", operator.name);
            Ok(())
        }
    }
}

async fn create(args: Create) -> anyhow::Result<()> {
    let app = App::open(args.common.config).await?;
    let new = NewOperator {
        name: args.name,
        role: args.role,
        expires_at: args.expires_at,
    };
    let created = operators::create(&app, &actor(), new).await;
    let CreatedOperator { operator, token } = created.map_err(cli_error)?;
    if args.common.json {
        let mut shown = serde_json::to_value(&operator)?;
        shown["token"] = json!(token);
        return print_json(&shown);
    }
    println!("operator {}   ({})", operator.name, operator.role);
    println!("token    {token}   (not shown again)");
    Ok(())
}

async fn list(args: List) -> anyhow::Result<()> {
    let app = App::reader(args.common.config).await?;
    let id = |operator: &OperatorView| operator.name.clone();
    let found = args.length.read(id, async |after: Option<String>, limit| {
        let page = operators::list(&app, after.as_deref(), limit).await?;
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

fn row(operator: &OperatorView) -> Vec<String> {
    let used = operator.last_used_at.as_deref();
    let [used, end] = credential_state(used, operator.expires_at.as_deref());
    vec![operator.name.clone(), operator.role.to_string(), used, end]
}
