//! The parts of statements that the store's sources have.

use super::collector::single_spaced;
use anyhow::{Context, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use till_tests::database::on_postgres;

/// Files whose statements create or check the schema, copy the database, or ask it about itself.
const NOT_STATEMENTS: [&str; 7] = [
    "backup.rs",
    "indexes.rs",
    "notify.rs",
    "connections.rs",
    "sessions.rs",
    "schema.rs",
    "engine.rs",
];

/// The files whose statements run on PostgreSQL only.
const ON_POSTGRES: [&str; 1] = ["submission.rs"];

/// Returns the parts of statements in the store's sources that no statement contains.
pub fn not_among(statements: &[String]) -> Result<Vec<String>> {
    let mut missing = vec![];
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src/store");
    for file in sources(&store)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let skipped = |files: &[&str]| files.contains(&&*name);
        if skipped(&NOT_STATEMENTS) || skipped(&ON_POSTGRES) && !on_postgres() {
            continue;
        }
        let text = fs::read_to_string(&file)?;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let tokens = TokenStream::from_str(code).ok().context("not Rust")?;
        let mut literals = vec![];
        collect(tokens, &mut literals);
        for part in literals.iter().flat_map(|literal| parts(literal)) {
            if !statements.iter().any(|statement| statement.contains(&part)) {
                missing.push(format!("{name}: {part}"));
            }
        }
    }
    Ok(missing)
}

fn sources(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = vec![];
    for entry in directory.read_dir()? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// The texts in code, except those of attributes, which are documentation.
fn collect(tokens: TokenStream, literals: &mut Vec<String>) {
    let mut after_hash = false;
    for token in tokens {
        let attribute = after_hash;
        after_hash = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
        match token {
            TokenTree::Group(group) if attribute && group.delimiter() == Delimiter::Bracket => {}
            TokenTree::Group(group) => collect(group.stream(), literals),
            TokenTree::Literal(literal) => {
                let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                literals.extend(text.ok().map(|text| text.value()));
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// The parts of a statement between what a format fills in; none if a text is no statement.
fn parts(literal: &str) -> Vec<String> {
    const BEGINNINGS: [&str; 9] = [
        "select ",
        "insert into ",
        "update ",
        "delete from ",
        "with ",
        "from ",
        "where ",
        "and ",
        "order by ",
    ];
    let text = single_spaced(literal);
    let spaced = format!("{text} ");
    if !BEGINNINGS.iter().any(|begin| spaced.starts_with(begin)) {
        return vec![];
    }
    let between = text.split(['{', '}']).step_by(2);
    between
        .map(|part| part.trim().to_owned())
        .filter(|part| part.len() > 3)
        .collect()
}
