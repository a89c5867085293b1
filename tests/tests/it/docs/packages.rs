//! What a project's developer installs: the npm package, its types, and the examples.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use till_tests::World;
use till_tests::api::Api;
use till_tests::browser::{Browser, Screen};
use till_tests::hosted::APPROVED;
use tokio::net::TcpListener;

fn root() -> Result<&'static Path> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.context("no workspace")
}

fn modules() -> Result<PathBuf> {
    let modules = std::env::var_os("TILL_NODE_MODULES").map(PathBuf::from);
    modules.context("TILL_NODE_MODULES; run the tests with `cargo xtask test`")
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(said)
}

/// Packs the package and installs it below a directory.
fn install(dir: &Path) -> Result<Vec<String>> {
    let said = run(Command::new("npm")
        .args(["pack", "--json", "--loglevel=error", "--pack-destination"])
        .arg(dir)
        .current_dir(root()?.join("widget/embed")))?;
    let packed: Value = serde_json::from_str(&said).context(said)?;
    // A list, or, from npm 12 on, an object by the package's name.
    let packed = match &packed {
        Value::Object(all) => all.values().next().cloned().unwrap_or_default(),
        list => list[0].clone(),
    };
    let archive = packed["filename"].as_str().context("no archive")?;
    let place = dir.join("node_modules/till-embed");
    std::fs::create_dir_all(&place)?;
    run(Command::new("tar")
        .args([
            "xzf",
            archive,
            "--strip-components=1",
            "-C",
            "node_modules/till-embed",
        ])
        .current_dir(dir))?;
    let files = packed["files"].as_array().context("no files")?;
    let mut files: Vec<_> = files
        .iter()
        .filter_map(|file| Some(file["path"].as_str()?.to_owned()))
        .collect();
    files.sort();
    Ok(files)
}

#[test]
fn the_package_is_packed_and_its_types_hold() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let files = install(dir.path())?;
    let expected = [
        "README.md",
        "index.js",
        "package.json",
        "till.d.ts",
        "till.js",
    ];
    ensure!(files == expected, "{files:?}");

    let program = r##"
        import { Till, type EventName, type Handle, type TillEvent, type Variables } from "till-embed";
        const variables: Variables = { "--till-accent": "#0a7d4f", "--till-radius": "4px" };
        const till = Till({ host: "https://till.example", project: "pk_1", mode: "popup", locale: "de", theme: "dark", variables });
        const one: Handle = till.open({ invoice: "inv_1", token: "ct_1" });
        const two = till.open({ order: { order_id: "1", amount: "19.99", currency: "EUR" } }, { container: document.body });
        till.open(Promise.resolve({ invoice: "inv_1", token: "ct_1" })).on("paid", ({ invoice, code }) => console.log(invoice, code)).close();
        const all: EventName[] = ["open", "popup_blocked", "ready", "fixation", "verification", "paid", "declined", "error", "close"];
        for (const name of all) one.on(name, (event: TillEvent) => console.log(event.status)).off(name, () => {});
        document.addEventListener("till:paid", (event) => console.log(event.detail.invoice));
        window.Till().open({ invoice: "inv_1", token: "ct_1" });
        // @ts-expect-error: an invoice needs its token
        till.open({ invoice: "inv_1" });
        // @ts-expect-error: either an order or an invoice
        till.open({ invoice: "inv_1", token: "ct_1", order: { order_id: "1", amount: 1, currency: "EUR" } });
        // @ts-expect-error: there is no such event
        two.on("payed", () => {});
        // @ts-expect-error: there is no such mode
        Till({ mode: "modal" });
        // @ts-expect-error: there is no such variable
        Till({ variables: { "--till-colour": "red" } });
    "##;
    std::fs::write(dir.path().join("program.ts"), program)?;
    run(Command::new("node")
        .arg(modules()?.join("typescript/bin/tsc"))
        .args([
            "--noEmit",
            "--strict",
            "--target",
            "es2022",
            "--lib",
            "es2022,dom",
        ])
        .args([
            "--module",
            "esnext",
            "--moduleResolution",
            "bundler",
            "--skipLibCheck",
            "false",
        ])
        .arg("program.ts")
        .current_dir(dir.path()))?;
    Ok(())
}

/// Every setting, event and variable of the code has its place in the types.
#[test]
fn the_types_are_complete() -> Result<()> {
    let embed = root()?.join("widget/embed");
    let types = std::fs::read_to_string(embed.join("till.d.ts"))?;
    let script = std::fs::read_to_string(embed.join("till.js"))?;
    let list = |text: &str, from: &str, to: &str| -> Result<Vec<String>> {
        let (_, rest) = text
            .split_once(from)
            .with_context(|| format!("no {from}"))?;
        let (list, _) = rest.split_once(to).with_context(|| format!("no {to}"))?;
        let quoted = list.split('"').skip(1).step_by(2);
        Ok(quoted.map(str::to_owned).collect())
    };
    for event in list(&script, "const NAMES = [", "]")? {
        ensure!(types.contains(&format!("| \"{event}\"")), "{event}");
    }
    for setting in list(&script, "for (const name of [\"host\"", "])")? {
        if setting.chars().all(char::is_alphabetic) {
            ensure!(types.contains(&format!("  {setting}?: ")), "{setting}");
        }
    }
    let start = std::fs::read_to_string(root()?.join("widget/start.js"))?;
    let (_, variables) = start
        .split_once("const VARIABLES = {")
        .context("no variables")?;
    let (variables, _) = variables.split_once("};").context("no end")?;
    let docs = std::fs::read_to_string(root()?.join("docs/widget.md"))?;
    let mut names = 0;
    for pair in variables.split(',') {
        let name = pair
            .split(':')
            .next()
            .unwrap_or_default()
            .trim()
            .trim_matches('"');
        if name.is_empty() {
            continue;
        }
        names += 1;
        ensure!(
            types.contains(&format!("\"--till-{name}\"?: string")),
            "{name}"
        );
        ensure!(
            docs.contains(&format!("`--till-{name}`")),
            "{name} is not in docs/widget.md"
        );
    }
    ensure!(names >= 10, "{names} variables");
    Ok(())
}

