//! `till project`.

use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use till_server::config::Config;
use till_server::flow::projects::{CreatedProject, NewAccount, create_project};
use till_server::flow::{App, Error};
use till_server::store::projects::Settings;
use till_shared::buyer::BuyerField;

/// What can be done with projects.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a project and print its keys, which are shown only now
    Create(Box<Create>),
}

/// A project to make.
#[derive(clap::Args)]
pub struct Create {
    /// What buyers read
    #[arg(long)]
    name: String,

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

    /// What is asked of the buyer where the order doesn't bring it: email, name, phone, country
    #[arg(long = "require")]
    required: Vec<BuyerField>,

    /// Open an account at the sandbox payment system at this URL, and use it
    #[arg(long)]
    sandbox: Option<url::Url>,

    /// An account at a payment system, as KIND:ID:FILE; the file holds its credentials in JSON.
    /// May be repeated: the first that serves a payment is asked first. See docs/connectors.md
    #[arg(long = "account", value_parser = account_from_file)]
    accounts: Vec<AccountFromFile>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    config: Config,
}

#[derive(Clone)]
struct AccountFromFile {
    kind: String,
    id: String,
    file: String,
}

fn account_from_file(text: &str) -> Result<AccountFromFile, &'static str> {
    let mut parts = text.splitn(3, ':').map(str::to_owned);
    let (Some(kind), Some(id), Some(file)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("expected KIND:ID:FILE");
    };
    let plain = |id: &str| {
        id.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    if id.is_empty() || !plain(&id) {
        return Err("the id is part of a URL: letters, digits, - and _");
    }
    Ok(AccountFromFile { kind, id, file })
}

impl AccountFromFile {
    fn open(self) -> anyhow::Result<NewAccount> {
        let file = &self.file;
        let text = std::fs::read_to_string(file).with_context(|| format!("can't read {file}"))?;
        // The reason would quote the file.
        let credentials = serde_json::from_str(&text)
            .map_err(|_| anyhow::anyhow!("{file} does not hold JSON"))?;
        Ok(NewAccount {
            kind: self.kind,
            account: self.id,
            credentials,
        })
    }
}

/// Carries the command out.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Create(new) = command;
    let new = *new;
    let app = App::new(new.config).await?;
    let settings = Settings {
        allowed_origins: new.origins,
        check_url: new.check_url,
        notify_url: new.notify_url,
        success_url: new.success_url,
        failure_url: new.failure_url,
        required_buyer_fields: new.required,
        test: new.sandbox.is_some(),
        ..Settings::default()
    };
    let mut accounts = vec![];
    for account in new.accounts {
        accounts.push(account.open()?);
    }
    if let Some(url) = &new.sandbox {
        accounts.push(sandbox_account(url.as_str()).await?);
    }
    let created = create(&app, &new.name, settings, accounts).await?;
    let CreatedProject {
        id,
        pk,
        sk,
        signing_secret,
    } = created;
    if new.json {
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

/// Makes a project; what won't do is said field by field.
pub async fn create(
    app: &App,
    name: &str,
    settings: Settings,
    accounts: Vec<NewAccount>,
) -> anyhow::Result<CreatedProject> {
    let created = create_project(app, name, settings, accounts).await;
    created.map_err(|error| match error {
        Error::Problem { detail, errors, .. } => {
            let fields = errors
                .iter()
                .map(|e| format!("\n  {}: {}", e.field, e.message));
            anyhow::anyhow!("{detail}{}", fields.collect::<String>())
        }
        Error::Internal(cause) => cause,
    })
}

#[derive(Deserialize)]
struct SandboxAccount {
    account: String,
    api_key: secrecy::SecretString,
    webhook_secret: secrecy::SecretString,
}

/// Signs up at a sandbox payment system.
pub async fn sandbox_account(base_url: &str) -> anyhow::Result<NewAccount> {
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
    Ok(NewAccount {
        kind: "sandbox".into(),
        account: own.account,
        credentials: json!({
            "base_url": base_url,
            "api_key": own.api_key.expose_secret(),
            "webhook_secret": own.webhook_secret.expose_secret(),
        }),
    })
}
