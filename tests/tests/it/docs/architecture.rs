//! ARCHITECTURE.md is kept true: dependencies point one way, and the paths it names exist.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> Result<&'static Path> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.context("no workspace")
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        match path.is_dir() {
            true => sources(&path, found)?,
            false if path.extension().is_some_and(|e| e == "rs") => found.push(path),
            false => {}
        }
    }
    Ok(())
}

/// What each room of the server may use of the others. `clock`, `new_id`, `crypto`, `config` and
/// `telemetry` are everybody's.
const MAY_USE: [(&str, &[&str]); 9] = [
    ("domain", &[]),
    ("store", &["callbacks::schedule"]),
    ("connectors", &["domain"]),
    ("callbacks", &["store"]),
    ("flow", &["domain", "store", "connectors", "callbacks"]),
    (
        "http",
        &["flow", "callbacks", "connectors", "domain::Timing", "store"],
    ),
    ("telemetry", &[]),
    ("sandbox", &[]),
    ("demo", &[]),
];
const EVERYBODYS: [&str; 5] = ["clock", "new_id", "crypto", "config", "telemetry"];

#[test]
fn dependencies_point_one_way() -> Result<()> {
    for (room, allowed) in MAY_USE {
        let mut files = vec![];
        sources(&root()?.join("server/src").join(room), &mut files)?;
        ensure!(!files.is_empty(), "{room} is empty");
        for file in files {
            let text = fs::read_to_string(&file)?;
            let code = text.split("#[cfg(test)]").next().unwrap_or(&text);
            for (_, used) in code
                .match_indices("crate::")
                .map(|(i, m)| code.split_at(i + m.len()))
            {
                let list = used.strip_prefix('{').and_then(|rest| rest.split_once('}'));
                let end = used.find([';', ',', '\n', ' ', '(', ')', '{']);
                let used = match list {
                    Some((list, _)) => list.split(',').map(str::trim).collect(),
                    None => vec![&used[..end.unwrap_or(used.len())]],
                };
                for used in used {
                    let fine = used.starts_with(room)
                        || allowed.iter().any(|a| used.starts_with(a))
                        || EVERYBODYS.iter().any(|a| used.starts_with(a));
                    ensure!(fine, "{} uses crate::{used}", file.display());
                }
            }
        }
    }
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
