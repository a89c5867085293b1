//! Installing Debian packages.

use std::io::IsTerminal;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// Returns whether this is Debian or a derivative, and the user may install packages.
pub fn can_install() -> bool {
    process::find("apt-get").is_some() && (is_root() || process::find("sudo").is_some())
}

/// Installs the missing packages of a list.
pub fn install(packages: &[&str]) -> Result<()> {
    let missing: Vec<_> = packages
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    println!("  Installing system packages with apt-get: {names}");
    let updated = process::run_step("apt-get update", apt_get().arg("update"));
    if updated.is_err() {
        // One of several sources may be unreachable.
        println!("  Continuing with the existing package lists");
    }
    process::run_step(
        &format!("apt-get install {names}"),
        apt_get()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&missing),
    )
    .with_context(|| format!("install these packages by hand: {names}"))
}

fn is_installed(package: &str) -> bool {
    process::output(process::command("dpkg-query").args(["-W", "-f=${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}

fn apt_get() -> Command {
    let mut command = as_root("apt-get");
    command.args(["-qq", "-o", "Acquire::Retries=3", "-o", "Dpkg::Use-Pty=0"]);
    command
}

fn as_root(program: &str) -> Command {
    if is_root() {
        let mut command = process::command(program);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        return command;
    }
    let mut command = process::command("sudo");
    if !std::io::stdin().is_terminal() {
        // Without a terminal no password can be entered: fail at once.
        command.arg("-n");
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", program]);
    command
}

fn is_root() -> bool {
    process::output(process::command("id").arg("-u")).is_ok_and(|user| user == "0")
}
