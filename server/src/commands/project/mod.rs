//! `till project`.

mod key;
mod sandbox;
mod settings;

pub use sandbox::sandbox_account;

use super::common::{Common, actor, cli_error};
use anyhow::Context;
use serde_json::json;
use settings::SettingArgs;
use till_server::app::App;
use till_server::flow::page::Limit;
use till_server::flow::project_body::{read_new, read_update};
use till_server::flow::projects::{
    self, CreatedProject, ProjectView, create_project, rotate_key, rotate_secret, update_project,
};
use till_shared::id::ProjectId;

/// The commands that manage projects.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Create a project and print its keys. Save them: they are not shown again
    Create(Box<Create>),
    /// List projects, the newest first
    List(Box<List>),
    /// Show a project
    Show(Box<Show>),
    /// Update a project: settings without a flag stay as they are, an empty value clears a setting
    Update(Box<Update>),
    /// Manage secret keys with a name and scopes
    #[command(subcommand)]
    Key(key::Command),
    /// Replace the secret key with all scopes; the old key stays valid for 24 hours, and keys with a name
    /// stay as they are
    RotateKey(Box<Rotate>),
    /// Replace the signing secret; callbacks are signed with both for 24 hours
    RotateSecret(Box<Rotate>),
}

/// Flags of `till project create`.
#[derive(clap::Args)]
pub struct Create {
    /// The name that buyers see
    #[arg(long)]
    name: String,

    #[command(flatten)]
    settings: SettingArgs,

    #[command(flatten)]
    common: Common,
}

/// Flags of `till project list`.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    common: Common,
}

/// Arguments of `till project show`.
#[derive(clap::Args)]
pub struct Show {
    /// The project's id, prj_...
    project: ProjectId,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till project update`.
#[derive(clap::Args)]
pub struct Update {
    /// The project's id, prj_...
    project: ProjectId,

    /// The name that buyers see
    #[arg(long)]
    name: Option<String>,

    #[command(flatten)]
    settings: SettingArgs,

    #[command(flatten)]
    common: Common,
}

/// Arguments of `till project rotate-key` and `till project rotate-secret`.
#[derive(clap::Args)]
pub struct Rotate {
    /// The project's id, prj_...
    project: ProjectId,

    /// End the old one immediately, because it leaked
    #[arg(long)]
    now: bool,

    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(new) => create(*new).await,
        Command::List(list) => show_all(list.common).await,
        Command::Show(one) => {
            let app = App::reader(one.common.config).await?;
            let project = projects::get(&app, &one.project).await.map_err(cli_error);
            let project = project.with_context(|| format!("there is no {}", one.project))?;
            show(&project, one.common.json)
        }
        Command::Update(update) => {
            let mut patch = update.settings.body().await?;
            patch.extend(update.name.map(|name| ("name".into(), name.into())));
            let sets_endpoint = patch.get("notify_url").is_some_and(|url| !url.is_null());
            let app = App::migrated(update.common.config).await?;
            let change = read_update(patch).map_err(cli_error)?;
            let changed = update_project(&app, &actor(), &update.project, change).await;
            let changed = changed.map_err(cli_error)?;
            report_warnings(&changed);
            if sets_endpoint {
                report_unsent(changed.unsent_events);
            }
            show(&changed, update.common.json)
        }
        Command::Key(command) => key::run(command).await,
        Command::RotateKey(rotate) => {
            let app = App::migrated(rotate.common.config).await?;
            let sk = rotate_key(&app, &actor(), &rotate.project, rotate.now).await;
            let sk = sk.map_err(cli_error)?;
            print_secret("sk", "secret key", &sk, rotate.common.json);
            Ok(())
        }
        Command::RotateSecret(rotate) => {
            let app = App::migrated(rotate.common.config).await?;
            let secret = rotate_secret(&app, &actor(), &rotate.project, rotate.now).await;
            let secret = secret.map_err(cli_error)?;
            print_secret(
                "signing_secret",
                "signing secret",
                &secret,
                rotate.common.json,
            );
            Ok(())
        }
    }
}

/// Says what keeps the project from taking payments. Standard output has the project only.
fn report_warnings(project: &ProjectView) {
    for warning in &project.warnings {
        eprintln!("warning: {warning}");
    }
}

/// Says how many events wait for an endpoint. Standard output has the project only.
fn report_unsent(count: i64) {
    let events = match count {
        0 => return,
        1 => "1 event waits",
        _ => &format!("{count} events wait"),
    };
    eprintln!(
        "{events} unsent. To send them, call POST /v1/events/resend with {{\"state\": \"unsent\"}}."
    );
}

fn print_secret(name: &str, words: &str, secret: &str, as_json: bool) {
    if as_json {
        println!("{}", json!({ name: secret }));
    } else {
        println!("{words} {secret}   (not shown again)");
    }
}

async fn create(new: Create) -> anyhow::Result<()> {
    let mut body = new.settings.body().await?;
    body.insert("name".into(), new.name.into());
    let (settings, accounts, captcha) = read_new(body).map_err(cli_error)?;
    let app = App::migrated(new.common.config).await?;
    let created = create_project(&app, &actor(), settings, accounts, captcha).await;
    let CreatedProject {
        project,
        sk,
        signing_secret,
    } = created.map_err(cli_error)?;
    report_warnings(&project);
    let (id, pk) = (&project.id, &project.pk);
    if new.common.json {
        let keys = json!({ "id": id, "pk": pk, "sk": sk, "signing_secret": signing_secret });
        println!("{keys}");
    } else {
        println!("project         {id}");
        println!("publishable key {pk}   (for your pages)");
        println!("secret key      {sk}   (for your server; not shown again)");
        println!("signing secret  {signing_secret}   (verifies callbacks; not shown again)");
    }
    Ok(())
}

/// The number of projects read at once.
const BATCH: i64 = 100;

async fn show_all(common: Common) -> anyhow::Result<()> {
    let app = App::reader(common.config).await?;
    let mut before = None;
    loop {
        let limit = Limit::new(Some(BATCH)).map_err(cli_error)?;
        let page = projects::list(&app, before.as_ref(), limit).await;
        let page = page.map_err(cli_error)?;
        for project in &page.data {
            if common.json {
                show(project, true)?;
            } else {
                println!("{}  {}", project.id, project.settings.name);
            }
        }
        before = page.data.last().map(|project| project.id.clone());
        if page.next_cursor.is_none() {
            return Ok(());
        }
    }
}

fn show(project: &ProjectView, as_json: bool) -> anyhow::Result<()> {
    let text = if as_json {
        serde_json::to_string(project)?
    } else {
        serde_json::to_string_pretty(project)?
    };
    println!("{text}");
    Ok(())
}
