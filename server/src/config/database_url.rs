//! The URL of the database.

use std::convert::Infallible;
use std::net::IpAddr;
use url::Url;

/// The parameters of a URL of PostgreSQL that say whether the connection is encrypted.
const MODES: [&str; 2] = ["sslmode", "ssl-mode"];

/// Reads the URL of a database. PostgreSQL on another machine is reached with TLS only, unless the URL or
/// the variable `PGSSLMODE` says otherwise: without either, the driver falls back to plain text, as
/// PostgreSQL's own clients do (<https://www.postgresql.org/docs/current/libpq-ssl.html>).
pub fn read(text: &str) -> Result<String, Infallible> {
    Ok(with_tls(text, std::env::var_os("PGSSLMODE").is_some()).unwrap_or_else(|| text.to_owned()))
}

/// Reads the URL at which servers receive notifications, as [`read`] does.
pub fn read_listen_url(text: &str) -> Result<String, String> {
    if !(text.starts_with("postgres:") || text.starts_with("postgresql:")) {
        return Err("must begin with postgres:".into());
    }
    Ok(read(text).unwrap_or_else(|never| match never {}))
}

/// Returns the URL with TLS required; `None` if it is not for this URL.
fn with_tls(text: &str, has_default: bool) -> Option<String> {
    let mut url = Url::parse(text).ok()?;
    let is_postgres = matches!(url.scheme(), "postgres" | "postgresql");
    let chosen = has_default || url.query_pairs().any(|(name, _)| MODES.contains(&&*name));
    if !is_postgres || chosen || is_local(&url) {
        return None;
    }
    url.query_pairs_mut().append_pair(MODES[0], "require");
    Some(url.into())
}

/// Whether the server is on this machine: without a host, with the directory of a Unix socket, or with a
/// loopback address. The parameter `host` replaces the URL's.
fn is_local(url: &Url) -> bool {
    let named = url.query_pairs().filter(|(name, _)| name == "host").last();
    let host = match &named {
        Some((_, host)) => host,
        None => url.host_str().unwrap_or_default(),
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = address
        .parse()
        .is_ok_and(|address: IpAddr| address.is_loopback());
    let is_directory = host.starts_with('/') || host.starts_with("%2F") || host.starts_with("%2f");
    host.is_empty() || host.eq_ignore_ascii_case("localhost") || is_loopback || is_directory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_is_reached_with_tls() {
        for (url, expected) in [
            (
                "postgres://till@db.example/till",
                "postgres://till@db.example/till?sslmode=require",
            ),
            (
                "postgresql://10.0.0.5:5433/till",
                "postgresql://10.0.0.5:5433/till?sslmode=require",
            ),
            (
                "postgres://till:p%40ss@[2001:db8::5]/till?application_name=a%20b",
                "postgres://till:p%40ss@[2001:db8::5]/till?application_name=a%20b&sslmode=require",
            ),
            (
                "postgres:///till?host=db.example",
                "postgres:///till?host=db.example&sslmode=require",
            ),
        ] {
            assert_eq!(with_tls(url, false).as_deref(), Some(expected));
            assert_eq!(with_tls(url, true), None, "{url}");
        }
    }

    #[test]
    fn what_is_local_or_says_otherwise_is_left() {
        for url in [
            "sqlite:till.db",
            "sqlite://till.db?mode=rwc",
            "mysql://db.example/till",
            "not a URL",
            "postgres://till@localhost/till",
            "postgres://till@Localhost/till",
            "postgres://till@127.0.0.1:5432/till",
            "postgres://till@[::1]/till",
            "postgres:///till",
            "postgres://%2Fvar%2Frun%2Fpostgresql/till",
            "postgres://db.example/till?host=/var/run/postgresql",
            "postgres://db.example/till?sslmode=disable",
            "postgres://db.example/till?sslmode=verify-full&sslrootcert=ca.pem",
            "postgres://db.example/till?ssl-mode=prefer",
        ] {
            assert_eq!(with_tls(url, false), None, "{url}");
        }
    }
}
