//! Reads `application/x-www-form-urlencoded` (WHATWG URL section 5.1), strictly where the crate
//! `form_urlencoded` replaces what is not UTF-8.

use encoding_rs::{Encoding, WINDOWS_1252};
use percent_encoding::percent_decode;

/// Names and values, as text.
pub type Fields = Vec<(String, String)>;

/// The fields are not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct NotUtf8 {
    /// The first field whose value is not UTF-8; `None` if a name is not.
    pub field: Option<String>,
}

/// A name and a value, percent-decoded.
type Raw = (Vec<u8>, Vec<u8>);

/// Reads fields in UTF-8.
///
/// # Errors
/// When a field is not UTF-8.
pub fn parse(bytes: &[u8]) -> Result<Fields, NotUtf8> {
    decode(raw(bytes))
}

/// Reads the fields of a form. A page in ISO-8859-1, which browsers read as windows-1252, sends them in
/// its own encoding. They are read in it if they are not UTF-8 and the browser names it: in the field
/// `_charset_`, or in the `charset` of the content type.
///
/// # Errors
/// When the fields are in another encoding, or in one that is not named.
pub fn parse_form(bytes: &[u8], charset: Option<&str>) -> Result<Form, NotUtf8> {
    let raw = raw(bytes);
    let named = raw.iter().find(|(name, _)| name == CHARSET.as_bytes());
    let label = named.map(|(_, value)| value.as_slice());
    let label = label.or(charset.map(str::as_bytes)).unwrap_or_default();
    let is_latin = Encoding::for_label(label) == Some(WINDOWS_1252);
    match decode(raw.clone()) {
        Ok(fields) => Ok(Form { fields, sent: None }),
        Err(_) if is_latin => {
            let text = |bytes: &[u8]| {
                WINDOWS_1252
                    .decode_without_bom_handling(bytes)
                    .0
                    .into_owned()
            };
            let read = raw.iter().map(|(name, value)| (text(name), text(value)));
            Ok(Form {
                fields: read.collect(),
                sent: Some(raw),
            })
        }
        Err(error) => Err(error),
    }
}

/// The field in which a browser names the encoding of a form (WHATWG HTML section 4.10.22).
pub const CHARSET: &str = "_charset_";

/// A form.
#[derive(Debug, PartialEq, Eq)]
pub struct Form {
    /// The fields.
    pub fields: Fields,
    /// The bytes of the fields, if they were not UTF-8.
    pub sent: Option<Vec<Raw>>,
}

fn raw(bytes: &[u8]) -> Vec<Raw> {
    let pairs = bytes.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
    let part = |bytes: &[u8]| {
        let spaced: Vec<u8> = bytes
            .iter()
            .map(|b| if *b == b'+' { b' ' } else { *b })
            .collect();
        percent_decode(&spaced).collect::<Vec<u8>>()
    };
    let pair = |pair: &[u8]| {
        let mut parts = pair.splitn(2, |b| *b == b'=');
        let mut next = || part(parts.next().unwrap_or_default());
        (next(), next())
    };
    pairs.map(pair).collect()
}

fn decode(raw: Vec<Raw>) -> Result<Fields, NotUtf8> {
    let field = |(name, value): Raw| {
        let name = String::from_utf8(name).map_err(|_| NotUtf8 { field: None })?;
        match String::from_utf8(value) {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(NotUtf8 { field: Some(name) }),
        }
    };
    raw.into_iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_page_in_latin_1_is_read_if_it_says_so() {
        let body = b"_charset_=ISO-8859-1&name=J%FCrgen+%80";
        let form = parse_form(body, None).unwrap();
        let name = ("name", "Jürgen €");
        assert_eq!(form.fields, fields(&[(CHARSET, "ISO-8859-1"), name]));
        assert!(form.sent.is_some());
        let form = parse_form(b"name=J%FCrgen+%80", Some("windows-1252")).unwrap();
        assert_eq!(form.fields, fields(&[name]));

        let error = NotUtf8 {
            field: Some("name".into()),
        };
        assert_eq!(parse_form(b"name=J%FCrgen", None), Err(error));
        // UTF-8 is read as such, even if the browser names another encoding.
        let form = parse_form(b"_charset_=latin1&name=J%C3%BCrgen", None).unwrap();
        assert_eq!(form.fields.last().unwrap().1, "Jürgen");
        assert!(form.sent.is_none());
        // An encoding in which the bytes of ASCII mean something else is never taken.
        assert!(parse_form(b"_charset_=utf-16&name=%FF", None).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(pairs in prop::collection::vec((".{1,5}", ".{0,9}"), 0..5)) {
            let written: String = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&pairs)
                .finish();
            prop_assert_eq!(parse(written.as_bytes()), Ok(pairs));
        }

        #[test]
        fn utf_8_is_read_as_the_library_reads_it(body in "[a-c=&+%0-9A-F]{0,40}") {
            let theirs: Fields = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            match parse(body.as_bytes()) {
                Ok(ours) => prop_assert_eq!(ours, theirs),
                Err(_) => {
                    let replaced = |text: &String| text.contains(char::REPLACEMENT_CHARACTER);
                    prop_assert!(theirs.iter().any(|(n, v)| replaced(n) || replaced(v)));
                }
            }
        }
    }
}
