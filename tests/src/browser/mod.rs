//! Chromium, driven by ChromeDriver.

pub mod buyer;
pub mod hosted;
pub mod shop;

use crate::process::{Running, command};
use crate::wait::until;
use anyhow::{Context, Result};
use axum::http::Method;
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use url::Url;

/// The time limit for waiting.
const PATIENCE: Duration = Duration::from_secs(30);

/// Switches that keep a page and its frames in one process, so that [`Browser::block`] covers them.
pub const ONE_PROCESS: &[&str] = &[
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,site-per-process",
];

/// The switch that starts Chromium itself, for what its headless shell does not have: content settings,
/// and opener policies between windows.
pub const CHROMIUM: &str = "--headless=new";

/// A screen size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// 360 CSS pixels wide, with touch.
    Phone,
    /// 1280 CSS pixels wide.
    Desk,
}

/// A browser. It is closed on drop.
pub struct Browser {
    client: Client,
    _driver: Running,
    _profile: TempDir,
}

impl Deref for Browser {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Browser {
    /// Starts a browser.
    pub async fn start(screen: Screen) -> Result<Self> {
        Self::with(screen, &[]).await
    }

    /// Starts a browser that blocks cookies and storage.
    pub async fn without_storage(screen: Screen) -> Result<Self> {
        let refused = json!({
            "profile.default_content_setting_values.cookies": 2,
            "profile.block_third_party_cookies": true,
        });
        Self::begin(screen, &[CHROMIUM], refused).await
    }

    /// Starts a browser with additional switches.
    pub async fn with(screen: Screen, switches: &[&str]) -> Result<Self> {
        Self::begin(screen, switches, json!({})).await
    }

