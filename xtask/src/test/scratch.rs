//! The directory for what tests write. A test makes hundreds of files: a PostgreSQL database is 300, a
//! browser's profile as many. On a disk they take more of the processor's time than the test does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process;

/// A file system in memory, on Linux.
const MEMORY: &str = "/dev/shm";
/// How much memory must be free, in KiB: a run of all tests takes about half of it.
const ENOUGH: u64 = 8 << 20;

/// A temporary directory in memory. It is removed on drop.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Creates the directory; `None` where there is not enough memory, or no program runs in it.
    pub fn in_memory() -> Option<Self> {
        let scratch = Self(Path::new(MEMORY).join(format!("till-tests-{}", std::process::id())));
        (has_room() && scratch.create().is_ok()).then_some(scratch)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    fn create(&self) -> Result<()> {
        fs::create_dir(&self.0)?;
        // PostgreSQL runs as another user than root.
        fs::set_permissions(&self.0, fs::Permissions::from_mode(0o755))?;
        let program = self.0.join("program");
        fs::write(&program, "#!/bin/sh\n")?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        process::output(&mut process::command(&program))?;
        Ok(fs::remove_file(program)?)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Errors are ignored: the directory is temporary.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether the file system in memory and the memory itself have room for a run.
fn has_room() -> bool {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let df = process::output(process::command("df").args(["-Pk", MEMORY])).unwrap_or_default();
    // POSIX: the second line has the file system, its size, what is used and what is free.
    let free = df
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3));
    let kib = |text: Option<&str>| text?.trim().trim_end_matches(" kB").parse::<u64>().ok();
    [kib(available), kib(free)]
        .iter()
        .all(|kib| kib.is_some_and(|kib| kib >= ENOUGH))
}
