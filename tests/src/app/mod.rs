//! An app under test: a server, a sandbox and a project.

mod spawn;

pub use spawn::{ENCRYPTION_KEY, OPERATOR_TOKEN};

use crate::client::{Api, Keys, install_crypto_provider, send, text};
use crate::database::Database;
use crate::faults::relay::Relay;
use crate::process::Running;
use crate::project::Project;
use crate::wait::until;
use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use spawn::{Home, create_project, serve, start_sandbox, till};
use sqlx::{AnyPool, AssertSqlSafe};
use std::path::Path;
use std::process::Output;
use tokio::process::Command;

/// The kinds of [`Setup::accounts`] that receive card data. It is not their default.
const TAKE_CARD_DATA: [&str; 2] = ["stripe", "adyen"];

/// An app under test. Its processes end on drop.
pub struct TestApp {
    /// The client with the project's keys.
    pub api: Api,
    /// The project's endpoint.
    pub project: Project,
    /// The project's keys.
    pub keys: Keys,
    /// The sandbox's base URL; empty for an app with other accounts, which runs no sandbox.
    pub sandbox: String,
    server: Option<Running>,
    settings: Vec<String>,
    sandbox_process: Option<Running>,
    home: Home,
}

/// Options of [`TestApp::set_up`].
#[derive(Default)]
pub struct Setup<'a> {
    /// Additional arguments for `till project create`.
    pub project_args: &'a [&'a str],
    /// The project's accounts: kind, id and credentials. Those that can receive card data do. Without
    /// any, the project has an account at the sandbox.
    pub accounts: &'a [(&'a str, &'a str, Value)],
    /// Additional arguments for `till serve`.
    pub settings: &'a [&'a str],
    /// A relay between the server and the sandbox.
    pub sandbox_relay: Option<&'a Relay>,
    /// A relay in front of the server. Its URL is the server's public URL.
    pub server_relay: Option<&'a Relay>,
    /// What the server logs (`RUST_LOG`).
    pub log_filter: Option<&'a str>,
    /// The database; a new one by default.
    pub database: Option<Database>,
    /// The URL of the project's endpoint; [`Project`] by default.
    pub endpoint: Option<&'a str>,
}

impl TestApp {
    /// Starts an app with the default options.
    pub async fn start() -> Result<Self> {
        Self::with(&[]).await
    }

    /// Starts an app with additional arguments for `till project create`.
    pub async fn with(project_args: &[&str]) -> Result<Self> {
        Self::with_settings(project_args, &[]).await
    }

    /// Starts an app with additional arguments for `till project create` and `till serve`.
    pub async fn with_settings(project_args: &[&str], settings: &[&str]) -> Result<Self> {
        let setup = Setup {
            project_args,
            settings,
            ..Setup::default()
        };
        Self::set_up(setup).await
    }

    /// Starts an app whose project has these accounts (kind, id and credentials) in this order, with
    /// additional arguments for `till serve`.
    pub async fn with_accounts(
        accounts: &[(&str, &str, Value)],
        settings: &[&str],
    ) -> Result<Self> {
        let setup = Setup {
            accounts,
            settings,
            ..Setup::default()
        };
        Self::set_up(setup).await
    }

