//! Requests from pages on other origins. A session in such a request counts as absent.
//!
//! A browser sends a user's cookies even if a page on another origin makes the request, so a page
//! of an attacker could act for the user (cross-site request forgery). `SameSite=Lax` prevents this
//! for pages from other sites. It does not prevent it for other hosts of the same site, and it has
//! no effect in browsers that do not know it. The rules here are those of Go's
//! `http.CrossOriginProtection`, and they also cover WebSockets.

use std::fmt;
use std::net::Ipv6Addr;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A page of this origin or of a trusted origin, the user, or a program that is not a browser.
    /// Requests that should change nothing also count as trusted, wherever they come from.
    Trusted,
    /// A page on another origin.
    CrossOrigin,
}

/// Decides where a request comes from. `values` returns the values of a request header.
pub(crate) fn sender<'h, I>(method: &str, values: impl Fn(&str) -> I, trusted: &[String]) -> Sender
where
    I: IntoIterator<Item = &'h [u8]>,
{
    let is_safe = match method {
        "HEAD" | "OPTIONS" => true,
        // A GET may open a WebSocket, on which a page can send anything. No browser sends `Upgrade`
        // for another reason, so its value does not matter.
        "GET" => values("upgrade").into_iter().next().is_none(),
        _ => false,
    };
    if is_safe || is_same_origin(&values) || is_trusted(&values, trusted) {
        return Sender::Trusted;
    }
    Sender::CrossOrigin
}

fn is_same_origin<'h, I>(values: &impl Fn(&str) -> I) -> bool
where
    I: IntoIterator<Item = &'h [u8]>,
{
    let mut sites = values("sec-fetch-site").into_iter().peekable();
    if sites.peek().is_some() {
        // `none` means that the user made the request, for example by a reload. `same-site` means
        // that the page is on another host of the same site.
        return sites.all(|site| matches!(site, b"same-origin" | b"none"));
    }
    // The header is absent in browsers before 2023, over plain HTTP, and when Chrome opens a
    // WebSocket.
    let mut origins = values("origin").into_iter().peekable();
    if origins.peek().is_none() {
        return true; // not a browser
    }
    let Some(host) = values("host").into_iter().next() else { return false };
    origins.all(|origin| has_host(origin, host))
}

fn is_trusted<'h, I>(values: &impl Fn(&str) -> I, trusted: &[String]) -> bool
where
    I: IntoIterator<Item = &'h [u8]>,
{
    if trusted.is_empty() {
        return false;
    }
    let mut origins = values("origin").into_iter().peekable();
    let known = |origin: &[u8]| trusted.iter().any(|trusted| trusted.as_bytes() == origin);
    origins.peek().is_some() && origins.all(known)
}

/// Whether an origin has this host and port. `host` is the value of a `Host` header. A server
/// behind a proxy does not know its own scheme, so `http` and `https` count as the same.
fn has_host(origin: &[u8], host: &[u8]) -> bool {
    let (Ok(origin), Ok(host)) = (std::str::from_utf8(origin), std::str::from_utf8(host)) else {
        return false;
    };
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let Some(port) = default_port(scheme) else { return false };
    // Browsers omit the default port in both headers, but some proxies add it to `Host`.
    let host = host.strip_suffix(port).unwrap_or(host);
    !authority.is_empty() && authority.eq_ignore_ascii_case(host)
}

/// The port that browsers omit in an origin.
fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "https" => Some(":443"),
        "http" => Some(":80"),
        _ => None,
    }
}

/// Checks that an origin is written as browsers write it, because it is compared as text.
pub(crate) fn checked_origin(origin: &str) -> Result<&str, OriginError> {
    let (scheme, authority) = origin.split_once("://").ok_or(OriginError)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let scheme_fits = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| plain(byte) || b"+-.".contains(&byte));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host_fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok() && host == host.to_lowercase(),
        None => {
            (1..=253).contains(&host.len())
                && host.bytes().all(|byte| plain(byte) || b"-._".contains(&byte))
        }
    };
    let port_fits = port.is_none_or(|port| {
        let number = port.parse::<u16>().is_ok_and(|number| number.to_string() == port);
        number && default_port(scheme).is_none_or(|default| !default.ends_with(&format!(":{port}")))
    });
    if scheme_fits && host_fits && port_fits { Ok(origin) } else { Err(OriginError) }
}

/// The error for a text that is not an origin as browsers write it. Such a text would never equal
/// the origin of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginError;

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an origin must be scheme://host or scheme://host:port as browsers write it: in \
             lower-case ASCII, without a path, and without the default port of http and https",
        )
    }
}

impl std::error::Error for OriginError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_must_be_written_as_browsers_write_it() {
        for origin in [
            "https://shop.example",
            "https://shop.example:8443",
            "http://localhost:3000",
            "https://xn--bcher-kva.example",
            "https://[::1]",
            "https://[2001:db8::1]:8443",
            "https://10.0.0.1",
            "https://shop.example:80",
            "capacitor://localhost",
            "chrome-extension://abcdefghijklmnop",
        ] {
            assert_eq!(checked_origin(origin), Ok(origin));
        }
        let long = format!("https://{}", "a".repeat(254));
        for text in [
            "",
            "null",
            "*",
            "shop.example",
            "https:shop.example",
            "https://",
            "://shop.example",
            "1https://shop.example",
            "https://shop.example/",
            "https://shop.example/path",
            "https://shop.example?query",
            "https://shop.example#fragment",
            "https://user@shop.example",
            "https://*.shop.example",
            "https://shop example",
            "https://shop.example ",
            "HTTPS://shop.example",
            "https://Shop.example",
            "https://bücher.example",
            "https://shop.example:",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://shop.example:08443",
            "https://shop.example:+8443",
            "https://shop.example:65536",
            "https://shop.example:8443:8443",
            "https://::1",
            "https://[::1",
            "https://[::1]]",
            "https://[::A]",
            "https://[shop.example]",
            "https://[::1]:443",
            &long,
        ] {
            assert_eq!(checked_origin(text), Err(OriginError), "{text}");
        }
    }

    #[test]
    fn an_origin_is_compared_with_the_host_and_the_port() {
        for (origin, host) in [
            ("https://shop.example", "shop.example"),
            ("http://shop.example", "shop.example"),
            ("https://shop.example", "SHOP.example"),
            ("https://shop.example:8443", "shop.example:8443"),
            ("https://shop.example", "shop.example:443"),
            ("http://shop.example", "shop.example:80"),
            ("https://[::1]:3000", "[::1]:3000"),
        ] {
            assert!(has_host(origin.as_bytes(), host.as_bytes()), "{origin} at {host}");
        }
        for (origin, host) in [
            ("https://evil.example", "shop.example"),
            ("https://evil.shop.example", "shop.example"),
            ("https://shop.example", "evil.shop.example"),
            ("https://shop.example.evil.example", "shop.example"),
            ("https://shop.example:8443", "shop.example"),
            ("https://shop.example", "shop.example:80"),
            ("http://shop.example", "shop.example:443"),
            ("null", "shop.example"),
            ("null", "null"),
            ("shop.example", "shop.example"),
            ("", ""),
            ("app://shop.example", "shop.example"),
            ("http://", ""),
            ("https://", ":443"),
        ] {
            assert!(!has_host(origin.as_bytes(), host.as_bytes()), "{origin} at {host}");
        }
        assert!(!has_host(b"https://\xff", b"\xff"));
    }
}
