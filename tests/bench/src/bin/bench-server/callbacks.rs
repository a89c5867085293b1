//! Callbacks per second to the endpoint of one project, and to those of many projects of which some never answer.

use super::endpoint::Endpoints;
use super::load::{self, HEADERS};
use super::median::median;
use super::usage;
use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::json;
use std::fmt::Write;
use std::time::{Duration, Instant};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::client::{send, text};
use till_tests::wait::until_within;

/// How many clients create events at a time.
const CLIENTS: usize = 16;
/// How often each is measured.
const ROUNDS: usize = 3;
const PROJECTS: usize = 1000;
/// The projects whose endpoints never answer.
const HANGING: usize = PROJECTS / 100;
/// The callbacks that wait for those.
const BACKLOG: usize = 1_000_000;
/// The events per second of a load that the server is not busy with.
const FEW: usize = 100;
/// How long all callbacks of a round may take to arrive.
const LIMIT: Duration = Duration::from_secs(120);

/// Measures callbacks, each round for `length`, and prints the result.
pub async fn measure(database: &str, length: Duration) -> Result<()> {
    to_one_project(database, length).await?;
    to_many_projects(database, length).await
}

/// An app, its endpoints, and the secret keys of projects with the one that is fast.
struct Shops {
    app: TestApp,
    endpoints: Endpoints,
    keys: Vec<String>,
}

/// How fast the callbacks of a load arrived.
struct Arrived {
    /// The events.
    count: usize,
    /// Events per second that were created.
    created: f64,
    /// Callbacks per second that arrived meanwhile.
    meanwhile: f64,
    /// Callbacks per second until the last one arrived.
    all: f64,
    /// The 99th percentile of the times from an event's creation to its arrival.
    p99: Duration,
    /// The longest of these times.
    longest: Duration,
}

impl Shops {
    async fn start() -> Result<Self> {
        let setup = Setup {
            // The default of a server. Tests log everything.
            log_filter: Some("info"),
            settings: &["--log-format", "json"],
            ..Setup::default()
        };
        Ok(Self {
            app: TestApp::set_up(setup).await?,
            endpoints: Endpoints::start().await?,
            keys: vec![],
        })
    }

    /// Creates a project. Returns its id and its secret key.
    async fn create(&self, endpoint: &str) -> Result<(String, String)> {
        let project = json!({ "name": "Shop", "notify_url": endpoint });
        let created = self.app.operator(Method::POST, "/v1/projects");
        let created = send(created.json(&project)).await?;
        anyhow::ensure!(created.status == 201, "{created:?}");
        let created = created.json();
        Ok((text(&created["id"])?, text(&created["sk"])?))
    }