    /// Starts an app.
    pub async fn set_up(setup: Setup<'_>) -> Result<Self> {
        install_crypto_provider();
        let files = tempfile::tempdir()?;
        let database = match setup.database {
            Some(database) => database,
            None => Database::new(files.path()).await?,
        };
        let log_filter = setup.log_filter.unwrap_or("debug,till_server=trace").into();
        let home = Home {
            files,
            database,
            log_filter,
        };
        let sandbox = if setup.accounts.is_empty() {
            Some(start_sandbox(&home, "127.0.0.1:0").await?)
        } else {
            None
        };
        let url = sandbox.as_ref().map(|running| running.line.clone());
        let url = url.unwrap_or_default();
        let project = Project::start().await?;
        let strings =
            |list: &[&str]| -> Vec<String> { list.iter().map(ToString::to_string).collect() };
        let mut args = strings(setup.project_args);
        if sandbox.is_some() {
            let reached = setup.sandbox_relay.map_or(&url, |relay| {
                relay.send_to(&[&url]);
                &relay.url
            });
            args.extend(["--sandbox".into(), reached.clone()]);
        }
        let mut account_files = vec![];
        for (kind, id, credentials) in setup.accounts {
            let file = home.files.path().join(format!("{kind}-{id}.json"));
            let mut account = json!({ "kind": kind, "account": id, "credentials": credentials });
            if TAKE_CARD_DATA.contains(kind) {
                account["card_entry"] = "direct".into();
            }
            std::fs::write(&file, account.to_string())?;
            args.extend(["--connector".into(), file.display().to_string()]);
            account_files.push(file);
        }
        let endpoint = setup.endpoint.unwrap_or(&project.url);
        let keys = create_project(&home, endpoint, &args).await?;
        for file in account_files {
            // Tests search the directory for credentials.
            std::fs::remove_file(file)?;
        }
        project.set_signing_secret(&keys.signing_secret);
        let mut settings = strings(setup.settings);
        if let Some(relay) = setup.server_relay {
            settings.extend(["--public-url".into(), relay.url.clone()]);
        }
        let server = serve(&home, "127.0.0.1:0", &settings).await?;
        if let Some(relay) = setup.server_relay {
            relay.send_to(&[&server.line]);
        }
        Ok(Self {
            api: Api::new(&server.line, &keys)?,
            project,
            keys,
            sandbox: url,
            server: Some(server),
            settings,
            sandbox_process: sandbox,
            home,
        })
    }

    /// Creates another project with the same endpoint.
    pub async fn another_project(&self) -> Result<Api> {
        let keys = self.project_at(&self.project.url, &[]).await?;
        Api::new(&self.api.url, &keys)
    }

    /// Creates another project with its own endpoint. It has an account at the sandbox, or at the one that
    /// the arguments name.
    pub async fn project_at(&self, endpoint: &str, args: &[&str]) -> Result<Keys> {
        let mut all: Vec<_> = args.iter().map(ToString::to_string).collect();
        if !self.sandbox.is_empty() && !args.contains(&"--sandbox") {
            all.extend(["--sandbox".into(), self.sandbox.clone()]);
        }
        create_project(&self.home, endpoint, &all).await
    }

