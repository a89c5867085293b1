//! What the commands share: their flags, the project they are about, and how they print.

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use nix::unistd::{User, gethostname, getuid};
use serde::Serialize;
use std::str::FromStr;
use strum::VariantArray;
use till_server::app::App;
use till_server::clock;
use till_server::config::Config;
use till_server::flow::Error;
use till_server::flow::audit::Actor;
use till_server::flow::page::Limit;
use till_server::flow::projects::{self, Project};
use till_shared::id::{InvoiceId, ProjectId};

/// Flags of every command.
#[derive(clap::Args)]
pub struct Common {
    /// Print JSON
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub config: Config,
}

/// The project that a command is about.
#[derive(clap::Args)]
pub struct OfProject {
    /// The project's id, prj_...; may be left out if there is only one project
    #[arg(long)]
    project: Option<ProjectId>,
}

impl OfProject {
    /// Finds the project.
    pub async fn find(&self, app: &App) -> anyhow::Result<Project> {
        let id = match &self.project {
            Some(id) => id.clone(),
            None => only_project(app).await?,
        };
        let project = app.store.project(&id).await?;
        project.with_context(|| format!("there is no {id}"))
    }
}

async fn only_project(app: &App) -> anyhow::Result<ProjectId> {
    let two = Limit::new(Some(2)).map_err(cli_error)?;
    let page = projects::list(app, None, two).await.map_err(cli_error)?;
    match page.data.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => bail!("there is no project: create one with `till project create`"),
        _ => bail!("name the project with --project; `till project list` lists all"),
    }
}

/// Filters that several lists have.
#[derive(clap::Args)]
pub struct Filters {
    /// Only those of this invoice
    #[arg(long)]
    pub invoice: Option<InvoiceId>,

    /// Only those of this order
    #[arg(long)]
    pub order_id: Option<String>,

    /// Only those of the buyer with this email address
    #[arg(long)]
    pub email: Option<String>,

    /// Only those created after this time, or after the beginning of this day in UTC
    #[arg(long, value_parser = time)]
    pub created_after: Option<i64>,

    /// Only those created before this time, or before the beginning of this day in UTC
    #[arg(long, value_parser = time)]
    pub created_before: Option<i64>,
}

/// The number of objects that a list prints.
#[derive(clap::Args)]
pub struct Length {
    /// The most objects to print
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl Length {
    /// Reads pages from the newest object on, until there are enough. `read` gets the id of the last
    /// object of the page before.
    pub async fn read<T, I>(
        &self,
        id: impl Fn(&T) -> I,
        mut read: impl AsyncFnMut(Option<I>, Limit) -> Result<(Vec<T>, bool), Error>,
    ) -> anyhow::Result<Vec<T>> {
        let mut all = vec![];
        loop {
            let left = i64::from(self.limit) - i64::try_from(all.len())?;
            let page = Limit::new(Some(left.min(100))).map_err(cli_error)?;
            let (data, has_next) = read(all.last().map(&id), page).await.map_err(cli_error)?;
            all.extend(data);
            if !has_next || i64::try_from(all.len())? >= i64::from(self.limit) {
                return Ok(all);
            }
        }
    }
}

/// When a credential was last used, and when it ends or ended, as two cells of a table. The times are those
/// of a view, which sort as text.
pub fn credential_state(last_used_at: Option<&str>, expires_at: Option<&str>) -> [String; 2] {
    let now = clock::rfc3339(clock::now_ms());
    let used = last_used_at.map_or_else(|| "never used".into(), |used| format!("last used {used}"));
    let end = expires_at.map_or_else(String::new, |end| {
        let word = if end <= now.as_str() { "ended" } else { "ends" };
        format!("{word} {end}")
    });
    [used, end]
}

/// The system user who runs the command, for the audit log.
pub fn actor() -> Actor {
    let uid = getuid();
    let user = User::from_uid(uid).ok().flatten();
    let name = user.map_or_else(|| format!("uid {uid}"), |user| user.name);
    let host = gethostname().ok();
    Actor::command(name, host.map(|host| host.to_string_lossy().into_owned()))
}

/// Prints an object as one line of JSON.
pub fn print_json(object: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(object)?);
    Ok(())
}

/// Prints a table with as much space between the columns as they need.
pub fn print_table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        println!("{}", line.join("  ").trim_end());
    }
}

/// The error as it is printed, with a line for each invalid field.
pub fn cli_error(error: Error) -> anyhow::Error {
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

/// Reads a time or a date, as the lists of the API do.
pub fn time(text: &str) -> Result<i64, String> {
    till_server::flow::page::time(text).ok_or_else(|| till_server::flow::page::TIME.to_owned())
}

/// Reads one of a few values, which help and errors list.
pub fn one_of<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + FromStr<Err = strum::ParseError> + Copy + Into<&'static str> + Send + Sync,
{
    let names = T::VARIANTS
        .iter()
        .map(|value| -> &'static str { (*value).into() });
    PossibleValuesParser::new(names).try_map(|text| text.parse::<T>())
}
