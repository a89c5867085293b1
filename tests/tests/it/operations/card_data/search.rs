//! Finds a card in whatever may hold one, however it is written there.

use anyhow::{Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use regex::bytes::{Regex, RegexBuilder};

/// The names of fields for a security code, ours and those of payment systems.
const CODE_NAMES: &str = "cvc|cvv|csc|security.?code";

/// What a buyer enters in secret.
pub struct Marks {
    numbers: Regex,
    codes: Regex,
}

impl Marks {
    /// Marks card numbers and security codes. A code of three or four digits is found beside a name of its
    /// field, because ids and times have such digits by chance; any other text is found everywhere.
    pub fn new(numbers: &[&str], codes: &[&str]) -> Result<Self> {
        let numbers: Vec<_> = numbers.iter().flat_map(|n| spellings(n)).collect();
        let codes: Vec<_> = codes.iter().map(|code| code_pattern(code)).collect();
        let build = |patterns: &[String]| {
            let mut all = RegexBuilder::new(&patterns.join("|"));
            all.case_insensitive(true)
                .unicode(false)
                .size_limit(1 << 26)
                .build()
        };
        Ok(Self {
            numbers: build(&numbers)?,
            codes: build(&codes)?,
        })
    }

    /// Checks that a text has no mark.
    pub fn check(&self, place: &str, text: &[u8]) -> Result<()> {
        for marks in [&self.numbers, &self.codes] {
            if let Some(found) = marks.find(text) {
                let (from, to) = (found.start().saturating_sub(200), found.end() + 200);
                let around = String::from_utf8_lossy(&text[from..to.min(text.len())]);
                ensure!(false, "{place} has card data: {around}");
            }
        }
        Ok(())
    }
}

/// The ways to write a number that a library or a connector may use, as patterns.
fn spellings(number: &str) -> Vec<String> {
    let reversed: String = number.chars().rev().collect();
    let mut all = vec![];
    for digits in [number, &reversed] {
        let bytes = digits.as_bytes();
        // In one piece or in groups.
        let between = "(?:[ +.-]|%20|%2B|%2D|&nbsp;)?";
        let characters: Vec<_> = digits.chars().map(String::from).collect();
        all.push(characters.join(between));
        all.push(hex::encode(bytes));
        // A buffer's `Debug` output: a list of bytes.
        let list: Vec<_> = bytes.iter().map(u8::to_string).collect();
        all.push(list.join(",\\s*"));
        let escapes =
            |prefix: &str| -> String { bytes.iter().map(|b| format!("{prefix}{b:02x}")).collect() };
        all.extend([escapes(r"\\x"), escapes(r"\\u00"), escapes("%")]);
        // In base64, the characters depend on the number's place in the text.
        for skipped in 0..3 {
            let whole = &bytes[skipped..];
            let whole = &whole[..whole.len() / 3 * 3];
            all.push(regex::escape(&STANDARD_NO_PAD.encode(whole)));
        }
    }
    all
}

fn code_pattern(code: &str) -> String {
    let escaped = regex::escape(code);
    if code.len() > 4 {
        return escaped;
    }
    format!(
        r"(?:{CODE_NAMES})[^a-z0-9]{{0,12}}(?:Some|3A|3D|5D|22|20)?[^a-z0-9]{{0,6}}{escaped}(?:[^0-9]|$)"
    )
}

#[test]
fn marks_are_found_however_they_are_written() -> Result<()> {
    let number = "378282246310005";
    let marks = Marks::new(&[number], &["0391", "0a9qz"])?;
    let bytes = number.as_bytes();
    let encoded = |prefix: &str| STANDARD_NO_PAD.encode(format!("{prefix}{number}\"}}"));
    let found = [
        format!("number: {number}"),
        "3782 822463 10005".into(),
        "3782-8224-6310-005".into(),
        "3782+822463+10005".into(),
        "3782%20822463%2010005".into(),
        number.chars().rev().collect(),
        hex::encode(bytes),
        hex::encode_upper(bytes),
        format!("{bytes:?}"),
        format!("{:#?}", bytes),
        r"\x33\x37\x38\x32\x38\x32\x32\x34\x36\x33\x31\x30\x30\x30\x35".into(),
        encoded("{"),
        encoded("{\""),
        encoded("{\"n"),
        "\"cvc\":\"0391\"".into(),
        "cvc: Some(\"0391\")".into(),
        r#"\"cvc\": \"0391\""#.into(),
        "payment_method_data[card][cvc]=0391".into(),
        "payment_method_data%5Bcard%5D%5Bcvc%5D=0391&x".into(),
        "securityCode=0391".into(),
        "anything 0a9qz".into(),
    ];
    for text in found {
        let all = [b"begin ", text.as_bytes(), b" end"].concat();
        ensure!(marks.check("here", &all).is_err(), "not found: {text}");
    }
    for text in [
        "10005",
        "evt_0391",
        "cvc 12",
        "3782822463 and 10006",
        "0391",
    ] {
        marks.check("here", text.as_bytes())?;
    }
    Ok(())
}
