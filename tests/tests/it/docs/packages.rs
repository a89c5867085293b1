//! The npm package: what it contains, and its types.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn root() -> Result<&'static Path> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.context("no workspace")
}

pub fn modules() -> Result<PathBuf> {
    let modules = std::env::var_os("TILL_NODE_MODULES").map(PathBuf::from);
    modules.context("TILL_NODE_MODULES; run the tests with `cargo xtask test`")
}

pub fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let output_text = [output.stdout, output.stderr].concat();
    let output_text = String::from_utf8_lossy(&output_text).into_owned();
    ensure!(output.status.success(), "{command:?}: {output_text}");
    Ok(output_text)
}

/// Packs the package and installs it in a directory.
pub fn install(dir: &Path) -> Result<Vec<String>> {
    let output_text = run(Command::new("npm")
        .args(["pack", "--json", "--loglevel=error", "--pack-destination"])
        .arg(dir)
        .current_dir(root()?.join("widget/embed")))?;
    let packed: Value = serde_json::from_str(&output_text).context(output_text)?;
    // npm 12 prints an object by package name, and earlier versions print a list.
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
fn the_package_is_complete_and_its_types_compile() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let files = install(dir.path())?;
    let (sources, others): (Vec<_>, Vec<_>) =
        files.iter().partition(|file| file.starts_with("src/"));
    let expected = ["README.md", "index.js", "package.json", "till.d.ts"];
    ensure!(others == expected, "{others:?}");
    ensure!(sources.contains(&&"src/till.js".to_owned()), "{sources:?}");

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
        // @ts-expect-error: unknown event
        two.on("payed", () => {});
        // @ts-expect-error: unknown mode
        Till({ mode: "modal" });
        // @ts-expect-error: unknown variable
        Till({ variables: { "--till-color": "red" } });
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

/// A server that renders a page imports the package, and creates the instance with the module.
#[test]
fn the_package_is_imported_without_a_browser() -> Result<()> {
    let dir = tempfile::tempdir()?;
    install(dir.path())?;
    let program = "import { Till } from 'till-embed';
        console.log(typeof Till({ host: 'https://till.example', project: 'pk_1' }).open);";
    std::fs::write(dir.path().join("server.mjs"), program)?;
    let printed = run(Command::new("node")
        .arg("server.mjs")
        .current_dir(dir.path()))?;
    ensure!(printed.trim() == "function", "{printed}");
    Ok(())
}

/// The scripts send and handle messages as `shared/src/message.rs` declares them.
#[test]
fn the_scripts_match_the_message_types() -> Result<()> {
    run(Command::new("node")
        .arg(modules()?.join("typescript/bin/tsc"))
        .args(["--noEmit", "--allowJs", "--checkJs", "--skipLibCheck"])
        .args(["--target", "es2022", "--lib", "es2023,dom,dom.iterable"])
        .args(["--module", "esnext", "--moduleResolution", "bundler"])
        .args([
            "globals.d.ts",
            "embed/src/till.js",
            "embed/index.js",
            "boot.js",
        ])
        .current_dir(root()?.join("widget")))?;
    Ok(())
}

/// The types contain every setting and event of the code.
#[test]
fn the_types_are_complete() -> Result<()> {
    let embed = root()?.join("widget/embed");
    let types = std::fs::read_to_string(embed.join("till.d.ts"))?;
    let script = std::fs::read_to_string(embed.join("src/session.js"))?;
    let settings = std::fs::read_to_string(embed.join("src/settings.js"))?;
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
    for setting in list(&settings, "const SETTINGS = [", "]")? {
        ensure!(types.contains(&format!("  {setting}?: ")), "{setting}");
    }
    Ok(())
}
