//! A toolchain for WebAssembly from Debian's packages, for machines where rustup cannot download.
//!
//! Debian has a rustc and the source of its standard library, but not the library compiled for
//! `wasm32-unknown-unknown`. It is compiled once and stored in the cache, as a sysroot that
//! links to Debian's other files. Nothing under /usr is changed except by the packages.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::rustc::{TARGET, has_target};
use super::{debian, script};
use crate::{paths, process};

/// The toolchain's name in rustup.
pub const NAME: &str = "till-wasm";

const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";

/// Returns whether the toolchain exists and was made from the installed rustc. Another version of rustc
/// cannot read its libraries.
pub fn is_ready() -> bool {
    let Ok(dir) = toolchain_dir() else {
        return false;
    };
    let made_from = fs::read_to_string(stamp(&dir)).unwrap_or_default();
    !made_from.is_empty()
        && rustc_version().is_ok_and(|version| version == made_from)
        && is_linked(&dir)
        && has_target(
            process::command("rustc").env("RUSTUP_TOOLCHAIN", NAME),
            TARGET,
        )
}

/// Installs Debian's packages, compiles the library, and links the result into rustup.
pub fn install() -> Result<()> {
    debian::install(&PACKAGES)?;
    let dir = toolchain_dir()?;
    let build = paths::cache()?.join("build");
    // Left by an interrupted set-up or an older rustc.
    for old in [&dir, &build].into_iter().filter(|old| old.exists()) {
        fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
    }
    let version = rustc_version()?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not name its host")?;

    let library = compile_library(&build)?;
    write_toolchain(&dir, host, &library)
        .with_context(|| format!("cannot write {}", dir.display()))?;
    println!("  Linking {} into rustup as `{NAME}`", dir.display());
    process::output(
        process::command("rustup")
            .args(["toolchain", "link", NAME])
            .arg(&dir),
    )?;
    verify(&build)?;
    fs::write(stamp(&dir), &version)
        .and_then(|()| fs::remove_dir_all(&build))
        .context("cannot write to the cache")?;
    println!("  ok: {TARGET} (toolchain {NAME})");
    Ok(())
}

/// Compiles the standard library as a dependency of an empty crate. Returns the directory of the
/// rlibs.
fn compile_library(dir: &Path) -> Result<PathBuf> {
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n\
         [profile.release]\nopt-level = \"s\"\npanic = \"abort\"\ncodegen-units = 1\n";
    fs::create_dir_all(dir.join("src"))
        .and_then(|()| fs::write(dir.join("Cargo.toml"), manifest))
        .and_then(|()| fs::write(dir.join("src/lib.rs"), "#![no_std]\n"))
        .with_context(|| format!("cannot write {}", dir.display()))?;
    process::run_step(
        &format!("compiling the standard library for {TARGET} (about a minute)"),
        process::command(CARGO)
            .current_dir(dir)
            .args(["build", "--release", "--target", TARGET])
            .args(["-Z", "build-std=std,panic_abort"])
            .env("RUSTC", RUSTC)
            .env("RUSTC_BOOTSTRAP", "1")
            // The widget's link-time optimization needs the bitcode.
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env("CARGO_TARGET_DIR", dir.join("target"))
            .env_remove("CARGO_BUILD_RUSTC_WRAPPER")
            .env_remove("RUSTC_WRAPPER")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("LD_LIBRARY_PATH"),
    )?;
    Ok(dir.join("target").join(TARGET).join("release/deps"))
}

/// Writes the toolchain's directory: programs with their sysroot, Debian's library for the host, the
/// compiled one for WebAssembly, and the linker of the default toolchain, which Debian's lacks.
fn write_toolchain(dir: &Path, host: &str, library: &Path) -> Result<()> {
    let bin = dir.join("bin");
    let for_host = dir.join("lib/rustlib").join(host);
    let for_wasm = dir.join("lib/rustlib").join(TARGET).join("lib");
    for new in [&bin, &for_host.join("bin"), &for_wasm] {
        fs::create_dir_all(new)?;
    }

    let sysroot = script::quoted(dir)?;
    script::write(
        &bin.join("rustc"),
        &format!("exec {RUSTC} --sysroot {sysroot} \"$@\""),
    )?;
    script::write(
        &bin.join("cargo-clippy"),
        &format!("SYSROOT={sysroot} exec /usr/bin/cargo-clippy \"$@\""),
    )?;
    symlink(CARGO, bin.join("cargo"))?;

    symlink(
        Path::new("/usr/lib/rustlib").join(host).join("lib"),
        for_host.join("lib"),
    )?;
    symlink(default_linker(host)?, for_host.join("bin/rust-lld"))?;

    for entry in library.read_dir()? {
        let rlib = entry?.path();
        let name = rlib
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&rlib, for_wasm.join(name))?;
        }
    }
    Ok(())
}

fn default_linker(host: &str) -> Result<PathBuf> {
    let sysroot = process::output(process::command("rustc").args(["--print", "sysroot"]))?;
    let linker = Path::new(&sysroot)
        .join("lib/rustlib")
        .join(host)
        .join("bin/rust-lld");
    if !linker.exists() {
        bail!("the default toolchain has no rust-lld: install Rust with rustup");
    }
    Ok(linker)
}

/// Compiles and links a test program, so that errors appear in set-up and not in the widget's build.
fn verify(dir: &Path) -> Result<()> {
    let source = dir.join("probe.rs");
    fs::write(
        &source,
        "fn main() { println!(\"{:?}\", std::env::args()); }\n",
    )?;
    process::output(
        process::command("rustc")
            .env("RUSTUP_TOOLCHAIN", NAME)
            .env_remove("LD_LIBRARY_PATH")
            .args(["--target", TARGET, "-o"])
            .arg(dir.join("probe.wasm"))
            .arg(&source),
    )
    .context("the new toolchain does not work")?;
    Ok(())
}

fn is_linked(dir: &Path) -> bool {
    process::output(process::command("rustup").args(["which", "--toolchain", NAME, "rustc"]))
        .is_ok_and(|rustc| {
            let rustc = Path::new(&rustc).canonicalize();
            rustc.is_ok_and(|rustc| dir.canonicalize().is_ok_and(|dir| rustc.starts_with(dir)))
        })
}

fn rustc_version() -> Result<String> {
    process::output(
        process::command(RUSTC)
            .arg("-vV")
            .env_remove("LD_LIBRARY_PATH"),
    )
}

fn toolchain_dir() -> Result<PathBuf> {
    Ok(paths::cache()?.join("toolchain"))
}

fn stamp(dir: &Path) -> PathBuf {
    dir.join("made-from")
}