    /// Creates projects with the fast endpoint.
    async fn create_fast(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let (_, key) = self.create(&self.endpoints.fast).await?;
            self.keys.push(key);
        }
        Ok(())
    }

    /// Creates events that are not measured. The database then knows of how many rows it plans for, as it does on a
    /// server that has run for a while.
    async fn warm_up(&self, length: Duration) -> Result<()> {
        self.load(length, Duration::ZERO).await?;
        sqlx::query("analyze")
            .execute(&self.app.store().await?)
            .await?;
        Ok(())
    }

    /// Has clients create events of all these projects for `length`, each after `pause`, and waits until they have
    /// arrived.
    async fn load(&self, length: Duration, pause: Duration) -> Result<Arrived> {
        self.endpoints.forget();
        let mut script = "local keys = {".to_owned();
        for key in &self.keys {
            write!(script, "'{key}',")?;
        }
        write!(
            script,
            "}}
request = function()
  local key = keys[math.random(#keys)]
  return wrk.format('POST', '/v1/events/ping', {HEADERS})
end
"
        )?;
        if !pause.is_zero() {
            let pause = pause.as_millis();
            writeln!(script, "delay = function() return {pause} end")?;
        }
        let start = Instant::now();
        let (dir, url) = (self.app.files(), &self.app.api.url);
        let created = load::run(dir, url, CLIENTS, length, &script).await?;
        let meanwhile = self.endpoints.count() as f64 / start.elapsed().as_secs_f64();
        let all = created.count;
        until_within(LIMIT, "the callbacks", async || {
            Ok(self.endpoints.count() >= all)
        })
        .await?;
        let elapsed = start.elapsed().as_secs_f64();
        let delays = self.endpoints.delays();
        Ok(Arrived {
            count: all,
            created: created.per_second,
            meanwhile,
            all: delays.len() as f64 / elapsed,
            p99: *delays.get(delays.len() * 99 / 100).context("none")?,
            longest: *delays.last().context("none")?,
        })
    }
}

async fn to_one_project(database: &str, length: Duration) -> Result<()> {
    let mut shops = Shops::start().await?;
    shops.create_fast(1).await?;
    shops.warm_up(length).await?;
    let server = shops.app.process_id().context("no server")?;
    let mut rounds = vec![];
    let mut used = [Duration::ZERO; 2];
    for _ in 0..ROUNDS {
        let before = [usage::processor(server)?, usage::database()?];
        rounds.push(shops.load(length, Duration::ZERO).await?);
        used[0] += usage::processor(server)? - before[0];
        used[1] += usage::database()? - before[1];
    }
    let count: usize = rounds.iter().map(|round| round.count).sum();
    let of = |value: fn(&Arrived) -> f64| median(rounds.iter().map(value).collect());
    let [server, postgres] = used.map(|used| used.as_secs_f64() * 1000.0 / count as f64);
    println!(
        "{database}, {CLIENTS} clients, one project: {:.0} events/s created, {:.0} callbacks/s delivered meanwhile, \
         {:.0}/s until the last one (medians of {ROUNDS} rounds); processor time for an event: {server:.2} ms of the \
         server, {postgres:.2} ms of PostgreSQL",
        of(|round| round.created),
        of(|round| round.meanwhile),
        of(|round| round.all),
    );
    Ok(())
}

/// Compares projects of which some hang and have a backlog with as many of which none does, in turn.
async fn to_many_projects(database: &str, length: Duration) -> Result<()> {
    let (mut healthy, mut some_hang) = (Shops::start().await?, Shops::start().await?);
    healthy.create_fast(PROJECTS - HANGING).await?;
    some_hang.create_fast(PROJECTS - HANGING).await?;
    add_backlog(&some_hang).await?;
    healthy.warm_up(length).await?;
    some_hang.warm_up(length).await?;
    let pause = Duration::from_secs(1) * u32::try_from(CLIENTS)? / u32::try_from(FEW)?;
    for (load, pause) in [("many", Duration::ZERO), ("few", pause)] {
        let (mut without, mut with) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            without.push(healthy.load(length, pause).await?);
            with.push(some_hang.load(length, pause).await?);
        }
        for (what, rounds) in [("no endpoint hangs", &without), ("1 % hang", &with)] {
            let of = |value: fn(&Arrived) -> f64| median(rounds.iter().map(value).collect());
            println!(
                "{database}, {PROJECTS} projects, {load} events, {what}: {:.0} events/s created, {:.0} callbacks/s \
                 delivered meanwhile, {:.0}/s until the last one; a callback starts within {:.0} ms (99th \
                 percentile), {:.0} ms at most (medians of {ROUNDS} rounds)",
                of(|round| round.created),
                of(|round| round.meanwhile),
                of(|round| round.all),
                of(|round| round.p99.as_secs_f64() * 1000.0),
                of(|round| round.longest.as_secs_f64() * 1000.0),
            );
        }
    }
    Ok(())
}

/// Creates the projects whose endpoints never answer, and what waits for them.
async fn add_backlog(shops: &Shops) -> Result<()> {
    let store = shops.app.store().await?;
    let each = i64::try_from(BACKLOG / HANGING)?;
    for number in 0..HANGING {
        let (project, _) = shops.create(&shops.endpoints.hanging).await?;
        let unique = project.trim_start_matches("prj_");
        let sql = "with recursive numbers (n) as
                 (select 1 union all select n + 1 from numbers where n < $1)
             insert into events (id, project, sequence, type, body, about, state, next_attempt_at, created_at)
             select 'evt_' || $2 || n, $3, 0, 'ping', '{}', 'ping ' || $2 || n, 'pending', $4 + n, $4 + n
             from numbers";
        let now = i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_millis())?;
        sqlx::query(sql)
            .bind(each)
            .bind(unique)
            .bind(&project)
            .bind(now - each)
            .execute(&store)
            .await
            .with_context(|| format!("the backlog of project {number}"))?;
    }
    Ok(())
}
