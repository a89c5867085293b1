//! Architecture rules: one-way dependencies, no circular dependencies, small files, and the paths in
//! ARCHITECTURE.md exist.

mod dependencies;
mod graph;

use anyhow::{Context, Result, ensure};
use graph::Graph;
use std::fs;
use std::path::Path;

fn root() -> Result<&'static Path> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.context("no workspace")
}

/// The root file of each crate.
const CRATES: [&str; 10] = [
    "shared/src/lib.rs",
    "server/src/lib.rs",
    "widget/src/main.rs",
    "tests/src/lib.rs",
    "tests/tests/it/main.rs",
    "tests/bench/src/bin/chaos.rs",
    "tests/bench/src/bin/bench-lists/main.rs",
    "tests/bench/src/bin/bench-server/main.rs",
    "tests/bench/src/bin/bench-widget.rs",
    "xtask/src/main.rs",
];
/// The line limit of a file.
const MOST_LINES: usize = 400;
/// The line limit of a connector's file.
const MOST_LINES_OF_A_CONNECTOR: usize = 250;

/// The modules that each module of the server may use.
const MAY_USE: [(&str, &[&str]); 12] = [
    ("domain", &[]),
    ("store", &["domain"]),
    ("connectors", &["domain"]),
    ("callbacks", &["store"]),
    ("app", &["store", "connectors", "callbacks"]),
    ("views", &["app", "store", "domain"]),
    (
        "flow",
        &["app", "views", "domain", "store", "connectors", "callbacks"],
    ),
    ("http", &["app", "flow"]),
    ("serve", &["app", "callbacks", "flow", "http"]),
    ("telemetry", &[]),
    ("sandbox", &[]),
    ("demo", &[]),
];
/// The modules that every module may use.
const COMMON: [&str; 7] = [
    "clock",
    "new_id",
    "private_file",
    "crypto",
    "jwe",
    "config",
    "telemetry",
];

#[test]
fn dependencies_are_one_way() -> Result<()> {
    let graph = Graph::read(&root()?.join("server/src/lib.rs"))?;
    let mut wrong = vec![];
    for (module, used) in graph.uses() {
        let Some(top) = module.first() else { continue };
        // The command line puts everything together.
        if top == "commands" {
            continue;
        }
        let listed = MAY_USE.iter().find(|(name, _)| name == top);
        let allowed = listed.map_or(&[][..], |(_, allowed)| *allowed);
        for used in used {
            let other = used.first().map_or("", String::as_str);
            if other != top && !allowed.contains(&other) && !COMMON.contains(&other) {
                wrong.push(format!("{} uses {}", module.join("::"), used.join("::")));
            }
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

#[test]
fn no_circular_dependencies() -> Result<()> {
    let mut circles = vec![];
    for file in CRATES {
        let graph = Graph::read(&root()?.join(file))?;
        circles.extend(graph.circles().into_iter().map(|circle| (file, circle)));
    }
    ensure!(circles.is_empty(), "{circles:#?}");
    Ok(())
}

#[test]
fn files_stay_small() -> Result<()> {
    let mut large = vec![];
    for file in CRATES {
        for path in Graph::read(&root()?.join(file))?.files() {
            let lines = fs::read_to_string(path)?.lines().count();
            let connector = path.starts_with(root()?.join("server/src/connectors"));
            let most = if connector {
                MOST_LINES_OF_A_CONNECTOR
            } else {
                MOST_LINES
            };
            if lines > most {
                large.push((path.strip_prefix(root()?)?.to_owned(), lines));
            }
        }
    }
    ensure!(large.is_empty(), "{large:#?}");
    Ok(())
}

#[test]
fn the_paths_it_names_exist() -> Result<()> {
    let text = fs::read_to_string(root()?.join("ARCHITECTURE.md"))?;
    let named = text.split('`').skip(1).step_by(2);
    let paths =
        named.filter(|word| word.contains('/') && !word.contains(' ') && !word.starts_with('/'));
    let mut count = 0;
    for path in paths {
        ensure!(root()?.join(path).exists(), "ARCHITECTURE.md names {path}");
        count += 1;
    }
    ensure!(count > 10, "only {count} paths were found");
    Ok(())
}
