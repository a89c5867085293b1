//! ARCHITECTURE.md names every direct dependency of the workspace, with the reason for it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use till_tests::docs::docs;

#[test]
fn every_direct_dependency_has_a_reason() -> Result<()> {
    let root = docs()?.parent().context("no workspace")?.to_path_buf();
    let text = fs::read_to_string(root.join("ARCHITECTURE.md"))?;
    let (_, section) = text
        .split_once("\n## Dependencies\n")
        .context("no section")?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let mut listed = BTreeSet::new();
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [names, _, reason] = cells[..] else {
            anyhow::bail!("not three columns: {row}");
        };
        ensure!(reason.len() > 10, "no reason: {row}");
        for name in names.split('`').skip(1).step_by(2) {
            ensure!(listed.insert(name.to_owned()), "{name} is listed twice");
        }
    }

    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root)
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut used = BTreeSet::new();
    for package in metadata["packages"].as_array().context("no packages")? {
        let dependencies = package["dependencies"].as_array();
        for dependency in dependencies.context("no dependencies")? {
            let name = dependency["name"].as_str().context("no name")?;
            if !name.starts_with("till-") {
                used.insert(name.to_owned());
            }
        }
    }
    let difference: Vec<_> = used.symmetric_difference(&listed).collect();
    ensure!(difference.is_empty(), "used or listed only: {difference:?}");
    Ok(())
}