    /// Runs `till` on the server's database. Returns its standard output, or its standard error if it
    /// failed.
    pub async fn till(&self, args: &[&str]) -> Result<std::result::Result<String, String>> {
        let output = self.till_output(args).await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        })
    }

    /// Runs `till` on the server's database.
    pub async fn till_output(&self, args: &[&str]) -> Result<Output> {
        Ok(self.command(args)?.output().await?)
    }

    /// Returns a command of `till` on the server's database.
    pub fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = till(&self.home)?;
        command.args(args);
        Ok(command)
    }

    /// Returns the base URL of the operator's listener, which a setting of the app asks for.
    pub fn operator_url(&self) -> Result<String> {
        let server = self.server.as_ref().context("no server")?;
        let mut urls = server
            .earlier
            .iter()
            .filter_map(|line| line.split_once(" on "));
        let (_, url) = urls.next().context("no listener for the operator")?;
        Ok(url.to_owned())
    }

    /// Creates a request with the operator token.
    pub fn operator(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.api.request(method, path).bearer_auth(OPERATOR_TOKEN)
    }

    /// Creates an operator with a role and returns the token.
    pub async fn create_operator(&self, name: &str, role: &str) -> Result<String> {
        let args = ["operator", "create", name, "--role", role, "--json"];
        let created = self.till(&args).await?.map_err(anyhow::Error::msg)?;
        text(&serde_json::from_str::<Value>(&created)?["token"])
    }

    /// Kills the server and restarts it with the same files and port.
    pub async fn crash_and_restart(&mut self) -> Result<()> {
        self.crash().await?;
        self.restart().await
    }

    /// Kills the server with SIGKILL.
    pub async fn crash(&mut self) -> Result<()> {
        self.server.take().context("no server")?.kill().await
    }

    /// Returns the id of the server's process; `None` if it does not run.
    pub fn process_id(&self) -> Option<u32> {
        self.server.as_ref()?.id()
    }

    /// Returns the id of the sandbox's process; `None` if it does not run.
    pub fn sandbox_process_id(&self) -> Option<u32> {
        self.sandbox_process.as_ref()?.id()
    }

    /// Starts another server on the same database.
    pub async fn another_server(&self) -> Result<Running> {
        serve(&self.home, "127.0.0.1:0", &self.settings).await
    }

    /// Starts another server on the same database, with further settings.
    pub async fn another_server_with(&self, settings: &[&str]) -> Result<Running> {
        let further = settings.iter().map(ToString::to_string);
        let all: Vec<_> = self.settings.iter().cloned().chain(further).collect();
        serve(&self.home, "127.0.0.1:0", &all).await
    }

    /// Kills the sandbox with SIGKILL.
    pub async fn crash_sandbox(&mut self) -> Result<()> {
        self.sandbox_process
            .take()
            .context("no sandbox")?
            .kill()
            .await
    }

    /// Restarts the sandbox after [`Self::crash_sandbox`].
    pub async fn restart_sandbox(&mut self) -> Result<()> {
        let address = self.sandbox.trim_start_matches("http://");
        self.sandbox_process = Some(start_sandbox(&self.home, address).await?);
        Ok(())
    }

    /// Closes all connections of PostgreSQL to the database.
    pub async fn cut_connections(&self) -> Result<()> {
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()";
        sqlx::query(sql).execute(&self.store().await?).await?;
        Ok(())
    }

    /// Sets the database for the next start of the server.
    pub fn move_to(&mut self, database: Database) {
        self.home.database = database;
    }

    /// Stops the server with SIGTERM. Returns whether it exited cleanly.
    pub async fn terminate(&mut self) -> Result<bool> {
        self.server.take().context("no server")?.terminate().await
    }

    /// Restarts the server after [`Self::terminate`].
    pub async fn restart(&mut self) -> Result<()> {
        let address = self.api.url.trim_start_matches("http://").to_owned();
        self.server = Some(serve(&self.home, &address, &self.settings).await?);
        Ok(())
    }

    /// The working directory of the server, which contains an SQLite database.
    pub fn files(&self) -> &Path {
        self.home.files.path()
    }

    /// The URL of the server's database.
    pub fn database_url(&self) -> &str {
        &self.home.database.url
    }

    /// Connects to the server's database.
    pub async fn store(&self) -> Result<AnyPool> {
        self.home.database.pool().await
    }

    /// Returns all stored bytes of the server and the sandbox.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let mut all = self.home.database.dump()?;
        for entry in std::fs::read_dir(self.home.files.path())? {
            all.extend(std::fs::read(entry?.path())?);
        }
        Ok(all)
    }

    /// Returns the server's log, which is written if the app has settings.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.files.path().join("server.log")).unwrap_or_default()
    }

    /// Refunds a payment and returns the refund's id.
    pub async fn refund(&self, payment: &str, amount: i64) -> Result<String> {
        let path = format!("/v1/payments/{payment}/refunds");
        let request = self.api.secret(Method::POST, &path);
        let answer = send(request.json(&json!({ "amount": amount }))).await?;
        anyhow::ensure!(answer.status == 201, "{answer:?}");
        text(&answer.json()["id"])
    }

    /// Waits until the reconciler has polled a payment again.
    pub async fn until_polled(&self, payment: &str) -> Result<()> {
        let store = self.store().await?;
        let polls = async || -> Result<i64> {
            let sql = "select checks from payments where id = $1";
            Ok(sqlx::query_scalar(sql)
                .bind(payment)
                .fetch_one(&store)
                .await?)
        };
        // A poll is counted at its start, so the first poll has ended when a second one starts.
        let over = polls().await? + 2;
        until(
            "the reconciler to poll",
            async || Ok(polls().await? >= over),
        )
        .await
    }

    /// Changes columns of all accounts in the store, such as `removed = 1`.
    pub async fn change_accounts(&self, change: &str) -> Result<()> {
        let store = self.store().await?;
        let sql = format!("update connector_accounts set {change}");
        sqlx::query(AssertSqlSafe(sql)).execute(&store).await?;
        sqlx::query("update projects set version = version + 1")
            .execute(&store)
            .await?;
        Ok(())
    }

    /// Expires an invoice.
    pub async fn expire(&self, invoice: &str) -> Result<()> {
        self.expires_at(invoice, 1).await
    }

    /// Sets an invoice's expiry to a number of seconds from now.
    pub async fn expires_in(&self, invoice: &str, seconds: i64) -> Result<()> {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
        self.expires_at(invoice, i64::try_from(now)? + seconds * 1000)
            .await
    }

    async fn expires_at(&self, invoice: &str, milliseconds: i64) -> Result<()> {
        sqlx::query("update invoices set expires_at = $1 where id = $2")
            .bind(milliseconds)
            .bind(invoice)
            .execute(&self.store().await?)
            .await?;
        Ok(())
    }
}
