//! A server, a sandbox payment system and a project, made for one test.

use crate::api::{Api, send, text};
use crate::database::Database;
use crate::process::{Running, binary};
use crate::project::Project;
use crate::relay::Relay;
use crate::set_up;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::AnyPool;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::Command;

/// How the server runs, where a test does not say otherwise.
const DEFAULTS: [(&str, &str); 3] = [
    ("--speedup", "20"),
    ("--lost-after-ms", "4000"),
    ("--connector-timeout-ms", "1500"),
];
/// What `/v1/projects` takes.
pub const OPERATOR_TOKEN: &str = "an operator's token, for tests";
/// What credentials are encrypted with.
pub const ENCRYPTION_KEY: &str = "dGlsbCB0ZXN0cyBvbmx5LCAzMiBieXRlcyBvZiBrZXk=";

/// A project's keys.
#[derive(Debug, Clone, Deserialize)]
pub struct Keys {
    /// Its id.
    pub id: String,
    /// For pages.
    pub pk: String,
    /// For its server.
    pub sk: String,
    /// For callbacks.
    pub signing_secret: String,
}

/// Everything one test needs. It all ends with it.
pub struct World {
    /// The server, called with the project's keys.
    pub api: Api,
    /// The project's endpoint.
    pub project: Project,
    /// The project's keys.
    pub keys: Keys,
    /// Where the sandbox is.
    pub sandbox: String,
    server: Option<Running>,
    settings: Vec<String>,
    sandbox_process: Option<Running>,
    home: Home,
}

/// What a world is made of, where it is not the ordinary one.
#[derive(Default)]
pub struct Setup<'a> {
    /// Further arguments for `till project create`.
    pub project_args: &'a [&'a str],
    /// The project's accounts: kind, id and credentials. Where there are none, one at the sandbox.
    pub accounts: &'a [(&'a str, &'a str, Value)],
    /// Further arguments for `till serve`.
    pub settings: &'a [&'a str],
    /// Between the server and the sandbox.
    pub to_sandbox: Option<&'a Relay>,
    /// Between everybody else and the server: its public URL.
    pub to_server: Option<&'a Relay>,
    /// Where the database is; one of its own else.
    pub database: Option<Database>,
    /// Where the project's endpoint will be; one is started else.
    pub endpoint: Option<&'a str>,
}

/// Where a test's processes run: a directory and a database.
struct Home {
    files: TempDir,
    database: Database,
}

impl World {
    /// Starts one with a project that has a `notify_url`.
    pub async fn start() -> Result<Self> {
        Self::with(&[]).await
    }

    /// Starts one, with further arguments for `till project create`.
    pub async fn with(project_args: &[&str]) -> Result<Self> {
        Self::with_settings(project_args, &[]).await
    }

    /// Starts one, with further arguments for `till project create` and for `till serve`.
    pub async fn with_settings(project_args: &[&str], settings: &[&str]) -> Result<Self> {
        let setup = Setup {
            project_args,
            settings,
            ..Setup::default()
        };
        Self::set_up(setup).await
    }

    /// Starts one whose project has these accounts alone, asked in this order: kind, id and
    /// credentials; with further arguments for `till serve`.
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

