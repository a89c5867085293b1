//! Errors of the store.

use sqlx::migrate::MigrateError;
use std::sync::Arc;

/// Why a call of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A migration failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// PostgreSQL offers no TLS, or a certificate that is not accepted.
    #[error(
        "no encrypted connection to PostgreSQL: {0}. Till connects to another machine with TLS. Turn on TLS \
         there, or add sslmode=disable to DATABASE_URL if the network in between is yours alone"
    )]
    Tls(sqlx::Error),
    /// A pooler such as PgBouncer refuses a parameter that the driver sends.
    #[error(
        "PgBouncer refuses the connection: {0}. Set ignore_startup_parameters = extra_float_digits in \
         pgbouncer.ini"
    )]
    Pooler(sqlx::Error),
    /// The URL names an unsupported database.
    #[error("DATABASE_URL must begin with sqlite: or postgres:")]
    Url,
    /// Migrations are missing.
    #[error(
        "the database was created by an older version of Till; run `till migrate`, or start \
         `till serve`, to bring it up to date"
    )]
    Outdated,
    /// A stored value has an unknown format.
    #[error("a stored value has an unknown format: {0}")]
    Corrupt(String),
    /// A batch of calls failed, of which this was one.
    #[error(transparent)]
    OfBatch(Arc<StoreError>),
}

/// The result of a call of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Whether an error comes from a database that is unreachable, full or overloaded: the same call may
/// succeed later.
pub fn is_transient(cause: &anyhow::Error) -> bool {
    cause.chain().any(|cause| {
        let store = cause.downcast_ref::<StoreError>();
        let sql = cause.downcast_ref::<sqlx::Error>();
        store.is_some_and(StoreError::is_transient) || sql.is_some_and(is_transient_sql)
    })
}

impl StoreError {
    /// Why a connection could not be opened.
    pub(super) fn opening(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Tls(_) => Self::Tls(error),
            sqlx::Error::Database(ref refused) if refused.message().contains(UNSUPPORTED) => {
                Self::Pooler(error)
            }
            other => Self::Sql(other),
        }
    }

    /// Whether the database is unreachable, full or overloaded: the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Sql(error) | Self::Migrate(MigrateError::Execute(error)) => {
                is_transient_sql(error)
            }
            Self::Migrate(_)
            | Self::Tls(_)
            | Self::Pooler(_)
            | Self::Url
            | Self::Outdated
            | Self::Corrupt(_) => false,
            Self::OfBatch(error) => error.is_transient(),
        }
    }
}

/// The codes of PostgreSQL: <https://www.postgresql.org/docs/current/errcodes-appendix.html>, of
/// SQLite: <https://www.sqlite.org/rescode.html>.
fn is_transient_sql(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| match code.len() {
            // Connections, transaction rollbacks, resources, locks, shutdowns.
            5 => ["08", "40", "53", "55", "57"]
                .iter()
                .any(|class| code.starts_with(class)),
            // BUSY, LOCKED, IOERR, FULL, CANTOPEN; the higher bits are extended codes.
            _ => code
                .parse::<u32>()
                .is_ok_and(|code| [5, 6, 10, 13, 14].contains(&(code & 0xff))),
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// What PgBouncer says of a parameter that it neither knows nor ignores:
/// <https://www.pgbouncer.org/config.html#ignore_startup_parameters>.
const UNSUPPORTED: &str = "unsupported startup parameter";

/// Whether a database that speaks PostgreSQL's protocol lacks a feature: feature_not_supported,
/// syntax_error, undefined_function.
pub(super) fn is_unsupported(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["0A000", "42601", "42883"].contains(&&*code))
}

/// Whether a statement violated this unique constraint or index. SQLite reports the columns instead.
pub(super) fn violates(error: &sqlx::Error, constraint: &str, columns: &str) -> bool {
    error.as_database_error().is_some_and(|e| {
        let named = e.constraint() == Some(constraint) || e.message().contains(columns);
        e.is_unique_violation() && named
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_errors_are_recognized_inside_of_other_errors() {
        let transient = [
            anyhow::Error::from(sqlx::Error::PoolTimedOut),
            StoreError::from(sqlx::Error::PoolTimedOut).into(),
            anyhow::Error::from(StoreError::from(sqlx::Error::PoolTimedOut)).context("outer"),
        ];
        for error in transient {
            assert!(is_transient(&error), "{error:?}");
        }
        assert!(!is_transient(&StoreError::Outdated.into()));
        assert!(!is_transient(
            &StoreError::from(sqlx::Error::RowNotFound).into()
        ));
    }
}
