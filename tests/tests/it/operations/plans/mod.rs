//! Every statement of the store finds its rows by an index, on both databases, however large a table is.

mod calls;
mod collector;
mod explain;
mod lists;
mod rows;
mod written;

use anyhow::{Result, ensure};
use collector::Collector;
use explain::Explainer;
use till_server::store::{Store, migrate};
use till_tests::database::Database;

/// A statement that may read more than a range of an index.
struct Exception {
    /// A part of the statement.
    statement: &'static str,
    /// Why that is right.
    #[expect(dead_code, reason = "for whoever reads the list")]
    reason: &'static str,
}

const EXCEPTIONS: [Exception; 3] = [
    Exception {
        statement: "at = at - $1",
        reason: "moves the attempts to pay of a test project; they are kept for a day",
    },
    Exception {
        statement: "created_at = created_at - $1",
        reason: "moves all rows of a test project",
    },
    Exception {
        statement: "from invoices where project = $1 and ($2 is null or id = $2)",
        reason: "locks all invoices of a test project, to move them",
    },
];

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let database = Database::new(directory.path()).await?;
    migrate(&database.url).await?;
    let store = Store::open(&database.url, None, 2).await?;
    let collector = Collector::start()?;
    calls::call_everything(&store).await?;
    let statements = collector.statements();

    let explainer = Explainer::new(&database).await?;
    let mut wrong = vec![];
    for statement in &statements {
        let excepted = EXCEPTIONS.iter().any(|e| statement.contains(e.statement));
        for scan in explainer.scans(statement).await? {
            if !excepted {
                wrong.push(format!("{scan}\n    in: {statement}"));
            }
        }
    }
    let missing = written::not_among(&statements)?;
    let missing = missing.iter().map(|part| format!("never called: {part}"));
    wrong.extend(missing);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
