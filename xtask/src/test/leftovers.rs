//! Processes that tests start and do not end.

use std::fs;
use std::process::{self, Command};
use std::thread;
use std::time::Duration;

/// The environment variable that every process of a test run inherits.
// `crash_postgres` of the tests removes it from the server that it restarts.
const MARK: &str = "XTASK_TEST_RUN";
/// How long a process may take to exit after its test.
const GRACE: Duration = Duration::from_secs(10);

/// Marks a command and all processes that it starts as part of this test run.
pub fn mark(command: &mut Command) {
    command.env(MARK, process::id().to_string());
}

/// Waits for the marked processes to exit. Returns a line for each one that does not. Processes are
/// found in `/proc`, so there are none on systems without it.
pub fn wait() -> Vec<String> {
    let step = Duration::from_millis(200);
    let mut waited = Duration::ZERO;
    loop {
        let running = running();
        if running.is_empty() || waited >= GRACE {
            return running;
        }
        thread::sleep(step);
        waited += step;
    }
}

fn running() -> Vec<String> {
    let mark = format!("{MARK}={}", process::id());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let environment = fs::read(entry.path().join("environ")).ok()?;
            environment
                .split(|&byte| byte == 0)
                .any(|variable| variable == mark.as_bytes())
                .then_some(())?;
            // A process that has exited, but was not waited for, has no command line.
            let command = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let id = entry.file_name();
            (!command.is_empty()).then(|| {
                let command = command.replace('\0', " ");
                format!("{} {}", id.to_string_lossy(), command.trim())
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_marked_process_is_found_until_it_exits() {
        let mut sleep = Command::new("sleep");
        sleep.arg("600");
        mark(&mut sleep);
        let mut child = sleep.spawn().unwrap();
        let line = format!("{} sleep 600", child.id());
        let found = running();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, [line]);
        assert!(running().is_empty());
    }
}
