//! `till completions` and `till man`: files for shells and for `man`, made from the command line's own
//! definition.

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;
use std::io::Write as _;
use std::path::PathBuf;

/// Arguments of `till completions`.
#[derive(Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Arguments of `till man`.
#[derive(Args)]
pub struct Man {
    /// The directory that the pages are written to
    directory: PathBuf,
}

/// Prints a shell's completion script.
pub fn completions(args: &Completions, mut command: Command) -> anyhow::Result<()> {
    let name = command.get_name().to_owned();
    // `generate` panics if it cannot write, and memory can always be written to.
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    std::io::stdout()
        .write_all(&script)
        .context("can't write to standard output")
}

/// Writes a manual page for `till` and one for each of its commands.
pub fn man(args: &Man, command: Command) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.directory)
        .and_then(|()| clap_mangen::generate_to(command, &args.directory))
        .with_context(|| format!("can't write to {}", args.directory.display()))
}