    /// Starts one that is not the ordinary one.
    pub async fn set_up(setup: Setup<'_>) -> Result<Self> {
        set_up();
        let files = tempfile::tempdir()?;
        let database = match setup.database {
            Some(database) => database,
            None => Database::new(files.path()).await?,
        };
        let home = Home { files, database };
        let sandbox = start_sandbox(&home, "127.0.0.1:0").await?;
        let url = sandbox.said.clone();
        let reached = setup.to_sandbox.map_or(&url, |relay| {
            relay.send_to(&[&url]);
            &relay.url
        });
        let project = Project::start().await?;
        let strings =
            |list: &[&str]| -> Vec<String> { list.iter().map(ToString::to_string).collect() };
        let mut args = strings(setup.project_args);
        if setup.accounts.is_empty() {
            args.extend(["--sandbox".into(), reached.clone()]);
        }
        let mut account_files = vec![];
        for (kind, id, credentials) in setup.accounts {
            let file = home.files.path().join(format!("{kind}-{id}.json"));
            let account = json!({ "kind": kind, "account": id, "credentials": credentials });
            std::fs::write(&file, account.to_string())?;
            args.extend(["--connector".into(), file.display().to_string()]);
            account_files.push(file);
        }
        let endpoint = setup.endpoint.unwrap_or(&project.url);
        let keys = create_project(&home, endpoint, &args).await?;
        for file in account_files {
            // What is kept from now on is the server's doing.
            std::fs::remove_file(file)?;
        }
        project.know_secret(&keys.signing_secret);
        let mut settings = strings(setup.settings);
        if let Some(relay) = setup.to_server {
            settings.extend(["--public-url".into(), relay.url.clone()]);
        }
        let server = serve(&home, "127.0.0.1:0", &settings).await?;
        if let Some(relay) = setup.to_server {
            relay.send_to(&[&server.said]);
        }
        Ok(Self {
            api: Api::new(&server.said, &keys)?,
            project,
            keys,
            sandbox: url,
            server: Some(server),
            settings,
            sandbox_process: Some(sandbox),
            home,
        })
    }

    /// Another project on the same server, with the same endpoint.
    pub async fn another_project(&self) -> Result<Api> {
        let keys = self.project_at(&self.project.url, &[]).await?;
        Api::new(&self.api.url, &keys)
    }

    /// Another project on the same server, with an endpoint of its own.
    pub async fn project_at(&self, endpoint: &str, args: &[&str]) -> Result<Keys> {
        let mut all = vec!["--sandbox".to_owned(), self.sandbox.clone()];
        all.extend(args.iter().map(ToString::to_string));
        create_project(&self.home, endpoint, &all).await
    }

    /// Runs `till` with these arguments on the server's database, and gives what it printed, or
    /// what it complained of.
    pub async fn till(&self, args: &[&str]) -> Result<std::result::Result<String, String>> {
        let output = till(&self.home)?.args(args).output().await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        })
    }

    /// A call with the operator's token.
    pub fn operator(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.api.request(method, path).bearer_auth(OPERATOR_TOKEN)
    }

    /// Kills the server without warning and starts it again on the same files and port.
    pub async fn crash_and_restart(&mut self) -> Result<()> {
        self.crash().await?;
        self.restart().await
    }

    /// Kills the server without warning.
    pub async fn crash(&mut self) -> Result<()> {
        self.server.take().context("no server")?.kill().await
    }

    /// Another server on the same database.
    pub async fn another_server(&self) -> Result<Running> {
        serve(&self.home, "127.0.0.1:0", &self.settings).await
    }

    /// Kills the sandbox without warning.
    pub async fn crash_sandbox(&mut self) -> Result<()> {
        self.sandbox_process
            .take()
            .context("no sandbox")?
            .kill()
            .await
    }

    /// Starts the sandbox again after [`Self::crash_sandbox`].
    pub async fn restart_sandbox(&mut self) -> Result<()> {
        let address = self.sandbox.trim_start_matches("http://");
        self.sandbox_process = Some(start_sandbox(&self.home, address).await?);
        Ok(())
    }

    /// Has PostgreSQL drop every connection to the database.
    pub async fn cut_connections(&self) -> Result<()> {
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()";
        sqlx::query(sql).execute(&self.store().await?).await?;
        Ok(())
    }

    /// Has the next start of the server use another database.
    pub fn move_to(&mut self, database: Database) {
        self.home.database = database;
    }

    /// Asks the server to end, and gives whether it ended well.
    pub async fn terminate(&mut self) -> Result<bool> {
        self.server.take().context("no server")?.terminate().await
    }

    /// Starts the server again after [`Self::terminate`].
    pub async fn restart(&mut self) -> Result<()> {
        let address = self.api.url.trim_start_matches("http://").to_owned();
        self.server = Some(serve(&self.home, &address, &self.settings).await?);
        Ok(())
    }

    /// Where the server runs, and its database if that is a file.
    pub fn files(&self) -> &Path {
        self.home.files.path()
    }

    /// The server's `DATABASE_URL`.
    pub fn database_url(&self) -> &str {
        &self.home.database.url
    }

    /// The server's database, to look into.
    pub async fn store(&self) -> Result<AnyPool> {
        self.home.database.pool().await
    }

    /// All that the server and the sandbox keep.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let mut all = self.home.database.dump()?;
        for entry in std::fs::read_dir(self.home.files.path())? {
            all.extend(std::fs::read(entry?.path())?);
        }
        Ok(all)
    }

    /// What the server has logged so far, of a world with accounts of its own.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.files.path().join("server.log")).unwrap_or_default()
    }

    /// Asks for a refund of a payment and gives its id.
    pub async fn refund(&self, payment: &str, amount: i64) -> Result<String> {
        let path = format!("/v1/payments/{payment}/refunds");
        let request = self.api.secret(reqwest::Method::POST, &path);
        let answer = send(request.json(&json!({ "amount": amount }))).await?;
        anyhow::ensure!(answer.status == 201, "{answer:?}");
        text(&answer.json()["id"])
    }

    /// Moves an invoice's expiry into the past.
    pub async fn let_expire(&self, invoice: &str) -> Result<()> {
        self.expires_at(invoice, 1).await
    }

    /// Moves an invoice's expiry so many seconds into the future.
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

