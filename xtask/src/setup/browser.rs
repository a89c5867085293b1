//! Chromium and ChromeDriver, for the browser tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{debian, version};
use crate::process;

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

/// A browser and a driver of the same major version.
pub struct Browser {
    chromium: PathBuf,
    driver: PathBuf,
}

impl Browser {
    /// Sets the variables that the tests read.
    pub fn apply(&self, command: &mut Command) {
        command
            .env("TILL_CHROMIUM", &self.chromium)
            .env("TILL_CHROMEDRIVER", &self.driver)
            // wasm-bindgen's test runner reads this one.
            .env("CHROMEDRIVER", &self.driver);
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
    Ok(Browser { chromium, driver })
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