/// A project's own server, as small as can be: its page, its bundle, and the order.
struct Shop {
    world: World,
    url: String,
}

struct Site {
    api: Api,
    page: String,
    bundle: String,
    orders: AtomicU32,
}

impl Site {
    async fn order(&self) -> Result<Value> {
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        let opened = self.api.invoice(&number.to_string()).await?;
        Ok(json!({ "invoice": opened.id, "token": opened.token }))
    }
}

async fn shop(example: &str) -> Result<(Shop, TempDir)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let world = World::with(&["--origin", &url]).await?;
    let dir = tempfile::tempdir()?;
    install(dir.path())?;
    let from = root()?.join("docs/examples").join(example);
    let fill = |text: String| {
        text.replace("https://till.example", &world.api.url)
            .replace("pk_...", &world.keys.pk)
    };
    let mut page = fill(std::fs::read_to_string(from.join("index.html"))?);
    let mut bundle = String::new();
    for main in ["main.jsx", "main.js"] {
        let Ok(source) = std::fs::read_to_string(from.join(main)) else {
            continue;
        };
        std::fs::write(dir.path().join(main), fill(source))?;
        run(Command::new(modules()?.join("esbuild/bin/esbuild"))
            .args([
                main,
                "--bundle",
                "--outfile=bundle.js",
                "--log-level=warning",
            ])
            .arg("--define:process.env.NODE_ENV=\"production\"")
            .args([
                "--define:__VUE_OPTIONS_API__=true",
                "--define:__VUE_PROD_DEVTOOLS__=false",
            ])
            .arg("--define:__VUE_PROD_HYDRATION_MISMATCH_DETAILS__=false")
            .env("NODE_PATH", modules()?)
            .current_dir(dir.path()))?;
        bundle = std::fs::read_to_string(dir.path().join("bundle.js"))?;
    }
    if page.contains("inv_...") {
        let opened = world.api.invoice("plain").await?;
        page = page
            .replace("inv_...", &opened.id)
            .replace("ct_...", &opened.token);
    }
    let site = std::sync::Arc::new(Site {
        api: world.api.clone(),
        page,
        bundle,
        orders: AtomicU32::new(1),
    });
    let app = Router::new()
        .route(
            "/",
            get(async |State(site): State<std::sync::Arc<Site>>| Html(site.page.clone())),
        )
        .route(
            "/bundle.js",
            get(async |State(site): State<std::sync::Arc<Site>>| {
                ([("content-type", "text/javascript")], site.bundle.clone())
            }),
        )
        .route(
            "/orders",
            post(
                async |State(site): State<std::sync::Arc<Site>>| match site.order().await {
                    Ok(order) => axum::Json(order).into_response(),
                    Err(error) => {
                        (axum::http::StatusCode::BAD_GATEWAY, error.to_string()).into_response()
                    }
                },
            ),
        )
        .with_state(site);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((Shop { world, url }, dir))
}

async fn pays(browser: &Browser, frame: &str) -> Result<()> {
    browser.enter(frame).await?;
    browser.type_into("#number", APPROVED).await?;
    browser.type_into("#expiry", "1239").await?;
    browser.type_into("#cvc", "123").await?;
    browser.click("#pay").await?;
    browser.see("main [data-screen=paid]").await?;
    browser.leave_frames().await?;
    browser
        .until("the page hears of it", "return /^Thank you! inv_\\w+ is paid\\.$/.test(document.querySelector('#outcome').textContent)")
        .await
}

async fn example(name: &str, button: Option<&str>, frame: &str) -> Result<()> {
    let (shop, _files) = shop(name).await?;
    let browser = Browser::start(Screen::Desk).await?;
    browser.goto(&shop.url).await?;
    if let Some(button) = button {
        browser.click(button).await?;
    }
    pays(&browser, frame).await?;
    ensure!(shop.world.taken().await? == 1999);
    browser.close().await
}

#[tokio::test]
async fn the_plain_example_takes_a_payment() -> Result<()> {
    // The script must have arrived before the click means anything.
    example("plain", Some("#buy"), "dialog[open] iframe").await
}

#[tokio::test]
async fn the_react_example_takes_a_payment() -> Result<()> {
    example("react", Some("#buy"), "dialog[open] iframe").await
}

#[tokio::test]
async fn the_vue_example_takes_a_payment() -> Result<()> {
    example("vue", None, "iframe[data-till=inline]").await
}
