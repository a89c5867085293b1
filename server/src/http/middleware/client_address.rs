//! The address of a client, which may be behind proxies that the operator trusts.

use axum::http::HeaderMap;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// The address of one hop, as a proxy reports it; `None` if it reports no address.
type Hop = Option<IpAddr>;

/// Reads the hops in the value of a header. `None` if it is malformed.
type Read = fn(&str) -> Option<Vec<Hop>>;

/// The address of the client: of the connection, or, if that comes from a trusted proxy, the nearest
/// one in `X-Forwarded-For` or `Forwarded` (RFC 7239) that is not a trusted proxy. Whatever is farther
/// away may have been sent by the client. `None` if a trusted proxy reports no address, or if the two
/// headers contradict each other: then one of them comes from the client.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return Some(peer);
    }
    let found = |name: &str, read: Read| nearest(&hops(headers, name, read), trusted);
    match (
        found("x-forwarded-for", x_forwarded_for),
        found("forwarded", forwarded),
    ) {
        (None, None) => Some(peer),
        (Some(found), None) | (None, Some(found)) => found,
        (Some(one), Some(other)) => one.filter(|_| one == other),
    }
}

/// Whether an address is one of a trusted proxy.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The nearest hop that is not a trusted proxy; the farthest one if all are. `None` without hops.
fn nearest(hops: &[Hop], trusted: &[IpNet]) -> Option<Hop> {
    let is_proxy = |hop: &Hop| hop.is_some_and(|address| is_trusted(address, trusted));
    let nearest = hops.iter().rev().find(|hop| !is_proxy(hop));
    nearest.or(hops.first()).copied()
}

/// The hops in all headers of a name, the nearest one last. An unreadable header is one hop without
/// an address.
fn hops(headers: &HeaderMap, name: &str, read: Read) -> Vec<Hop> {
    let values = headers.get_all(name).into_iter();
    let read = values.map(|value| value.to_str().ok().and_then(read));
    read.flat_map(|hops| hops.unwrap_or_else(|| vec![None]))
        .collect()
}

fn x_forwarded_for(value: &str) -> Option<Vec<Hop>> {
    let elements = value.split(',').map(str::trim);
    Some(elements.filter(|e| !e.is_empty()).map(address).collect())
}

/// The parameter `for` of each element (RFC 7239 section 4). `None` if the header is malformed: a quote
/// that the client opens must not hide what a proxy appends.
fn forwarded(value: &str) -> Option<Vec<Hop>> {
    let elements = split(value, ',')?;
    let elements = elements.into_iter().filter(|e| !e.trim().is_empty());
    elements.map(forwarded_element).collect()
}

fn forwarded_element(element: &str) -> Option<Hop> {
    let mut found = None;
    for pair in split(element, ';')?.into_iter().map(str::trim) {
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=')?;
        let value = unquoted(value)?;
        if name.eq_ignore_ascii_case("for") {
            if found.is_some() {
                return None;
            }
            found = Some(address(&value));
        }
    }
    Some(found.flatten())
}

/// Splits at a separator that is not part of a quoted string (RFC 9110 section 5.6.4). `None` if a
/// quoted string has no end.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start) = (vec![], 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                parts.push(text.get(start..at)?);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!quoted).then_some(parts)
}

/// The text of a token or a quoted string. `None` if it is neither.
fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let (mut text, mut chars) = (String::new(), inner.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
    Some(text)
}

