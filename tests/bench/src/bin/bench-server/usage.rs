//! What processes have used so far, as Linux tells (`proc(5)`).

use anyhow::{Context, Result};
use std::fs;
use std::time::Duration;
use till_tests::database::on_postgres;
use till_tests::tools::installed;

/// The number of clock ticks in a second, which Linux fixes for programs.
const TICKS: u64 = 100;

/// The parent and the processor time of a process, and the time of its children that have ended.
struct Usage {
    parent: u32,
    own: Duration,
    ended: Duration,
}

fn usage(process: u32) -> Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = stat.rsplit_once(')').context("no name")?.1;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let number = |n: usize| -> Result<u64> {
        let field = fields.get(n).context("too few fields")?;
        Ok(field.parse()?)
    };
    let ticks = |n| {
        anyhow::Ok(Duration::from_millis(
            (number(n)? + number(n + 1)?) * 1000 / TICKS,
        ))
    };
    Ok(Usage {
        parent: u32::try_from(number(1)?)?,
        own: ticks(11)?,
        ended: ticks(13)?,
    })
}

/// Returns the processor time that a process has used.
pub fn processor(process: u32) -> Result<Duration> {
    Ok(usage(process)?.own)
}

/// Returns the processor time that PostgreSQL has used; zero on SQLite, which is part of the server.
pub fn database() -> Result<Duration> {
    if !on_postgres() {
        return Ok(Duration::ZERO);
    }
    let file = installed("TILL_POSTGRES_DATA")?.join("postmaster.pid");
    let file = fs::read_to_string(file)?;
    let postmaster: u32 = file.lines().next().context("no process")?.parse()?;
    let own = usage(postmaster)?;
    let processes = fs::read_dir("/proc")?.flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // One that has just ended is counted by the first process.
    let children = ids.filter_map(|id| usage(id).ok());
    let children: Duration = children
        .filter(|of| of.parent == postmaster)
        .map(|of| of.own)
        .sum();
    Ok(own.own + own.ended + children)
}

/// Returns the memory that a process holds, in kB.
pub fn memory(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.context("no VmRSS")?.trim().trim_end_matches(" kB");
    Ok(kilobytes.parse()?)
}
