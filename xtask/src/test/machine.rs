//! What the tests need besides the Rust toolchain, and whether this machine has it.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::{
    self, Browser, ContractTools, Languages, PgBouncer, Postgres, ProviderTools, RunningPgBouncer,
    RunningPostgres,
};
use crate::{paths, process};

// Which tests need what, as filtersets of nextest's.
const BROWSER: &str = "binary(it) & test(/^(widget|docs::(examples|walkthroughs))::/)";
const LANGUAGES: &str = "binary(it) & test(/^docs::(nginx|snippets|walkthroughs)::/)";
const NPM: &str = "binary(it) & test(/^(widget::accessibility|docs|api::contract)::/) \
    & not test(/^docs::architecture::/)";
const CONTRACT: &str = "binary(it) & test(/^api::contract::/)";
const PROVIDER_LIBRARIES: &str =
    "binary(it) & test(/^connectors::(described|localstripe|signatures)::/)";
const DESCRIPTIONS: &str = "binary(it) & test(/^connectors::described::/)";
const POSTGRES: &str = "all()";
const PGBOUNCER: &str = "binary(it) & test(/^resilience::pgbouncer::/)";
const MOUNT: &str = "binary(it) & test(/^resilience::disk_full::/)";

/// The database that the tests run on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
    /// PostgreSQL, which the servers reach through PgBouncer.
    PgBouncer,
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::PgBouncer => "PostgreSQL through PgBouncer",
        })
    }
}

/// Tests that can't run here, and why.
pub struct Missing {
    pub reason: String,
    pub tests: &'static str,
}

/// The running servers of a database. Dropping them stops them.
pub struct Servers {
    pooler: Option<RunningPgBouncer>,
    postgres: RunningPostgres,
}

impl Servers {
    /// The URL of the template that new databases are copies of.
    pub fn template(&self) -> String {
        self.postgres.template()
    }

    /// Sets the variables that the tests read.
    pub fn apply(&self, command: &mut Command) {
        self.postgres.apply(command);
        if let Some(pooler) = &self.pooler {
            pooler.apply(command);
        }
    }
}

/// What this machine has for the tests.
pub struct Machine {
    browser: Option<Browser>,
    languages: Option<Languages>,
    provider_tools: Option<ProviderTools>,
    contract_tools: Option<ContractTools>,
    npm: Option<PathBuf>,
    descriptions: Option<PathBuf>,
    postgres: Option<Postgres>,
    pgbouncer: Option<PgBouncer>,
    missing: Vec<Missing>,
}

impl Machine {
    /// Finds or installs what the tests need, and notes what can't be had.
    pub fn prepare() -> Self {
        let mut missing = vec![];
        Self {
            browser: found(setup::browser(), BROWSER, &mut missing),
            languages: found(setup::languages(), LANGUAGES, &mut missing),
            provider_tools: found(setup::provider_tools(), PROVIDER_LIBRARIES, &mut missing),
            contract_tools: found(setup::contract_tools(), CONTRACT, &mut missing),
            npm: found(setup::npm::TESTS.ensure(), NPM, &mut missing),
            descriptions: found(descriptions(), DESCRIPTIONS, &mut missing),
            postgres: found(setup::postgres(), POSTGRES, &mut missing),
            pgbouncer: found(setup::pgbouncer(), PGBOUNCER, &mut missing),
            missing: {
                found(mount(), MOUNT, &mut missing);
                missing
            },
        }
    }

    /// What can't run on a database.
    pub fn missing(&self, database: Database) -> impl Iterator<Item = &Missing> {
        let applies = move |tests| tests != POSTGRES || database != Database::Sqlite;
        self.missing.iter().filter(move |m| applies(m.tests))
    }

    /// Starts the database's servers, where it has some and this machine has them. Their data are in `dir`, if
    /// there is one.
    pub fn start(&self, database: Database, dir: Option<&Path>) -> Result<Option<Servers>> {
        let postgres = self.postgres.as_ref();
        let Some(postgres) = postgres.filter(|_| database != Database::Sqlite) else {
            return Ok(None);
        };
        let postgres = postgres.start(dir)?;
        let pooler = if database == Database::PgBouncer {
            let pgbouncer = self.pgbouncer.as_ref().context("there is no PgBouncer")?;
            Some(pgbouncer.start(postgres.port(), postgres.dir())?)
        } else {
            None
        };
        Ok(Some(Servers { pooler, postgres }))
    }

    /// Whether there is a browser.
    pub fn has_browser(&self) -> bool {
        self.browser.is_some()
    }

    /// Tells the tests where everything is.
    pub fn apply(&self, command: &mut Command) {
        if let Some(browser) = &self.browser {
            browser.apply(command);
        }
        if let Some(languages) = &self.languages {
            languages.apply(command);
        }
        if let Some(provider_tools) = &self.provider_tools {
            provider_tools.apply(command);
        }
        if let Some(contract_tools) = &self.contract_tools {
            contract_tools.apply(command);
        }
        if let Some(pgbouncer) = &self.pgbouncer {
            pgbouncer.apply(command);
        }
        if let Some(modules) = &self.npm {
            command.env("TILL_NODE_MODULES", modules);
        }
        if let Some(specs) = &self.descriptions {
            command.env("TILL_SPECS_DIR", specs);
        }
    }
}

fn found<T>(result: Result<T>, tests: &'static str, missing: &mut Vec<Missing>) -> Option<T> {
    result
        .inspect_err(|error| {
            let reason = format!("{error:#}");
            println!("  --: {reason}; the tests that need it are ignored");
            missing.push(Missing { reason, tests });
        })
        .ok()
}

/// The payment systems' published descriptions, which nothing installs.
fn descriptions() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("TILL_SPECS_DIR") {
        return Ok(dir.into());
    }
    let beside = paths::workspace().join("../shared/specs");
    beside
        .canonicalize()
        .ok()
        .context("no payment systems' descriptions: name their directory in TILL_SPECS_DIR")
}

/// Whether this user may mount a small disk, which only root may.
fn mount() -> Result<()> {
    let dir = env::temp_dir().join(format!("till-mount-{}", std::process::id()));
    fs::create_dir(&dir)?;
    let mounted = process::output(
        process::command("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(&dir),
    );
    if mounted.is_ok() {
        process::output(process::command("umount").arg(&dir))?;
    }
    fs::remove_dir(&dir)?;
    mounted.map(drop).context("no right to mount a tmpfs")
}