/// An address with or without a port. An IPv6 address may be in brackets.
fn address(text: &str) -> Hop {
    let with_port = text.parse().map(|socket: SocketAddr| socket.ip());
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let address = with_port.or_else(|_| bare.unwrap_or(text).parse());
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    const PROXY: &str = "10.0.0.1";
    const CLIENT: &str = "203.0.113.7";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The client's address, as a server sees it that trusts 10.0.0.0/8 and fd00::/8.
    fn seen(peer: &str, headers: &[(&str, &str)]) -> Option<IpAddr> {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        client_address(ip(peer), &map, &trusted)
    }

    #[test]
    fn an_untrusted_peer_cannot_choose_its_address() {
        for header in [
            ("x-forwarded-for", "10.0.0.2"),
            ("forwarded", "for=1.2.3.4"),
        ] {
            assert_eq!(seen(CLIENT, &[header]), Some(ip(CLIENT)));
        }
        assert_eq!(seen("::ffff:203.0.113.7", &[]), Some(ip(CLIENT)));
    }

    #[test]
    fn trusted_proxies_are_skipped_from_the_right() {
        let xff = "x-forwarded-for";
        for (peer, headers, expected) in [
            (PROXY, vec![], Some(PROXY)),
            (PROXY, vec![(xff, CLIENT)], Some(CLIENT)),
            ("::ffff:10.0.0.1", vec![(xff, CLIENT)], Some(CLIENT)),
            ("fd00::1", vec![(xff, "::ffff:203.0.113.7")], Some(CLIENT)),
            (
                PROXY,
                vec![(xff, "1.2.3.4, 203.0.113.7, 10.9.9.9")],
                Some(CLIENT),
            ),
            (
                PROXY,
                vec![(xff, "1.2.3.4"), (xff, "203.0.113.7,, 10.2.0.1")],
                Some(CLIENT),
            ),
            // An internal client: all are trusted.
            (PROXY, vec![(xff, "10.0.0.3, 10.0.0.2")], Some("10.0.0.3")),
            (PROXY, vec![(xff, "203.0.113.7:4711")], Some(CLIENT)),
            (
                PROXY,
                vec![(xff, "[2001:db8::7]:4711")],
                Some("2001:db8::7"),
            ),
            (PROXY, vec![(xff, "[2001:db8::7]")], Some("2001:db8::7")),
            // What is not an address hides what is farther away.
            (PROXY, vec![(xff, "1.2.3.4, unknown")], None),
            (PROXY, vec![(xff, "1.2.3.4, \u{e9}, 10.0.0.2")], None),
        ] {
            assert_eq!(seen(peer, &headers), expected.map(ip), "{peer} {headers:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read() {
        for (value, expected) in [
            ("for=203.0.113.7", Some(CLIENT)),
            (
                "for=1.2.3.4, For=\"203.0.113.7:80\";proto=https;by=10.0.0.1",
                Some(CLIENT),
            ),
            ("for=203.0.113.7, for=10.0.0.2", Some(CLIENT)),
            ("proto=http;for=\"[2001:db8::7]:4711\"", Some("2001:db8::7")),
            ("for=\"203.0.113\\.7\"", Some(CLIENT)),
            ("for=_hidden", None),
            ("for=unknown, for=10.0.0.2", None),
            ("for=1.2.3.4, proto=https", None),
            ("for=1.2.3.4;for=203.0.113.7", None),
            // Quotes that the client opened.
            ("for=1.2.3.4;x=\", for=203.0.113.7", None),
            ("for=1.2.3.4;x=\", for=\"[2001:db8::7]\"", None),
            ("for=1.2.3.4;x=\"\\\", for=\"203.0.113.7\"", None),
            ("for=\"1.2.3.4\"5, for", None),
        ] {
            assert_eq!(
                seen(PROXY, &[("forwarded", value)]),
                expected.map(ip),
                "{value}"
            );
        }
    }

    /// A proxy sets one of the headers and passes on the other as the client sent it.
    #[test]
    fn contradicting_headers_are_not_believed() {
        let both = |a, b| seen(PROXY, &[("x-forwarded-for", a), ("forwarded", b)]);
        assert_eq!(both(CLIENT, "for=203.0.113.7"), Some(ip(CLIENT)));
        assert_eq!(both(CLIENT, "for=1.2.3.4"), None);
        assert_eq!(both("1.2.3.4", "for=203.0.113.7"), None);
        assert_eq!(both(CLIENT, "for=\""), None);
    }

    proptest! {
        /// Whatever the client sends, the proxy's own entry counts.
        #[test]
        fn a_client_cannot_forge_its_address(sent in "[ -~]{0,60}", name in 0..2_usize) {
            let (name, own) = [
                ("x-forwarded-for", CLIENT),
                ("forwarded", "for=\"203.0.113.7:80\";proto=\"https\""),
            ][name];
            let appended = format!("{sent}, {own}");
            let found = seen(PROXY, &[(name, &appended)]);
            prop_assert!(found == Some(ip(CLIENT)) || name == "forwarded" && found.is_none());
            let added = seen(PROXY, &[(name, &sent), (name, own)]);
            prop_assert_eq!(added, Some(ip(CLIENT)));
        }

        #[test]
        fn any_header_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let trusted = ["10.0.0.0/8".parse().unwrap()];
                for name in ["x-forwarded-for", "forwarded"] {
                    let mut headers = HeaderMap::new();
                    headers.append(name, value.clone());
                    client_address(ip(PROXY), &headers, &trusted);
                }
            }
        }
    }
}
