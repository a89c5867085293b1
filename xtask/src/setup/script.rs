//! Shell scripts that run another program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes an executable script.
pub fn write(path: &Path, body: &str) -> Result<()> {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, text(body)))
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Returns whether a file is a script with this body.
pub fn is_written(path: &Path, body: &str) -> bool {
    fs::read(path).is_ok_and(|present| present == text(body).as_bytes())
}

fn text(body: &str) -> String {
    format!("#!/bin/sh\n{body}\n")
}

/// Quotes a path for a shell.
pub fn quoted(path: &Path) -> Result<String> {
    let text = path
        .to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_path_is_one_word() {
        let quoted = |path: &str| quoted(Path::new(path)).unwrap();
        assert_eq!(quoted("/a b/$c"), "'/a b/$c'");
        assert_eq!(quoted("/it's"), r"'/it'\''s'");
    }
}
