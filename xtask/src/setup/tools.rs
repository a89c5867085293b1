//! The tools that build the widget: trunk, wasm-bindgen, wasm-opt and esbuild.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{launcher, npm, version};
use crate::{paths, process};

const TRUNK: &str = "0.21.14";
const ABOUT: &str = "0.9.3";
const CYCLONEDX: &str = "0.5.9";
const DENY: &str = "0.20.2";
const TWIGGY: &str = "0.8.0";
const NEXTEST: &str = "0.9.143";
/// The npm package of wasm-opt. Distributions often package a version that is too old for rustc.
const BINARYEN: &str = "132.0.0";

/// Trunk, and the directories to add to PATH so that it finds the others.
pub struct Tools {
    pub trunk: PathBuf,
    pub dirs: Vec<PathBuf>,
}

/// Finds or installs trunk, wasm-bindgen, wasm-opt and esbuild.
pub fn ensure() -> Result<Tools> {
    let cache = paths::cache()?.join("tools");
    let bindgen_version = locked_bindgen()?;
    check_trunk_config(&bindgen_version)?;

    let trunk = ensure_crate(
        &cache,
        &Crate {
            name: "trunk",
            program: "trunk",
            version: TRUNK,
            duration: "about five minutes",
            // Without the check for a newer version at every start.
            options: &["--locked", "--no-default-features", "--features", "rustls"],
        },
    )?;
    let bindgen = ensure_crate(
        &cache,
        &Crate {
            name: "wasm-bindgen-cli",
            program: "wasm-bindgen",
            version: &bindgen_version,
            duration: "about two minutes",
            // Not `--locked`: its lock file names a yanked package.
            options: &[],
        },
    )?;
    let wasm_opt = ensure_wasm_opt(&cache)?;
    let esbuild = ensure_esbuild(&cache)?;

    let mut dirs = Vec::new();
    for program in [&trunk, &bindgen, &wasm_opt, &esbuild] {
        let dir = program.parent().map(Path::to_path_buf).unwrap_or_default();
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    Ok(Tools { trunk, dirs })
}

/// Finds or installs twiggy.
pub fn twiggy() -> Result<PathBuf> {
    ensure_crate(
        &paths::cache()?.join("tools"),
        &Crate {
            name: "twiggy",
            program: "twiggy",
            version: TWIGGY,
            duration: "about two minutes",
            options: &["--locked"],
        },
    )
}

/// Finds or installs cargo-about.
pub fn about() -> Result<PathBuf> {
    ensure_crate(
        &paths::cache()?.join("tools"),
        &Crate {
            name: "cargo-about",
            program: "cargo-about",
            version: ABOUT,
            duration: "about three minutes",
            options: &["--locked", "--features", "cli"],
        },
    )
}

/// Finds or installs cargo-cyclonedx.
pub fn cyclonedx() -> Result<PathBuf> {
    ensure_crate(
        &paths::cache()?.join("tools"),
        &Crate {
            name: "cargo-cyclonedx",
            program: "cargo-cyclonedx",
            version: CYCLONEDX,
            duration: "about two minutes",
            options: &["--locked"],
        },
    )
}

/// Finds or installs cargo-deny.
pub fn deny() -> Result<PathBuf> {
    ensure_crate(
        &paths::cache()?.join("tools"),
        &Crate {
            name: "cargo-deny",
            program: "cargo-deny",
            version: DENY,
            duration: "about five minutes",
            options: &["--locked"],
        },
    )
}

/// Finds or installs cargo-nextest.
pub fn nextest() -> Result<PathBuf> {
    ensure_crate(
        &paths::cache()?.join("tools"),
        &Crate {
            name: "cargo-nextest",
            program: "cargo-nextest",
            version: NEXTEST,
            duration: "about five minutes",
            options: &["--locked"],
        },
    )
}

struct Crate<'a> {
    name: &'a str,
    program: &'a str,
    version: &'a str,
    duration: &'a str,
    options: &'a [&'a str],
}

