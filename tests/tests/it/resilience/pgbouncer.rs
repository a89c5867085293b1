//! Servers that reach PostgreSQL through PgBouncer in transaction mode.

use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join_all};
use reqwest::Method;
use sqlx::postgres::{PgConnection, PgListener};
use sqlx::{AssertSqlSafe, Connection, Row};
use std::time::Duration;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Api, Opened, send, text};
use till_tests::database::Database;
use till_tests::events::Events;
use till_tests::ledger::{assert_consistent, until_settled};
use till_tests::pgbouncer::PgBouncer;
use till_tests::process::Running;

const SETTLE_LIMIT: Duration = Duration::from_secs(60);
const BUYERS: usize = 8;
const STREAMS: usize = 6;

/// Two servers behind a PgBouncer.
struct Pooled {
    app: TestApp,
    second: Api,
    pooler: PgBouncer,
    _server: Running,
}

impl Pooled {
    /// Starts them with this number of sessions for both, and with or without a URL of their own to listen.
    async fn start(sessions: u32, listens: bool) -> Result<Self> {
        let pooler = PgBouncer::start(sessions).await?;
        let dir = tempfile::tempdir()?;
        let database = Database::new(dir.path()).await?;
        let (url, direct) = (pooler.url(&database.url)?, database.url.clone());
        let mut settings = vec!["--database-url", &url];
        if listens {
            settings.extend(["--database-listen-url", &direct]);
        }
        let app = TestApp::set_up(Setup {
            settings: &settings,
            log_filter: Some("info"),
            database: Some(database),
            ..Setup::default()
        })
        .await?;
        let server = app.another_server().await?;
        Ok(Self {
            second: Api::new(&server.line, &app.keys)?,
            app,
            pooler,
            _server: server,
        })
    }

    /// Has buyers pay at either server, and a buyer verify a payment, whose live events come from the other
    /// server. Waits for the callbacks.
    async fn pay(&self) -> Result<()> {
        let opened = self.app.api.invoice("verified").await?;
        let mut events = Events::follow(&self.second, &opened, None).await?;
        let fixed = self.app.api.paid_with(&opened, VERIFIED).await?;
        let form = text(&fixed["verification"]["url"])?;
        let confirm = self.app.api.request(Method::POST, &form);
        send(confirm.form(&[("action", "confirm")])).await?;
        while events.next().await?.1["status"] != "paid" {}
        let paid = async |number: usize| {
            let [first, second] = [&self.app.api, &self.second];
            let (at, then) = if number.is_multiple_of(2) {
                (first, second)
            } else {
                (second, first)
            };
            let opened: Opened = at.invoice(&number.to_string()).await?;
            then.paid_with(&opened, APPROVED).await
        };
        try_join_all((0..BUYERS).map(paid)).await?;
        until_settled(&self.app, SETTLE_LIMIT).await?;
        let summary = assert_consistent(&self.app).await?;
        ensure!(summary.paid == BUYERS + 1, "{summary:?}");
        Ok(())
    }

    /// How many sessions of the database meet a condition.
    async fn sessions(&self, condition: &str) -> Result<i64> {
        let sql = format!(
            "select count(*) from pg_stat_activity where datname = current_database() and {condition}"
        );
        let store = self.app.store().await?;
        Ok(sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&store)
            .await?)
    }

    /// Returns what the transactions of the servers have left in the session that the next one gets.
    async fn left_behind(&self) -> Result<(i64, String)> {
        let url = self.pooler.url(self.app.database_url())?;
        let mut connection = PgConnection::connect(&url).await?;
        let left = "select (select count(*) from pg_prepared_statements)
                + (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
            current_setting('statement_timeout')";
        let row = sqlx::raw_sql(left).fetch_one(&mut connection).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }
}

const LISTENING: &str = "query like 'LISTEN%'";

