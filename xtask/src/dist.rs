//! `cargo xtask dist`: one archive with everything that a server needs.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::{self, WASM_TARGET};
use crate::{archive, paths, process, sbom, tasks, widget};

/// What the archive contains besides the program and what is made from it.
const FILES: [(&str, &str); 7] = [
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("SECURITY.md", "SECURITY.md"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("packaging/till.service", "systemd/till.service"),
    ("widget/embed/till.d.ts", "till.d.ts"),
];
/// The guides, to which the README and the systemd unit refer, with the alert rules and the dashboard.
const DOCS: &str = "docs";
/// Completion scripts, named as their shells expect.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "till.bash"),
    ("zsh", "_till"),
    ("fish", "till.fish"),
];

/// Builds the archive and its checksum in `target/dist`. Builds of one commit with one compiler are equal,
/// byte for byte, in whichever directory the sources are. The widget has the paths of its libraries: Cargo's home
/// has to be the same.
pub fn dist() -> Result<()> {
    let tools = setup::widget_tools()?;
    let about = setup::about()?;
    let cyclonedx = setup::cyclonedx()?;
    let time = source_time()?;
    widget::build(&tools)?;
    let target = setup::static_target()?;
    let mut build = tasks::cargo("build --release --locked --workspace --bin till");
    without_paths(&mut build)?;
    if let Some(target) = &target.installed {
        build.args(["--target", target]);
    }
    process::run_step(&format!("building till for {}", target.name()), &mut build)?;
    let built = paths::build_output()?
        .join(target.installed.as_deref().unwrap_or_default())
        .join(format!("release/till{EXE_SUFFIX}"));

    let name = format!("till-{}-{}", env!("CARGO_PKG_VERSION"), target.name());
    let output = paths::workspace().join("target/dist");
    let dir = output.join(&name);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    let program = dir.join(format!("till{EXE_SUFFIX}"));
    copy(&built, &program)?;
    for (from, to) in FILES {
        copy(&paths::workspace().join(from), &dir.join(to))?;
    }
    copy_all(&paths::workspace().join(DOCS), &dir.join(DOCS))?;
    for (shell, file) in COMPLETIONS {
        let script = process::output(process::command(&program).args(["completions", shell]))?;
        write(&dir.join("completions").join(file), &script)?;
    }
    process::run(
        process::command(&program)
            .arg("man")
            .arg(dir.join("man/man1")),
    )?;
    for (part, target) in [("server", target.name()), ("widget", WASM_TARGET)] {
        let bill = dir.join(format!("SBOM-{part}.cdx.json"));
        sbom::write(&cyclonedx, part, target, time, &bill)?;
        process::run_step(
            &format!("collecting the licenses of the {part}'s libraries"),
            licenses(&about, part, target).arg(dir.join(format!("LICENSES-{part}.txt"))),
        )?;
    }
    let archive = archive::pack(&output, &name, time)?;
    let checksum = checksum(&output, &archive)?;
    write(&output.join(format!("{archive}.sha256")), &checksum)?;
    println!("{}", output.join(&archive).display());
    println!("SHA-256 {checksum}");
    Ok(())
}

/// The time of the commit, or of the environment variable `SOURCE_DATE_EPOCH`
/// (<https://reproducible-builds.org/docs/source-date-epoch/>); seconds since 1970-01-01 UTC.
fn source_time() -> Result<u64> {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok();
    let commit = || process::output(process::command("git").args(["log", "-1", "--format=%ct"]));
    let text = given.map_or_else(commit, Ok)?;
    text.trim()
        .parse()
        .context("the time of the sources is unknown: set SOURCE_DATE_EPOCH")
}

/// Keeps the directories of this machine out of the program, which has the paths of its sources. Nor does it have
/// symbols: the names that ThinLTO gives to local ones depend on the directory.
fn without_paths(build: &mut Command) -> Result<()> {
    let registry = paths::cargo_bin()?.with_file_name("registry");
    let flags = [(paths::workspace(), "/till"), (registry, "/registry")]
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    build
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    to.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::copy(from, to).map(drop))
        .with_context(|| format!("cannot copy {}", from.display()))
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let (path, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if path.is_dir() {
            copy_all(&path, &to)?;
        } else {
            copy(&path, &to)?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, format!("{text}\n")))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Returns a command that lists the libraries of a part and their licenses. Its last argument is the file.
fn licenses(about: &Path, part: &str, target: &str) -> Command {
    let mut command = process::command(about);
    command
        .args(["generate", "--offline", "--locked", "--fail"])
        .args(["--config", "packaging/about.toml", "--target", target])
        .args(["--manifest-path", &format!("{part}/Cargo.toml")])
        .args(["packaging/licenses.hbs", "--output-file"]);
    command
}

/// Returns a line in the format of `sha256sum`.
fn checksum(dir: &Path, file: &str) -> Result<String> {
    let (program, args): (PathBuf, &[&str]) = match process::find("sha256sum") {
        Some(sha256sum) => (sha256sum, &[]),
        // macOS has this one.
        None => ("shasum".into(), &["-a", "256"]),
    };
    process::output(
        process::command(program)
            .current_dir(dir)
            .args(args)
            .arg(file),
    )
}