fn ensure_crate(cache: &Path, wanted: &Crate) -> Result<PathBuf> {
    let Crate {
        name,
        program,
        version,
        duration,
        options,
    } = wanted;
    let root = cache.join(format!("{name}-{version}"));
    let cached = root.join("bin").join(program);
    if let Some(found) = present(&cached, program, version) {
        println!("  ok: {program} {version} ({})", found.display());
        return Ok(found);
    }
    // Not the directory of CARGO_TARGET_DIR or of Cargo's settings: a build that waits for this one may have
    // locked it.
    let target = root.join("target");
    process::run_step(
        &format!("compiling {name} {version} ({duration})"),
        process::command("cargo")
            .args(["install", name, "--version", version, "--force", "--root"])
            .arg(&root)
            .arg("--target-dir")
            .arg(&target)
            .args(*options)
            // Faster to compile than with the programs' own release profiles.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    )
    .with_context(|| {
        format!("{name} {version} could not be installed; check the network and try again")
    })?;
    fs::remove_dir_all(&target).with_context(|| format!("can't remove {}", target.display()))?;
    Ok(cached)
}

fn ensure_wasm_opt(cache: &Path) -> Result<PathBuf> {
    let root = cache.join(format!("binaryen-{BINARYEN}"));
    let cached = root.join("node_modules/binaryen/bin/wasm-opt");
    if let Some(found) = present(&cached, "wasm-opt", version::major(BINARYEN)) {
        println!(
            "  ok: wasm-opt {} ({})",
            version::major(BINARYEN),
            found.display()
        );
        return Ok(found);
    }
    npm::install(&root, &[&format!("binaryen@{BINARYEN}")])?;
    if !cached.exists() {
        bail!("npm's binaryen {BINARYEN} has no wasm-opt for this system: put one on PATH");
    }
    Ok(cached)
}

fn ensure_esbuild(cache: &Path) -> Result<PathBuf> {
    let (_, version) = npm::ESBUILD
        .split_once('@')
        .context("esbuild has no version")?;
    let root = cache.join(format!("esbuild-{version}"));
    let cached = root.join("node_modules/esbuild/bin/esbuild");
    if let Some(found) = present(&cached, "esbuild", version) {
        println!("  ok: esbuild {version} ({})", found.display());
        return Ok(found);
    }
    npm::install(&root, &[npm::ESBUILD])?;
    if !cached.exists() {
        bail!("npm's esbuild {version} has no program for this system: put one on PATH");
    }
    Ok(cached)
}

/// Returns the cached program, or one on PATH with the same version.
fn present(cached: &Path, program: &str, version: &str) -> Option<PathBuf> {
    if cached.exists() {
        return Some(cached.to_path_buf());
    }
    let on_path = process::find(program).filter(|found| !launcher::is_ours(found))?;
    let answer = process::output(process::command(&on_path).arg("--version")).ok()?;
    (version::reported(&answer) == Some(version)).then_some(on_path)
}

fn locked_bindgen() -> Result<String> {
    let lock = fs::read_to_string(paths::workspace().join("Cargo.lock"))
        .context("Cargo.lock cannot be read")?;
    version::locked(&lock, "wasm-bindgen")
        .map(str::to_owned)
        .context("Cargo.lock names no single version of wasm-bindgen")
}

/// Checks that Trunk.toml names the installed version; trunk would download another.
fn check_trunk_config(bindgen: &str) -> Result<()> {
    let config = fs::read_to_string(paths::workspace().join("Trunk.toml"))
        .context("Trunk.toml cannot be read")?;
    let key = "wasm_bindgen";
    if version::field(&config, key) != Some(bindgen) {
        bail!("Trunk.toml has another version: set `{key} = \"{bindgen}\"` under [tools]");
    }
    Ok(())
}
