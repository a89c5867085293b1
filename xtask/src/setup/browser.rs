//! Chromium and ChromeDriver, for the browser tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{debian, script, version};
use crate::{paths, process};

const BROWSERS: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
];
const MAC_BROWSERS: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

const SHELLS: [&str; 2] = ["chromium-headless-shell", "chrome-headless-shell"];

/// A browser and a driver of the same major version, and the browser's headless shell.
pub struct Browser {
    chromium: PathBuf,
    driver: PathBuf,
    shell: Option<PathBuf>,
}

impl Browser {
    /// Sets the variables that the tests read.
    pub fn apply(&self, command: &mut Command) {
        command
            .env("TILL_CHROMIUM", &self.chromium)
            .env("TILL_CHROMEDRIVER", &self.driver)
            // wasm-bindgen's test runner reads this one.
            .env("CHROMEDRIVER", &self.driver);
        if let Some(shell) = &self.shell {
            command.env("TILL_HEADLESS_SHELL", shell);
        }
    }
}

/// Finds or installs both.
pub fn ensure() -> Result<Browser> {
    let (chromium, driver) = match (find_chromium(), process::find("chromedriver")) {
        (Some(chromium), Some(driver)) => (chromium, driver),
        _ => {
            install()?;
            let chromium = find_chromium().context("chromium is still not on PATH")?;
            let driver =
                process::find("chromedriver").context("chromedriver is still not on PATH")?;
            (chromium, driver)
        }
    };
    let chromium_version = version_of(&chromium)?;
    let driver_version = version_of(&driver)?;
    if version::major(&chromium_version) != version::major(&driver_version) {
        bail!(
            "{} is version {chromium_version} but {} is {driver_version}: install the same major version of both",
            chromium.display(),
            driver.display()
        );
    }
    println!("  ok: chromium and chromedriver {chromium_version}");
    let shell = headless_shell(version::major(&driver_version))?;
    Ok(Browser {
        chromium,
        driver,
        shell,
    })
}

/// Finds or installs the browser's headless shell. The tests run without it too, and take longer.
fn headless_shell(major: &str) -> Result<Option<PathBuf>> {
    let find = || SHELLS.iter().find_map(|name| process::find(name));
    if find().is_none() && debian::can_install() {
        // Older releases do not have the package.
        debian::install(&SHELLS[..1]).ok();
    }
    let same_version =
        |shell: &PathBuf| version_of(shell).is_ok_and(|version| version::major(&version) == major);
    let Some(shell) = find().filter(same_version) else {
        println!("  --: no headless shell of Chromium {major}; the browser tests take longer");
        return Ok(None);
    };
    // ChromeDriver waits for a page, and the shell opens one only if it is named.
    let launcher = paths::cache()?.join("headless-shell");
    let body = format!("exec {} \"$@\" about:blank", script::quoted(&shell)?);
    if !script::is_written(&launcher, &body) {
        script::write(&launcher, &body)?;
    }
    println!("  ok: {}", shell.display());
    Ok(Some(launcher))
}

fn install() -> Result<()> {
    if debian::can_install() {
        return debian::install(&["chromium", "chromium-driver"]);
    }
    if cfg!(target_os = "macos") {
        bail!("the tests need a browser: run `brew install --cask chromium chromedriver`");
    }
    bail!("the tests need a browser: install chromium and chromedriver with your package manager")
}

fn find_chromium() -> Option<PathBuf> {
    let on_path = BROWSERS.iter().find_map(|name| process::find(name));
    on_path.or_else(|| {
        MAC_BROWSERS
            .iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
    })
}

fn version_of(program: &Path) -> Result<String> {
    let answer = process::output(process::command(program).arg("--version"))?;
    version::reported(&answer)
        .map(str::to_owned)
        .with_context(|| format!("{} does not report its version", program.display()))
}
