//! Origins of pages, as a project's settings have them.

use url::{Host, Url};

/// Why a text is not an origin. The message says what to write instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnOrigin {
    /// It has no scheme, or one without origins.
    #[error("must begin with https:// or http://: write {0}")]
    Scheme(String),
    /// Its host has a wildcard.
    #[error(
        "must not have a wildcard: add each origin by itself, such as https://www.shop.example"
    )]
    Wildcard,
    /// It has a path, a query, a fragment, or a user.
    #[error("must be an origin without anything after the host and port: write {0}")]
    More(String),
    /// It can't be read at all.
    #[error("must be an origin such as https://shop.example")]
    Invalid,
}

/// Returns an origin as browsers write it: the host in lower case and in ASCII, without the scheme's own
/// port and without a slash.
///
/// # Errors
/// When the text is not an origin.
pub fn normalize(text: &str) -> Result<String, NotAnOrigin> {
    let with_scheme = |scheme: &str| {
        let url = Url::parse(&format!("{scheme}://{text}")).ok();
        url.map(|url| origin_of(&url))
    };
    let local = text.starts_with("localhost") || text.starts_with("127.");
    let suggested = || {
        let scheme = if local { "http" } else { "https" };
        let origin = with_scheme(scheme).filter(|_| !text.contains("://"));
        origin.unwrap_or_else(|| "https://shop.example".into())
    };
    if text.contains('*') {
        return Err(NotAnOrigin::Wildcard);
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase)
            if text != "null" && with_scheme("https").is_some() =>
        {
            return Err(NotAnOrigin::Scheme(suggested()));
        }
        Err(_) => return Err(NotAnOrigin::Invalid),
    };
    if !matches!(url.scheme(), "https" | "http") {
        // `localhost:3000` reads as a scheme and a path.
        return Err(NotAnOrigin::Scheme(suggested()));
    }
    let has_host = match url.host() {
        Some(Host::Domain(name)) => is_name(name),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    };
    if !has_host {
        return Err(NotAnOrigin::Invalid);
    }
    let has_more = url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some();
    if has_more {
        return Err(NotAnOrigin::More(origin_of(&url)));
    }
    Ok(origin_of(&url))
}

/// Whether a host is a name of the domain name system. URLs may have other hosts, such as two names with
/// a comma.
fn is_name(host: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    host.bytes().all(allowed) && host.bytes().any(|b| b.is_ascii_alphanumeric())
}

fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_same_origin_is_written_in_one_way() {
        for (given, expected) in [
            ("https://shop.example", "https://shop.example"),
            ("https://Shop.Example/", "https://shop.example"),
            ("HTTPS://shop.example:443", "https://shop.example"),
            ("http://shop.example:80/", "http://shop.example"),
            ("https://shop.example:8443", "https://shop.example:8443"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://BÜCHER.example/", "https://xn--bcher-kva.example"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(normalize(given).as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn what_is_not_an_origin_says_what_to_write() {
        for (given, message) in [
            ("https://*.shop.example", "add each origin"),
            ("*", "add each origin"),
            ("shop.example", "write https://shop.example"),
            ("Shop.example/cart", "write https://shop.example"),
            ("localhost:3000", "write http://localhost:3000"),
            ("shop.example:8443", "write https://shop.example:8443"),
            ("ftp://shop.example", "must begin with https://"),
            ("null", "such as https://shop.example"),
            ("https://shop.example/cart", "write https://shop.example"),
            ("https://shop.example?a", "write https://shop.example"),
            ("https://shop.example/#", "write https://shop.example"),
            ("https://a:b@shop.example", "write https://shop.example"),
            ("https://", "such as https://shop.example"),
            ("https://shop.example:99999", "such as https://shop.example"),
            (
                "https://a.example,https://b.example",
                "such as https://shop.example",
            ),
            (
                "https://a.example,b.example",
                "such as https://shop.example",
            ),
            ("https://.", "such as https://shop.example"),
            ("", "such as https://shop.example"),
        ] {
            let error = normalize(given).unwrap_err().to_string();
            assert!(error.contains(message), "{given}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_origin_stays(text in "https?://[a-zA-Zäß0-9.-]{1,20}(:[0-9]{1,5})?/?") {
            if let Ok(origin) = normalize(&text) {
                prop_assert_eq!(normalize(&origin), Ok(origin.clone()));
                prop_assert!(origin.is_ascii() && !origin.ends_with('/'));
            }
        }
    }
}
