//! The sessions of the database. Poolers between a server and PostgreSQL, such as PgBouncer in transaction mode, give
//! each transaction another session of PostgreSQL.
//!
//! What a session keeps is lost between transactions then, or met by others: prepared statements, settings,
//! `LISTEN` and session-level locks. Through such a pooler, every statement runs in a transaction, settings are
//! the transaction's, and statements have no names.

use super::error::{Result, is_unsupported};
use sqlx::{AnyConnection, Row};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long [`Sessions::probe`] waits for both connections. Longer, and the pooler has no second session to give.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// The order in which [`Sessions::probe`] asks two connections. A pooler that hands out its sessions in turn is
/// noticed by the repetitions.
const PROBES: [usize; 6] = [0, 1, 0, 0, 1, 1];

/// The sessions of the database that connections have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sessions {
    /// Each connection has its own.
    Own,
    /// A pooler gives each transaction one.
    Shared,
}

impl Sessions {
    /// Finds out which sessions two connections to the same URL have.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn probe(
        first: &mut AnyConnection,
        second: &mut AnyConnection,
    ) -> Result<Self> {
        let mut connections = [first, second];
        let mut seen = [BTreeSet::new(), BTreeSet::new()];
        let asked = async {
            for turn in PROBES {
                let row = sqlx::raw_sql("select pg_backend_pid()")
                    .fetch_one(&mut *connections[turn])
                    .await?;
                seen[turn].insert(row.try_get::<i32, _>(0)?);
            }
            Ok::<_, sqlx::Error>(())
        };
        match tokio::time::timeout(PROBE_LIMIT, asked).await {
            Ok(Ok(())) => {}
            // No pooler speaks for a database that has no sessions with an id.
            Ok(Err(error)) if is_unsupported(&error) => return Ok(Self::Own),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Ok(Self::Shared),
        }
        let [first, second] = seen;
        if first.len() == 1 && second.len() == 1 && first != second {
            Ok(Self::Own)
        } else {
            Ok(Self::Shared)
        }
    }
}
