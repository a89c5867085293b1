//! `till project key`.

use crate::commands::common::{
    Common, Length, actor, cli_error, credential_state, one_of, print_json, print_table, time,
};
use serde_json::json;
use till_server::app::App;
use till_server::flow::keys::{self, CreatedKey, KeyScope, KeyView, NewKey};
use till_shared::id::{KeyId, ProjectId};

/// The commands that manage secret keys.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Create a secret key and print it. Save it: it is not shown again
    Create(Box<Create>),
    /// List secret keys, the newest first
    List(Box<List>),
    /// End a secret key at once, on all servers
    Revoke(Box<Revoke>),
}

/// Arguments of `till project key create`.
#[derive(clap::Args)]
pub struct Create {
    /// The project's id, prj_...
    project: ProjectId,

    /// A name by which you know the key
    #[arg(long)]
    name: String,

    /// What the key allows: read for every call that only reads, refund for refunds, write for all other
    /// calls; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = one_of::<KeyScope>())]
    scopes: Vec<KeyScope>,

    /// When the key ends, such as 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires_at: Option<i64>,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till project key list`.
#[derive(clap::Args)]
pub struct List {
    /// The project's id, prj_...
    project: ProjectId,

    #[command(flatten)]
    length: Length,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till project key revoke`.
#[derive(clap::Args)]
pub struct Revoke {
    /// The project's id, prj_...
    project: ProjectId,

    /// The key's id, key_...
    key: KeyId,

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
            let key = keys::revoke(&app, &actor(), &args.project, &args.key).await;
            let key = key.map_err(cli_error)?;
            if args.common.json {
                return print_json(&key);
            }
            println!("{} ({}) is revoked", key.id, key.name);
            Ok(())
        }
    }
}

async fn create(args: Create) -> anyhow::Result<()> {
    let app = App::open(args.common.config).await?;
    let new = NewKey {
        name: args.name,
        scopes: args.scopes,
        expires_at: args.expires_at,
    };
    let created = keys::create(&app, &actor(), &args.project, new).await;
    let CreatedKey { key, sk } = created.map_err(cli_error)?;
    if args.common.json {
        let mut shown = serde_json::to_value(&key)?;
        shown["sk"] = json!(sk);
        return print_json(&shown);
    }
    println!("key        {}   ({})", key.id, key.name);
    println!("secret key {sk}   (not shown again)");
    Ok(())
}

async fn list(args: List) -> anyhow::Result<()> {
    let app = App::reader(args.common.config).await?;
    let id = |key: &KeyView| key.id.clone();
    let found = args.length.read(id, async |before, limit| {
        let page = keys::list(&app, &args.project, before.as_ref(), limit).await?;
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

fn row(key: &KeyView) -> Vec<String> {
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let [used, end] = credential_state(key.last_used_at.as_deref(), key.expires_at.as_deref());
    vec![
        key.id.to_string(),
        key.name.clone(),
        scopes.join(","),
        used,
        end,
    ]
}
