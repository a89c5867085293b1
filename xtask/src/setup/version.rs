//! Versions: from Cargo.lock and from `--version` outputs.

/// Returns the version of a package in a Cargo.lock; `None` if there are several.
pub fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let mut versions = lock
        .split("[[package]]")
        .filter(|entry| field(entry, "name") == Some(package))
        .filter_map(|entry| field(entry, "version"));
    let version = versions.next()?;
    versions.next().is_none().then_some(version)
}

/// Returns the value of a line `key = "value"`.
pub fn field<'a>(toml: &'a str, key: &str) -> Option<&'a str> {
    toml.lines().find_map(|line| {
        let value = line.trim().strip_prefix(key)?.trim_start();
        let value = value.strip_prefix('=')?.trim().strip_prefix('"')?;
        value.split('"').next()
    })
}

/// Returns the version in a `--version` output, such as `trunk 0.21.14`,
/// `wasm-opt version 132 (version_132)` or `Chromium 156.0.8078.79 built on Debian`.
pub fn reported(answer: &str) -> Option<&str> {
    answer
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

/// Returns the major version.
pub fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "base64"
version = "0.21.7"

[[package]]
name = "base64"
version = "0.22.1"

[[package]]
name = "wasm-bindgen"
version = "0.2.130"
source = "registry"
dependencies = [
 "cfg-if",
 "wasm-bindgen-macro",
]

[[package]]
name = "wasm-bindgen-macro"
version = "0.2.999"
"#;

    #[test]
    fn a_locked_version_is_that_of_the_exact_name() {
        assert_eq!(locked(LOCK, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked(LOCK, "wasm"), None);
    }

    #[test]
    fn two_locked_versions_are_no_answer() {
        assert_eq!(locked(LOCK, "base64"), None);
    }

    #[test]
    fn a_field_is_found_with_any_spacing() {
        let toml = "[tools]\nwasm_bindgen_x = \"1\"\n  wasm_bindgen=\"0.2.130\" # kept equal\n";
        assert_eq!(field(toml, "wasm_bindgen"), Some("0.2.130"));
        assert_eq!(field(toml, "wasm_opt"), None);
    }

    #[test]
    fn programs_report_their_version_among_other_words() {
        assert_eq!(reported("trunk 0.21.14"), Some("0.21.14"));
        assert_eq!(reported("wasm-opt version 132 (version_132)"), Some("132"));
        assert_eq!(
            reported("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)"),
            Some("156.0.8078.79")
        );
        assert_eq!(reported("no version here"), None);
    }

    #[test]
    fn the_major_version_stands_before_the_first_dot() {
        assert_eq!(major("156.0.8078.79"), "156");
        assert_eq!(major("132"), "132");
    }
}
