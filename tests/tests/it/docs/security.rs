//! docs/security.md names what shows each line of its tables: tests, or a limit.

use anyhow::{Context, Result, anyhow, ensure};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use till_tests::docs::docs;

/// The directories of the modules that the names begin with.
const ROOTS: [&str; 2] = ["tests/tests/it", "server/src"];
/// The module whose macro makes a test of each of its functions, for each payment system.
const SCENARIOS: &str = "connectors::conformance";

#[test]
fn every_line_names_a_test_or_a_limit() -> Result<()> {
    let docs = docs()?;
    let root = docs.parent().context("no workspace")?;
    let text = fs::read_to_string(docs.join("security.md"))?;
    let limits = column(&text, "limit").into_iter().map(|(_, limit)| limit);
    let limits: BTreeSet<_> = limits.collect();
    let (mut tests, mut named) = (BTreeSet::new(), BTreeSet::new());
    let mut wrong = vec![];
    for (line, cell) in column(&text, "shown by") {
        let of_line: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
        let parts = cell.split("](#limits)");
        let limits: Vec<_> = parts.filter_map(|part| part.rsplit_once('[')).collect();
        if of_line.is_empty() && limits.is_empty() {
            wrong.push(format!("nothing shows {line}"));
        }
        tests.extend(of_line);
        named.extend(limits.into_iter().map(|(_, limit)| limit));
    }
    for name in &tests {
        if !is_test(root, name)? {
            wrong.push(format!("there is no test {name}"));
        }
    }
    let differing = limits.symmetric_difference(&named);
    wrong.extend(differing.map(|limit| format!("only named or only listed: {limit}")));
    ensure!(wrong.is_empty(), "{wrong:#?}");
    ensure!(tests.len() > 50, "only {} tests were found", tests.len());
    ensure!(limits.len() > 10, "only {limits:?} were found");
    Ok(())
}

/// The cells of all columns with this heading, each with its line.
fn column<'a>(text: &'a str, heading: &str) -> Vec<(&'a str, &'a str)> {
    let mut cells = vec![];
    let mut position = None;
    for line in text.lines() {
        let row: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if !line.starts_with('|') {
            position = None;
        } else if let Some(position) = position {
            let cell = row.get(position).copied().unwrap_or_default();
            if cell != "---" {
                cells.push((line, cell));
            }
        } else {
            position = row.iter().position(|cell| *cell == heading);
        }
    }
    cells
}

/// Whether a file of [`ROOTS`] has the test, whose name begins with the path of the file.
fn is_test(root: &Path, name: &str) -> Result<bool> {
    let path: Vec<_> = name.split("::").collect();
    for directory in ROOTS {
        for end in (1..path.len()).rev() {
            let module = root.join(directory).join(path[..end].join("/"));
            for file in [module.with_extension("rs"), module.join("mod.rs")] {
                if !file.is_file() {
                    continue;
                }
                let tokens = fs::read_to_string(&file)?.parse::<TokenStream>();
                let tokens = tokens.map_err(|error| anyhow!("{}: {error}", file.display()))?;
                let mut found = BTreeSet::new();
                let all = path[..end].join("::") == SCENARIOS;
                collect_tests(tokens, "", all, &mut found);
                if found.contains(&path[end..].join("::")) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Collects the tests among the tokens of a module, or all of its functions. `proptest!` contains tests that
/// have no syntax tree.
fn collect_tests(tokens: TokenStream, module: &str, all: bool, found: &mut BTreeSet<String>) {
    let mut has_attribute = false;
    let mut before = String::new();
    let mut child = None;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                if before == "fn" {
                    if has_attribute || all {
                        found.insert(format!("{module}{word}"));
                    }
                    has_attribute = false;
                } else if before == "mod" {
                    child = Some(format!("{module}{word}::"));
                }
                before = word;
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                has_attribute |= names_test(group.stream());
            }
            TokenTree::Group(group) => {
                let child = child.take();
                let module = child.as_deref().unwrap_or(module);
                collect_tests(group.stream(), module, all, found);
            }
            // The end of `mod name;`.
            TokenTree::Punct(punct) if punct.as_char() == ';' => child = None,
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Whether the content of an attribute is `test`, `tokio::test` or the like; `cfg(test)` is not.
fn names_test(attribute: TokenStream) -> bool {
    attribute.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "test",
        TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
