//! Requests by wrk, a load tool that takes little of the processors itself.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// Prints what was measured: requests, those that failed, and microseconds.
const DONE: &str = "
done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('measured %d %d %d %d\\n',
    summary.requests, failed, summary.duration, latency:percentile(99)))
end
";

/// The requests of a time.
pub struct Requests {
    /// How many.
    pub count: usize,
    /// How many per second.
    pub per_second: f64,
    /// The 99th percentile of their durations.
    pub p99: Duration,
}

/// Makes requests for `length`, as many at a time as there are clients, one after the other on each of their
/// connections. `script`: Lua that defines `request` (wrk's SCRIPTING). Its file is in `dir`.
///
/// # Errors
/// When wrk can't be started, or a request fails.
pub async fn run(
    dir: &Path,
    url: &str,
    clients: usize,
    length: Duration,
    script: &str,
) -> Result<Requests> {
    let file = dir.join("requests.lua");
    std::fs::write(&file, format!("{script}{DONE}"))?;
    let output = Command::new("wrk")
        .args(["--threads", "1", "--connections", &clients.to_string()])
        .args(["--duration", &format!("{}s", length.as_secs())])
        .args(["--timeout", "30s", "--script"])
        .arg(&file)
        .arg(url)
        .output()
        .await
        .context("wrk cannot be started")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let measured = printed
        .lines()
        .find_map(|line| line.strip_prefix("measured "));
    let measured = measured.with_context(|| format!("wrk: {printed}"))?;
    let numbers: Vec<u32> = measured
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests, failed, duration, p99] = numbers[..] else {
        anyhow::bail!("wrk: {measured}");
    };
    ensure!(failed == 0, "{failed} of {requests} requests failed");
    let duration = Duration::from_micros(duration.into());
    Ok(Requests {
        count: usize::try_from(requests)?,
        per_second: f64::from(requests) / duration.as_secs_f64(),
        p99: Duration::from_micros(p99.into()),
    })
}

/// Lua for the headers of a project's server, with the secret key in a variable.
pub const HEADERS: &str =
    "{ ['content-type'] = 'application/json', ['authorization'] = 'Bearer ' .. key }";