#[tokio::test]
async fn two_servers_share_one_session_and_poll() -> Result<()> {
    let pooled = Pooled::start(1, false).await?;
    pooled.pay().await?;
    ensure!(pooled.sessions(LISTENING).await? == 0, "a server listens");
    let log = pooled.app.log();
    ensure!(log.contains("without TILL_DATABASE_LISTEN_URL"), "{log}");
    let left = pooled.left_behind().await?;
    ensure!(left == (0, "0".into()), "{left:?}");
    Ok(())
}

#[tokio::test]
async fn notifications_arrive_at_an_url_of_their_own() -> Result<()> {
    let pooled = Pooled::start(2, true).await?;
    let mut heard = PgListener::connect(pooled.app.database_url()).await?;
    heard.listen("till_invoice").await?;
    pooled.pay().await?;
    let count = pooled.sessions(LISTENING).await?;
    ensure!(count == 3, "{count} sessions listen, with this test's");
    ensure!(
        heard.recv().await?.payload().starts_with("inv_"),
        "no invoice"
    );
    let log = pooled.app.log();
    ensure!(log.contains("arrive at TILL_DATABASE_LISTEN_URL"), "{log}");
    Ok(())
}

/// A client that closes its stream of live events while a read of them waits for a session leaves no
/// transaction open in it.
#[tokio::test]
async fn a_stream_that_is_closed_blocks_no_session() -> Result<()> {
    let pooled = Pooled::start(1, false).await?;
    let opened = pooled.app.api.invoice("1").await?;
    let url = pooled.pooler.url(pooled.app.database_url())?;
    let mut streams = vec![];
    for _ in 0..STREAMS {
        let mut events = Events::follow(&pooled.app.api, &opened, None).await?;
        events.next().await?;
        streams.push(events);
    }
    let mut next = PgConnection::connect(&url).await?;
    let mut holder = PgConnection::connect(&url).await?;
    let held = holder.begin().await?;
    // Longer than the streams wait between two reads, so that all of them wait for the session.
    tokio::time::sleep(Duration::from_secs(4)).await;
    drop(streams);
    held.rollback().await?;
    // PgBouncer lets connections wait in line, and those of the server came first.
    let next = sqlx::raw_sql("select 1").execute(&mut next).await;
    next.context("the session is not free")?;
    let read = pooled
        .app
        .api
        .secret(Method::GET, &format!("/v1/invoices/{}", opened.id));
    ensure!(send(read).await?.status == 200, "the invoice is not read");
    // PostgreSQL's warning to the next one that begins on a connection of the server.
    let log = pooled.app.log();
    ensure!(!log.contains("already a transaction in progress"), "{log}");
    Ok(())
}

#[tokio::test]
async fn servers_that_migrate_together_take_turns() -> Result<()> {
    let app = TestApp::start().await?;
    let pooler = PgBouncer::start(2).await?;
    let dir = tempfile::tempdir()?;
    let url = pooler.url(&Database::empty(dir.path()).await?.url)?;
    let arguments = ["migrate", "--database-url", &url];
    for _ in 0..2 {
        for done in join_all((0..3).map(|_| app.till(&arguments))).await {
            done?.map_err(anyhow::Error::msg)?;
        }
    }
    let listed = app
        .till(&["project", "list", "--database-url", &url])
        .await?;
    listed.map_err(anyhow::Error::msg)?;
    Ok(())
}

#[tokio::test]
async fn a_refused_parameter_is_explained() -> Result<()> {
    let app = TestApp::start().await?;
    let ignored = "ignore_startup_parameters = extra_float_digits";
    let pooler = PgBouncer::with(&[(ignored, "")]).await?;
    let url = pooler.url(app.database_url())?;
    let refused = app
        .till(&["project", "list", "--database-url", &url])
        .await?;
    let error = refused.err().context("it was accepted")?;
    ensure!(
        error.contains(&format!("Set {ignored} in pgbouncer.ini")),
        "{error}"
    );
    Ok(())
}
