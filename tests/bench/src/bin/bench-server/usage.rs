//! What a process has used so far, as Linux tells (`proc(5)`).

use anyhow::{Context, Result};
use std::fs;
use std::time::Duration;

/// The number of clock ticks in a second, which Linux fixes for programs.
const TICKS: u64 = 100;

/// Returns the processor time that a process has used.
pub fn processor(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = stat.rsplit_once(')').context("no name")?.1;
    let ticks = |n: usize| -> Result<u64> {
        let field = fields.split_whitespace().nth(n);
        Ok(field.context("too few fields")?.parse()?)
    };
    Ok(Duration::from_millis(
        (ticks(11)? + ticks(12)?) * 1000 / TICKS,
    ))
}

/// Returns the memory that a process holds, in kB.
pub fn memory(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.context("no VmRSS")?.trim().trim_end_matches(" kB");
    Ok(kilobytes.parse()?)
}
