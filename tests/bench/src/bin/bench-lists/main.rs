//! `cargo xtask bench lists`: how long each list takes with each of its filters, on databases of several
//! sizes, in a large project and in a small one. The sizes alternate request by request.

mod data;
mod queries;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use data::{Data, Project, Size};
use reqwest::Method;
use std::time::{Duration, Instant};
use till_tests::TestApp;
use till_tests::client::{Api, send};
use till_tests::database::on_postgres;

/// How many objects a page has.
const PAGE: usize = 10;

#[derive(Parser)]
struct Arguments {
    /// The sizes of the databases, in invoices. The first one is compared with.
    #[arg(required = true)]
    sizes: Vec<i64>,
    /// How often each list is read
    #[arg(long, default_value_t = 100)]
    rounds: usize,
}

/// A database of one size, with a server.
struct Stand {
    app: TestApp,
    data: Data,
    projects: Vec<Measured>,
}

/// A project of a [`Stand`].
struct Measured {
    project: Project,
    api: Api,
}

impl Stand {
    async fn new(invoices: i64) -> Result<Self> {
        let mut app = TestApp::start().await?;
        let other = app.project_at(&app.project.url, &[]).await?;
        let size = Size::new(invoices, [&app.keys.id, &other.id]);
        let start = Instant::now();
        ensure!(app.terminate().await?, "the server did not end");
        let data = Data::fill(&app, size).await?;
        let filled = start.elapsed();
        let start = Instant::now();
        let migrated = app.till(&["migrate"]).await?;
        ensure!(migrated.is_ok(), "{migrated:?}");
        let indexed = start.elapsed();
        app.restart().await?;
        data.analyze(&app).await?;
        println!("{invoices} invoices: filled in {filled:.0?}, indexes made in {indexed:.0?}");
        let projects = data
            .projects()
            .into_iter()
            .zip([&app.keys, &other])
            .map(|(project, keys)| {
                let api = Api::new(&app.api.url, keys)?;
                Ok(Measured { project, api })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            app,
            data,
            projects,
        })
    }
}

/// The sorted durations of one request, and the number of objects on its page.
#[derive(Default)]
struct Took {
    all: Vec<Duration>,
    objects: usize,
}

impl Took {
    /// The duration that a part of the requests does not exceed, in milliseconds.
    fn at(&self, percent: usize) -> f64 {
        let at = self.all.len() * percent / 100;
        self.all
            .get(at)
            .map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    }
}

async fn read(api: &Api, path: &str) -> Result<(Duration, usize)> {
    let start = Instant::now();
    let answer = send(api.secret(Method::GET, path)).await?;
    let took = start.elapsed();
    ensure!(answer.status == 200, "{path}: {answer:?}");
    let list = answer.json();
    let objects = list["data"].as_array().context("no list")?.len();
    Ok((took, objects))
}

/// Reads one list of one project at all sizes in turns.
async fn measure(
    stands: &[Stand],
    project: usize,
    query: &queries::Query,
    rounds: usize,
) -> Result<Vec<Took>> {
    let mut results: Vec<Took> = stands.iter().map(|_| Took::default()).collect();
    for round in 0..rounds + 3 {
        for (stand, took) in stands.iter().zip(&mut results) {
            let measured = stand.projects.get(project).context("no project")?;
            let path = query.path(&stand.data, &measured.project, PAGE);
            let (duration, objects) = read(&measured.api, &path).await?;
            took.objects = objects;
            // The first rounds warm up.
            if round >= 3 {
                took.all.push(duration);
            }
        }
    }
    for took in &mut results {
        took.all.sort();
    }
    Ok(results)
}

fn cell(took: &Took) -> String {
    format!(
        "{:.2} ({:.2} to {:.2})",
        took.at(50),
        took.at(10),
        took.at(90)
    )
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { sizes, rounds } = Arguments::parse();
    let mut stands = vec![];
    for size in &sizes {
        stands.push(Stand::new(*size).await?);
    }
    let database = if on_postgres() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    for (project, name) in ["large", "small"].iter().enumerate() {
        println!("\n{database}, {name} project, milliseconds: median (10th to 90th percentile)\n");
        let heads: Vec<_> = sizes
            .iter()
            .map(|size| format!("{size} invoices"))
            .collect();
        println!(
            "| list | rows | {} | ratio of the medians | of the 10th percentiles |",
            heads.join(" | ")
        );
        println!("| --- | --- |{} --- | --- |", " --- |".repeat(sizes.len()));
        for query in queries::ALL {
            let results = measure(&stands, project, query, rounds).await?;
            let cells: Vec<_> = results.iter().map(cell).collect();
            let objects: Vec<_> = results
                .iter()
                .map(|took| took.objects.to_string())
                .collect();
            let (first, last) = (results.first(), results.last());
            let (first, last) = first.zip(last).context("no sizes")?;
            println!(
                "| `{}` | {} | {} | {:.2} | {:.2} |",
                query.name,
                objects.join(", "),
                cells.join(" | "),
                last.at(50) / first.at(50),
                last.at(10) / first.at(10)
            );
        }
    }
    for stand in &mut stands {
        stand.app.terminate().await?;
    }
    Ok(())
}
