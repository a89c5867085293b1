//! `till project`.

use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::time::Duration;
use till_server::app::App;
use till_server::config::Config;
use till_server::flow::Error;
use till_server::flow::accounts::NewAccount;
use till_server::flow::page::Limit;
use till_server::flow::project_body::read_update;
use till_server::flow::projects::{
    self, CreatedProject, ProjectView, create_project, rotate_key, rotate_secret, update_project,
};
use till_shared::id::ProjectId;

/// What can be done with projects.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a project and print its keys, which are shown only now
    Create(Box<Create>),
    /// List projects, the newest first
    List(Box<List>),
    /// Show a project
    Show(Box<One>),
    /// Change a project: what is not given stays, an empty value clears
    Update(Box<Change>),
    /// Replace the secret key; the old one stays good for 24 hours
    RotateKey(Box<Rotate>),
    /// Replace the signing secret; for 24 hours callbacks are signed with both
    RotateSecret(Box<Rotate>),
}

/// A project's settings on the command line.
#[derive(clap::Args)]
struct SettingArgs {
    /// An origin that may embed the widget, such as https://shop.example; may be repeated
    #[arg(long = "origin")]
    origins: Vec<String>,

    /// Where the order check goes, before money moves
    #[arg(long)]
    check_url: Option<String>,

    /// Where callbacks go
    #[arg(long)]
    notify_url: Option<String>,

    /// Where the buyer goes after success
    #[arg(long)]
    success_url: Option<String>,

    /// Where the buyer goes otherwise
    #[arg(long)]
    failure_url: Option<String>,

    /// How long an invoice stays open, in seconds
    #[arg(long)]
    invoice_ttl_seconds: Option<u32>,

    /// What is asked of the buyer where the order doesn't bring it: email, name, phone, country;
    /// may be repeated
    #[arg(long = "require")]
    required: Vec<String>,

    /// How the project's pages open the widget: popup or iframe
    #[arg(long)]
    mode: Option<String>,

    /// The widget's colours: auto, light or dark
    #[arg(long)]
    theme: Option<String>,

    /// The widget's accent colour, #rrggbb
    #[arg(long)]
    accent: Option<String>,

    /// The widget's language, a BCP 47 tag
    #[arg(long)]
    locale: Option<String>,

    /// Where the project's logo is, https
    #[arg(long)]
    logo_url: Option<String>,

    /// An account at a payment system, as a JSON file: kind, account, label, credentials, methods,
    /// currencies; may be repeated, the preferred one first. In a change these are all from now on
    #[arg(long = "connector", value_name = "FILE")]
    connectors: Vec<PathBuf>,

    /// Open an account at the sandbox payment system at this URL, and use it
    #[arg(long, value_name = "URL")]
    sandbox: Option<url::Url>,

    /// No real money moves
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    test: Option<bool>,
}

impl SettingArgs {
    /// As the body of `/v1/projects`, with what was given and nothing else.
    async fn body(self) -> anyhow::Result<Map<String, Value>> {
        let mut body = Map::new();
        let mut widget = Map::new();
        let text = |given: Option<String>| {
            given.map(|t| if t.is_empty() { Value::Null } else { t.into() })
        };
        for (name, given) in [
            ("check_url", self.check_url),
            ("notify_url", self.notify_url),
            ("success_url", self.success_url),
            ("failure_url", self.failure_url),
        ] {
            body.extend(text(given).map(|value| (name.to_owned(), value)));
        }
        for (name, given) in [
            ("mode", self.mode),
            ("theme", self.theme),
            ("accent", self.accent),
            ("locale", self.locale),
            ("logo_url", self.logo_url),
        ] {
            widget.extend(text(given).map(|value| (name.to_owned(), value)));
        }
        for (name, mut given) in [
            ("allowed_origins", self.origins),
            ("required_buyer_fields", self.required),
        ] {
            if !given.is_empty() {
                given.retain(|text| !text.is_empty());
                body.insert(name.into(), json!(given));
            }
        }
        if let Some(seconds) = self.invoice_ttl_seconds {
            body.insert("invoice_ttl_seconds".into(), json!(seconds));
        }
        if !widget.is_empty() {
            body.insert("widget".into(), widget.into());
        }
        if let Some(test) = self.test.or(self.sandbox.as_ref().map(|_| true)) {
            body.insert("test".into(), test.into());
        }
        let mut connectors = vec![];
        for file in &self.connectors {
            connectors.push(read_file(file)?);
        }
        if let Some(url) = &self.sandbox {
            connectors.push(sandbox_account_json(url.as_str()).await?);
        }
        if !connectors.is_empty() {
            body.insert("connectors".into(), connectors.into());
        }
        Ok(body)
    }
}

fn read_file(file: &PathBuf) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("can't read {}", file.display()))?;
    // The parser's own words might repeat a credential.
    let read = serde_json::from_str(&text).ok();
    read.with_context(|| format!("{} is not JSON", file.display()))
}

/// A project to make.
#[derive(clap::Args)]
pub struct Create {
    /// What buyers read
    #[arg(long)]
    name: String,

    #[command(flatten)]
    settings: SettingArgs,

    #[command(flatten)]
    common: Common,
}

/// What every command takes.
#[derive(clap::Args)]
struct Common {
    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    config: Config,
}

/// A list of projects.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    common: Common,
}

/// One project.
#[derive(clap::Args)]
pub struct One {
    /// Its id, prj_...
    project: ProjectId,

