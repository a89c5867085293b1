//! Archives that depend on their content only: not on the time, the user or the order of files.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use crate::process;

/// The options of GNU tar and of macOS's for an archive without the user's name.
const NO_USER: &[&str] = if cfg!(target_os = "macos") {
    &["--uid", "0", "--gid", "0", "--numeric-owner"]
} else {
    &["--owner=0", "--group=0", "--numeric-owner"]
};

/// Packs the directory `name` of `parent` into `name.tar.gz` beside it. Every file gets the time, seconds
/// since 1970-01-01 UTC. Returns the name of the archive.
pub fn pack(parent: &Path, name: &str, seconds: u64) -> Result<String> {
    let mut files = vec![];
    collect(&parent.join(name), seconds, &mut files)?;
    files.sort();
    let archive = format!("{name}.tar");
    let mut tar = process::command("tar");
    tar.arg("-C")
        .arg(parent)
        .args(NO_USER)
        .arg("-cf")
        .arg(parent.join(&archive));
    for file in &files {
        tar.arg(file.strip_prefix(parent)?);
    }
    process::run(&mut tar)?;
    // Without a name and a time in its header.
    process::run(
        process::command("gzip")
            .args(["-9", "-n", "-f"])
            .arg(parent.join(&archive)),
    )?;
    Ok(format!("{archive}.gz"))
}

/// Collects the files below a directory, with the same time and permissions on every machine.
fn collect(dir: &Path, seconds: u64, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, seconds, found)?;
            continue;
        }
        let normalize = || {
            let file = File::options().write(true).open(&path)?;
            let runs = file.metadata()?.permissions().mode() & 0o100 != 0;
            file.set_permissions(Permissions::from_mode(if runs { 0o755 } else { 0o644 }))?;
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        };
        normalize().with_context(|| format!("cannot change {}", path.display()))?;
        found.push(path);
    }
    Ok(())
}
