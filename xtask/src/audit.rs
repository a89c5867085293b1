//! `cargo xtask audit`: what `deny.toml` says about the libraries.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::{process, setup};

/// Checks the licenses, versions and sources of all libraries, and whether they have known
/// vulnerabilities, if the database of advisories can be fetched.
pub fn audit() -> Result<()> {
    let deny = setup::deny()?;
    process::run_step(
        "checking the libraries' licenses, versions and sources",
        command(&deny).args(["check", "licenses", "bans", "sources"]),
    )?;
    let advisories = "checking the libraries for known vulnerabilities";
    if process::run_step(
        "fetching the advisories",
        command(&deny).args(["fetch", "db"]),
    )
    .is_err()
    {
        println!("  missing: {advisories}: the database of advisories cannot be fetched");
        return Ok(());
    }
    process::run_step(
        advisories,
        command(&deny).args(["--offline", "check", "advisories"]),
    )
}

fn command(deny: &Path) -> Command {
    let mut command = process::command(deny);
    command.args(["--workspace", "--locked"]);
    command
}