    #[command(flatten)]
    common: Common,
}

/// A change of a project.
#[derive(clap::Args)]
pub struct Change {
    /// Its id, prj_...
    project: ProjectId,

    /// What buyers read
    #[arg(long)]
    name: Option<String>,

    #[command(flatten)]
    settings: SettingArgs,

    #[command(flatten)]
    common: Common,
}

/// A key or secret to replace.
#[derive(clap::Args)]
pub struct Rotate {
    /// The project's id, prj_...
    project: ProjectId,

    /// End the old one at once: it leaked
    #[arg(long)]
    now: bool,

    #[command(flatten)]
    common: Common,
}

/// Carries the command out.
pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(new) => create(*new).await,
        Command::List(list) => show_all(list.common).await,
        Command::Show(one) => {
            let app = App::new(one.common.config).await?;
            let project = projects::get(&app, &one.project).await.map_err(in_words);
            let project = project.with_context(|| format!("there is no {}", one.project))?;
            show(&project, one.common.json)
        }
        Command::Update(update) => {
            let mut patch = update.settings.body().await?;
            patch.extend(update.name.map(|name| ("name".into(), name.into())));
            let app = App::new(update.common.config).await?;
            let change = read_update(patch).map_err(in_words)?;
            let changed = update_project(&app, &update.project, change).await;
            show(&changed.map_err(in_words)?, update.common.json)
        }
        Command::RotateKey(rotate) => {
            let app = App::new(rotate.common.config).await?;
            let sk = rotate_key(&app, &rotate.project, rotate.now).await;
            let sk = sk.map_err(in_words)?;
            print_secret("sk", "secret key", &sk, rotate.common.json);
            Ok(())
        }
        Command::RotateSecret(rotate) => {
            let app = App::new(rotate.common.config).await?;
            let secret = rotate_secret(&app, &rotate.project, rotate.now).await;
            let secret = secret.map_err(in_words)?;
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

fn print_secret(name: &str, words: &str, secret: &str, as_json: bool) {
    match as_json {
        true => println!("{}", json!({ name: secret })),
        false => println!("{words} {secret}   (not shown again)"),
    }
}

#[derive(Deserialize)]
struct Accounts {
    #[serde(default)]
    connectors: Vec<NewAccount>,
}

async fn create(new: Create) -> anyhow::Result<()> {
    let mut body = new.settings.body().await?;
    body.insert("name".into(), new.name.into());
    let connectors = body.remove("connectors").unwrap_or_else(|| json!([]));
    let accounts: Accounts = serde_json::from_value(json!({ "connectors": connectors }))
        .context("a connector file is not as described")?;
    let settings = serde_json::from_value(body.into())?;
    let app = App::new(new.common.config).await?;
    let created = create_project(&app, settings, accounts.connectors).await;
    let CreatedProject {
        project,
        sk,
        signing_secret,
    } = created.map_err(in_words)?;
    let (id, pk) = (&project.id, &project.pk);
    if new.common.json {
        let keys = json!({ "id": id, "pk": pk, "sk": sk, "signing_secret": signing_secret });
        println!("{keys}");
    } else {
        println!("project         {id}");
        println!("publishable key {pk}   (in the page)");
        println!("secret key      {sk}   (on your server; not shown again)");
        println!("signing secret  {signing_secret}   (verifies callbacks; not shown again)");
    }
    Ok(())
}

/// How many projects are read at once.
const BATCH: i64 = 100;

async fn show_all(common: Common) -> anyhow::Result<()> {
    let app = App::new(common.config).await?;
    let mut before = None;
    loop {
        let limit = Limit::new(Some(BATCH)).map_err(in_words)?;
        let page = projects::list(&app, before.as_ref(), limit).await;
        let page = page.map_err(in_words)?;
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

/// What won't do, field by field.
pub fn in_words(error: Error) -> anyhow::Error {
    match error {
        Error::Problem { detail, errors, .. } => {
            let fields = errors
                .iter()
                .map(|e| format!("\n  {}: {}", e.field, e.message));
            anyhow::anyhow!("{detail}{}", fields.collect::<String>())
        }
        Error::Internal(cause) => cause,
    }
}

#[derive(Deserialize)]
struct SandboxAccount {
    account: String,
    api_key: secrecy::SecretString,
    webhook_secret: secrecy::SecretString,
}

/// Signs up at a sandbox payment system.
pub async fn sandbox_account(base_url: &str) -> anyhow::Result<NewAccount> {
    Ok(serde_json::from_value(
        sandbox_account_json(base_url).await?,
    )?)
}

async fn sandbox_account_json(base_url: &str) -> anyhow::Result<Value> {
    let base_url = base_url.trim_end_matches('/');
    let answer = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .no_proxy()
        .build()?
        .post(format!("{base_url}/v1/accounts"))
        .send()
        .await
        .with_context(|| format!("no sandbox answers at {base_url}; start `till sandbox`"))?;
    if !answer.status().is_success() {
        bail!("the sandbox opened no account: {}", answer.status());
    }
    let own: SandboxAccount = answer.json().await.context("the sandbox's answer")?;
    Ok(json!({
        "kind": "sandbox",
        "account": own.account,
        "credentials": {
            "base_url": base_url,
            "api_key": own.api_key.expose_secret(),
            "webhook_secret": own.webhook_secret.expose_secret(),
        },
    }))
}