    async fn begin(screen: Screen, switches: &[&str], preferences: Value) -> Result<Self> {
        let driver = driver().await?;
        let port = driver.line.trim_end_matches('.');
        let profile = tempfile::tempdir()?;
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        // The shell is the same engine without a user interface, and starts in a quarter of the time.
        let shell = variable("TILL_HEADLESS_SHELL").filter(|_| !switches.contains(&CHROMIUM));
        let mut args = vec![
            if shell.is_some() {
                "--headless"
            } else {
                CHROMIUM
            }
            .to_owned(),
            // Chromium exits when the other end of the pipe does.
            "--remote-debugging-pipe".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            // What moves is drawn sixty times a second, without a graphics card.
            "--force-prefers-reduced-motion".into(),
            "--disable-dev-shm-usage".into(),
            "--lang=en-US".into(),
            "--window-size=1280,900".into(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        args.extend(switches.iter().map(ToString::to_string));
        if is_root() {
            // Chromium's sandbox does not run as root.
            args.push("--no-sandbox".into());
        }
        let mut options = json!({ "args": args, "prefs": preferences });
        if let Some(binary) = shell.or_else(|| variable("TILL_CHROMIUM")) {
            options["binary"] = json!(binary);
        }
        if screen == Screen::Phone {
            options["mobileEmulation"] = json!({
                "deviceMetrics": { "width": 360, "height": 740, "pixelRatio": 2, "touch": true },
            });
        }
        let mut capabilities = Map::<String, Value>::new();
        capabilities.insert("goog:chromeOptions".into(), options);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await?;
        Ok(Self {
            client,
            _driver: driver,
            _profile: profile,
        })
    }

    /// Waits for an element.
    pub async fn wait_for(&self, css: &str) -> Result<Element> {
        let found = async {
            // Commands fail during navigation.
            loop {
                match self.client.find(Locator::Css(css)).await {
                    Ok(element) => return element,
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        if let Ok(element) = tokio::time::timeout(PATIENCE, found).await {
            return Ok(element);
        }
        let text = self
            .client
            .execute("return document.body.innerText", vec![]);
        let shown = text.await.unwrap_or_default();
        anyhow::bail!("{css} not found; the page shows {shown}")
    }

    /// Waits for an element and clicks it.
    pub async fn click(&self, css: &str) -> Result<()> {
        let element = self.wait_for(css).await?;
        element
            .click()
            .await
            .with_context(|| format!("{css} cannot be clicked"))
    }

    /// Waits for a field and types into it.
    pub async fn type_into(&self, css: &str, text: &str) -> Result<()> {
        Ok(self.wait_for(css).await?.send_keys(text).await?)
    }

    /// Waits for a frame and enters it.
    pub async fn enter_frame(&self, css: &str) -> Result<()> {
        Ok(self.wait_for(css).await?.enter_frame().await?)
    }

    /// Returns to the top-level page.
    pub async fn leave_frames(&self) -> Result<()> {
        // Frames are nested three deep at most.
        for _ in 0..3 {
            self.client.clone().enter_parent_frame().await?;
        }
        Ok(())
    }

    /// Waits for a number of windows and switches to the newest.
    pub async fn switch_to_newest_window(&self, count: usize) -> Result<()> {
        let enough = async {
            loop {
                let windows = self.client.windows().await?;
                if windows.len() == count {
                    let newest = windows.into_iter().next_back().context("no window")?;
                    return Ok::<_, anyhow::Error>(self.client.switch_to_window(newest).await?);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, enough).await;
        waited.with_context(|| format!("timed out waiting for {count} windows"))?
    }

    /// Runs a script and returns its value.
    pub async fn run(&self, script: &str) -> Result<Value> {
        Ok(self.client.execute(script, vec![]).await?)
    }

    /// Blocks requests to these URL patterns.
    pub async fn block(&self, addresses: &[&str]) -> Result<()> {
        self.devtools("Network.enable", json!({})).await?;
        self.devtools("Network.setBlockedURLs", json!({ "urls": addresses }))
            .await
    }

    /// Disables or enables the network.
    pub async fn offline(&self, offline: bool) -> Result<()> {
        let conditions = json!({
            "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        self.devtools("Network.enable", json!({})).await?;
        self.devtools("Network.emulateNetworkConditions", conditions)
            .await
    }

    /// Emulates media features such as `prefers-color-scheme`.
    pub async fn emulate_media(&self, features: &[(&str, &str)]) -> Result<()> {
        let features = features
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }));
        let features: Vec<_> = features.collect();
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await
    }

    /// Sets the viewport's size in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await
    }

    /// Runs a script first on every new page.
    pub async fn run_on_new_pages(&self, script: &str) -> Result<()> {
        self.devtools(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": script }),
        )
        .await
    }

    /// Waits until a script returns true.
    pub async fn until(&self, what: &str, script: &str) -> Result<()> {
        until(what, async || Ok(self.run(script).await? == true)).await
    }

    /// Returns the violations that axe-core finds in the current page or frame.
    pub async fn axe_violations(&self) -> Result<Vec<String>> {
        if self.run("return Boolean(window.axe)").await? == false {
            let modules = std::env::var_os("TILL_NODE_MODULES");
            let modules =
                modules.context("TILL_NODE_MODULES; run the tests with `cargo xtask test`")?;
            let rules = std::fs::read_to_string(Path::new(&modules).join("axe-core/axe.min.js"))?;
            self.run(&rules).await?;
        }
        let script = "const done = arguments[0];
            axe.run(document, { resultTypes: ['violations'] }).then((found) => done(
                found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`)));";
        let found = self.client.execute_async(script, vec![]).await?;
        Ok(serde_json::from_value(found)?)
    }

    /// Sends a command of the Chrome DevTools Protocol.
    pub async fn devtools(&self, command: &'static str, params: Value) -> Result<()> {
        self.client.issue_cmd(DevTools { command, params }).await?;
        Ok(())
    }

    /// Waits for animations and stores a screenshot in `target/screenshots`.
    pub async fn screenshot(&self, name: &str) -> Result<()> {
        let dir = screenshots()?;
        let arrived = "return Promise.allSettled(document.getAnimations()
            .filter((a) => a.effect.getComputedTiming().iterations === 1).map((a) => a.finished))";
        self.run(arrived).await?;
        let picture = self.client.screenshot().await?;
        Ok(tokio::fs::write(dir.join(format!("{name}.png")), picture).await?)
    }

    /// Closes the browser.
    pub async fn close(self) -> Result<()> {
        Ok(self.client.clone().close().await?)
    }
}

/// Starts ChromeDriver on a free port.
async fn driver() -> Result<Running> {
    let program = std::env::var_os("TILL_CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
    let start = || async {
        let mut driver = command(&program);
        driver.arg("--port=0");
        Running::start(&mut driver, "successfully on port ").await
    };
    // ChromeDriver binds its port on two addresses, and one of them may be in use.
    let started = match start().await {
        Err(_) => start().await,
        started => started,
    };
    started.context("chromedriver; run the tests with `cargo xtask test`")
}

/// ChromeDriver's extension of WebDriver.
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    params: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = json!({ "cmd": self.command, "params": self.params });
        (Method::POST, Some(body.to_string()))
    }
}

/// Returns the directory of the screenshots.
pub fn screenshots() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let dir = root.context("no workspace")?.join("target/screenshots");
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}

fn is_root() -> bool {
    std::process::Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}
