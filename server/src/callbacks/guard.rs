//! Restricts callbacks to https and public addresses, against SSRF. A name is resolved and checked
//! when the connection is made, so that DNS rebinding can't change the address in between.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Why a URL is rejected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Forbidden {
    /// The scheme is not https.
    #[error("callback URLs must be https")]
    NotHttps,
    /// It has no host, or contains a user name or password.
    #[error("callback URLs must have a host, and no user name or password")]
    NotCallable,
    /// The address is not public.
    #[error("callback URLs must have a public address")]
    NotPublic,
}

/// Checks a URL without resolving its name. `dev` permits http and any host.
pub fn check_url(url: &Url, dev: bool) -> Result<(), Forbidden> {
    if !url.username().is_empty() || url.password().is_some() || !url.has_host() {
        return Err(Forbidden::NotCallable);
    }
    match (url.scheme(), dev) {
        ("https", _) | ("http", true) => {}
        ("http", false) => return Err(Forbidden::NotHttps),
        _ => return Err(Forbidden::NotCallable),
    }
    let public = dev
        || match url.host() {
            Some(Host::Ipv4(ip)) => is_public(ip.into()),
            Some(Host::Ipv6(ip)) => is_public(ip.into()),
            Some(Host::Domain(name)) => !name.ends_with("localhost"),
            None => false,
        };
    if public {
        Ok(())
    } else {
        Err(Forbidden::NotPublic)
    }
}

/// Whether an address is public: in none of the ranges that the IANA special-purpose registries
/// (RFC 6890) reserve.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(v4) = ip.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let [a, b, ..] = ip.segments();
    // Global unicast is 2000::/3, except 2001::/23 (protocol assignments, Teredo), 2001:db8::/32
    // (documentation), 2002::/16 (6to4, may contain a private address) and 3fff::/20.
    (a & 0xe000) == 0x2000
        && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

/// Resolves names to public addresses only.
pub struct GuardedResolver {
    /// Development mode: permits every address.
    pub dev: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let dev = self.dev;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|a| dev || is_public(a.ip())).collect();
            if allowed.is_empty() {
                return Err(Forbidden::NotPublic.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_reserved_addresses_are_not_public() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "2001:db8::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn urls_are_https_and_public_outside_dev() {
        let check = |url: &str, dev| check_url(&url.parse().unwrap(), dev);
        assert_eq!(check("https://shop.example/hook", false), Ok(()));
        assert_eq!(
            check("http://shop.example/hook", false),
            Err(Forbidden::NotHttps)
        );
        assert_eq!(
            check("https://127.0.0.1/hook", false),
            Err(Forbidden::NotPublic)
        );
        assert_eq!(
            check("https://2130706433/hook", false),
            Err(Forbidden::NotPublic)
        );
        assert_eq!(
            check("https://[::1]/hook", false),
            Err(Forbidden::NotPublic)
        );
        assert_eq!(
            check("https://localhost/hook", false),
            Err(Forbidden::NotPublic)
        );
        assert_eq!(
            check("https://a:b@shop.example/", false),
            Err(Forbidden::NotCallable)
        );
        assert_eq!(
            check("file:///etc/passwd", true),
            Err(Forbidden::NotCallable)
        );
        assert_eq!(check("http://127.0.0.1:3000/hook", true), Ok(()));
    }
}
