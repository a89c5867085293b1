//! Secrets that come from files and commands.

use crate::private_file;
use anyhow::{Context, bail, ensure};
use secrecy::SecretString;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// The longest secret, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Reads a secret from a file, without the line break at its end. Warns of a file that other users of the
/// machine can read.
///
/// # Errors
/// When the file can't be read, is empty, too long or not UTF-8. The error names the setting and the file,
/// and nothing of its content.
pub fn from_file(setting: &str, path: &Path) -> anyhow::Result<SecretString> {
    let named = || format!("{setting}: can't read {}", path.display());
    let file = File::open(path).with_context(named)?;
    let secret = read(file).with_context(named)?;
    if private_file::is_shared(path) {
        let file = path.display();
        tracing::warn!(setting, %file, "other users of this machine can read the secret: run `chmod 600`");
    }
    Ok(secret)
}

/// Runs a command and returns what it writes to standard output, without the line break at its end. The
/// program and its arguments are separated by blanks. There is no shell: quotation marks, variables and pipes
/// mean nothing. What it writes to standard error goes to the server's.
///
/// # Errors
/// When the command can't be run or fails, or its output is empty, too long or not UTF-8. The error names the
/// setting and the program, and nothing of the output.
pub fn from_command(setting: &str, command: &str) -> anyhow::Result<SecretString> {
    let mut words = command.split_ascii_whitespace();
    let program = words
        .next()
        .with_context(|| format!("{setting} is empty"))?;
    let named = || format!("{setting}: can't run {program}");
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(named)?;
    let output = child.stdout.take().with_context(named)?;
    let secret = read(output);
    let status = child.wait().with_context(named)?;
    if !status.success() {
        bail!("{setting}: {program} failed ({status})");
    }
    secret.with_context(|| format!("{setting}: the output of {program}"))
}

fn read(from: impl Read) -> anyhow::Result<SecretString> {
    let mut bytes = vec![];
    from.take(LONGEST + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= LONGEST, "it is longer than 64 KiB");
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("it is not UTF-8");
    };
    let text = text.trim_end_matches(['\r', '\n']);
    ensure!(!text.is_empty(), "it is empty");
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn run(command: &str) -> Result<String, String> {
        let done = from_command("TILL_X_COMMAND", command);
        done.map(|secret| secret.expose_secret().to_owned())
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_command_writes_the_secret() {
        assert_eq!(run("echo a secret").unwrap(), "a secret");
        assert_eq!(run("  echo  $HOME 'x' | cat ").unwrap(), "$HOME 'x' | cat");
    }

    #[test]
    fn a_command_that_fails_is_named_and_its_output_is_not() {
        let missing = run("no-such-program --key secret").unwrap_err();
        assert!(
            missing.starts_with("TILL_X_COMMAND: can't run no-such-program"),
            "{missing}"
        );
        assert_eq!(run(" ").unwrap_err(), "TILL_X_COMMAND is empty");
        assert!(run("true").unwrap_err().ends_with("it is empty"));
        assert!(
            run("head -c 65537 /dev/zero")
                .unwrap_err()
                .ends_with("longer than 64 KiB")
        );
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("fails");
        std::fs::write(&script, "echo secret; exit 3").unwrap();
        let failed = run(&format!("sh {}", script.display())).unwrap_err();
        assert_eq!(failed, "TILL_X_COMMAND: sh failed (exit status: 3)");
    }

    #[test]
    fn a_file_contains_the_secret() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        let read = || from_file("TILL_X_FILE", &file).map_err(|error| format!("{error:#}"));
        assert!(read().unwrap_err().starts_with("TILL_X_FILE: can't read "));
        for (content, expected) in [("a b\r\n\n", Ok("a b")), ("\n", Err("it is empty"))] {
            std::fs::write(&file, content).unwrap();
            match (read(), expected) {
                (Ok(secret), Ok(expected)) => assert_eq!(secret.expose_secret(), expected),
                (Err(error), Err(expected)) => assert!(error.ends_with(expected), "{error}"),
                (read, _) => panic!("{content:?}: {}", read.is_ok()),
            }
        }
        std::fs::write(&file, [b'x', 0xff]).unwrap();
        assert!(read().unwrap_err().ends_with("it is not UTF-8"));
    }
}
