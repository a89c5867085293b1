//! Generates the TypeScript declarations of the scripts from the Rust types, and the embed script's
//! texts from the widget's, and compares them with the files. `UPDATE_TYPES=1 cargo test -p till-shared typescript` writes the files.

use crate::buyer::Buyer;
use crate::invoice::Item;
use crate::language::LANGUAGES;
use crate::message::{
    CaptchaState, Destination, EventName, FromCaptcha, InvoiceAndToken, Names, Returned,
    ReturnedPayment, Size, TillEvent, ToPage, ToWidget,
};
use crate::order::Order;
use crate::payment::Method;
use crate::widget::{OpenMode, Theme};
use serde_json::Value;
use std::fs;
use std::path::Path;
use ts_rs::{Config, TS};

const START: &str =
    "// Generated from the types in `shared/src`; see `shared/src/typescript.rs`.\n\n";
const END: &str = "// End of the generated declarations.\n";

/// Returns the exported declaration of a type, with one line for each field or variant.
fn declare<T: TS>() -> String {
    let docs = T::docs().unwrap_or_default();
    let declaration = T::decl(&Config::default());
    let is_struct = declaration.contains("= { \n");
    let mut text = format!("{docs}export {declaration}\n\n")
        .replace("\n */\n", " */\n")
        .replace("/**\n * ", "/** ")
        .replace(", }", "; }")
        .replace(", \n", ";\n");
    if is_struct {
        text = text
            .replace("= { \n", "= {\n")
            .replace("\n/**", "\n  /**")
            .replace("\n * ", "\n   * ")
            .replace(" */\n", " */\n  ")
            .replace("; };", ";\n};");
        // The documentation of the type itself is not indented.
        text.replacen(" */\n  export", " */\nexport", 1)
    } else {
        text.replace(" | ", "\n  | ").replacen(" = ", " =\n  | ", 1)
    }
}

/// Compares a file with its expected content, or writes it if `UPDATE_TYPES` is set.
fn check(path: &str, expected: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let present = fs::read_to_string(&path).unwrap();
    let expected = expected(&present);
    if std::env::var_os("UPDATE_TYPES").is_some() {
        fs::write(path, expected).unwrap();
    } else {
        assert_eq!(present, expected, "run the test with UPDATE_TYPES=1");
    }
}

#[test]
fn the_messages_match_the_types() {
    let declarations = [
        declare::<ToPage>(),
        declare::<ToWidget>(),
        declare::<InvoiceAndToken>(),
        declare::<TillEvent>(),
        declare::<Names>(),
        declare::<Size>(),
        declare::<Destination>(),
        declare::<Returned>(),
        declare::<ReturnedPayment>(),
        declare::<FromCaptcha>(),
        declare::<CaptchaState>(),
    ];
    check("widget/messages.d.ts", |_| {
        format!("{START}{}", declarations.concat().trim_end()) + "\n"
    });
}

#[test]
fn the_public_declarations_match_the_types() {
    let declarations = [
        declare::<OpenMode>(),
        declare::<Theme>(),
        declare::<EventName>(),
        declare::<TillEvent>(),
        declare::<Order>(),
        declare::<Item>(),
        declare::<Buyer>(),
        declare::<Method>(),
    ];
    check("widget/embed/till.d.ts", |present| {
        let (before, rest) = present.split_once(START).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        [before, START, &declarations.concat(), END, after].concat()
    });
}

/// `till.js` shows these texts when it cannot load the widget, which has the others.
#[test]
fn the_embed_script_has_the_widgets_texts() {
    let mut script = String::from(
        "// Generated from `widget/locales/`; see `shared/src/typescript.rs`.\n\n\
         /** For each language: that the widget could not be loaded, and the name of the button that tries again. */\n\
         export const TEXTS = {\n",
    );
    let locales = Path::new(env!("CARGO_MANIFEST_DIR")).join("../widget/locales");
    for language in LANGUAGES {
        let texts = fs::read_to_string(locales.join(format!("{language}.json"))).unwrap();
        let texts: Value = serde_json::from_str(&texts).unwrap();
        let (failed, retry) = (&texts["load_failed"], &texts["retry"]);
        script += &format!("  \"{language}\": [{failed}, {retry}],\n");
    }
    check("widget/embed/src/texts.js", |_| format!("{script}}};\n"));
}