/// Tries until it is true.
///
/// # Errors
/// When it isn't after half a minute.
pub async fn until<F: AsyncFnMut() -> Result<bool>>(what: &str, check: F) -> Result<()> {
    until_within(Duration::from_secs(30), what, check).await
}

/// Tries until it is true.
///
/// # Errors
/// When it isn't after that time.
pub async fn until_within<F: AsyncFnMut() -> Result<bool>>(
    limit: Duration,
    what: &str,
    mut check: F,
) -> Result<()> {
    let start = Instant::now();
    while !check().await? {
        anyhow::ensure!(start.elapsed() < limit, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn start_sandbox(home: &Home, address: &str) -> Result<Running> {
    let mut command = till(home)?;
    command.args(["sandbox", "--listen", address, "--db", "sandbox.db"]);
    let running = Running::start(&mut command, "listening on").await;
    running.context("the sandbox")
}

/// The binary in the test's own directory, with nothing of the developer's settings.
fn till(home: &Home) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.current_dir(home.files.path());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("TILL_") || name == "DATABASE_URL" {
            command.env_remove(name.as_ref());
        }
    }
    command
        .env("RUST_LOG", "warn")
        .env("DATABASE_URL", &home.database.url);
    // The same for every process of the test; with SQLite it lies beside the file.
    command.env("TILL_ENCRYPTION_KEY", ENCRYPTION_KEY);
    Ok(command)
}

async fn serve(home: &Home, address: &str, settings: &[String]) -> Result<Running> {
    let mut command = till(home)?;
    command
        .args(["serve", "--dev", "--listen", address])
        .env("TILL_OPERATOR_TOKEN", OPERATOR_TOKEN);
    for (name, value) in DEFAULTS {
        if !settings.iter().any(|arg| arg == name) {
            command.args([name, value]);
        }
    }
    command.args(settings);
    if !settings.is_empty() {
        // All that is said is kept beside the database, where `bytes` finds it.
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(home.files.path().join("server.log"))?;
        command
            .stderr(log)
            .env("RUST_LOG", "debug,till_server=trace");
    }
    let running = Running::start(&mut command, "listening on").await;
    running.context("the server")
}

async fn create_project(home: &Home, endpoint: &str, args: &[String]) -> Result<Keys> {
    let output = till(home)?
        .args([
            "project",
            "create",
            "--dev",
            "--json",
            "--name",
            "Test Shop",
        ])
        .args(["--origin", "https://shop.example"])
        .args(["--notify-url", &format!("{endpoint}/callbacks")])
        .args(args.iter().map(|arg| arg.replace("PROJECT", endpoint)))
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "project create: {said}");
    Ok(serde_json::from_slice(&output.stdout)?)
}
