//! The languages of the widget and of the server's pages.

/// The languages as BCP 47 tags. Each has a file in `widget/locales` and in `server/locales`.
pub const LANGUAGES: [&str; 26] = [
    "ar", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "id", "it", "ja", "ko", "nl",
    "pl", "pt", "ru", "sv", "th", "tr", "uk", "vi", "zh-Hans", "zh-Hant",
];

/// The language for buyers whose languages are not available.
pub const FALLBACK: &str = "en";

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_language_has_its_files() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for folder in ["widget/locales", "server/locales"] {
            let files = workspace.join(folder).read_dir().unwrap();
            let mut names: Vec<_> = files
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            let expected = LANGUAGES.map(|language| format!("{language}.json"));
            assert_eq!(names, expected, "{folder}");
        }
        assert!(LANGUAGES.contains(&FALLBACK));
    }
}
