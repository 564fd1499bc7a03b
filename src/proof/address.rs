//! Addresses of requests, normalized so that they can be compared (RFC 9449 section 4.3).

/// An `http` or `https` address without its query and fragment. The case of the scheme and the
/// host, the port, and the percent-encoding are normalized (RFC 3986 sections 6.2.2 and 6.2.3).
///
/// Segments of dots in a path (`/a/../b`) are kept. HTTP clients remove them before they send a
/// request, so a proof that contains them does not match any request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    scheme: Scheme,
    host: String,
    port: u16,
    /// The path without its first slash, because an empty path is the same as `/`.
    path: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Address {
    /// Parses and normalizes an address. `None` if `text` is not an `http` or `https` address, or
    /// if it contains a user name or a character that an address must escape.
    pub(super) fn parse(text: &str) -> Option<Address> {
        let (scheme, rest) = text.split_once("://")?;
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            _ => return None,
        };
        let rest = rest.split(['?', '#']).next()?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = host_and_port(authority)?;
        let port = match port {
            None | Some("") => default_port,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok()?
            }
            Some(_) => return None,
        };
        Some(Address { scheme, host: host.to_ascii_lowercase(), port, path: normal(path)? })
    }
}

/// Whether `text` is an `http` or `https` address.
pub(crate) fn is_address(text: &str) -> bool {
    Address::parse(text).is_some()
}

fn host_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    // The colons of an IPv6 address are in brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let numeric = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let valid = match inner {
        Some(inner) => !inner.is_empty() && inner.bytes().all(numeric),
        None => !host.is_empty() && host.bytes().all(named),
    };
    valid.then_some((host, port))
}

/// Normalizes a path: decodes escapes that are not needed, and writes the others in upper case.
/// `None` if an escape is malformed, or if the path has a character that must be escaped.
fn normal(path: &str) -> Option<String> {
    let mut normal = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                let escaped = char::from(u8::try_from(high << 4 | low).ok()?);
                if escaped.is_ascii_alphanumeric() || "-._~".contains(escaped) {
                    normal.push(escaped);
                } else {
                    normal.push('%');
                    normal.extend(
                        [high, low]
                            .iter()
                            .filter_map(|digit| char::from_digit(*digit, 16))
                            .map(|digit| digit.to_ascii_uppercase()),
                    );
                }
            }
            b'\\' => return None,
            byte if byte.is_ascii_graphic() => normal.push(char::from(byte)),
            _ => return None,
        }
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_differ_only_in_how_they_are_written_are_equal() {
        for (one, other) in [
            ("https://bank.example/pay", "HTTPS://Bank.EXAMPLE/pay"),
            ("https://bank.example/pay", "https://bank.example:443/pay"),
            ("https://bank.example/pay", "https://bank.example:/pay"),
            ("http://bank.example/pay", "http://bank.example:80/pay"),
            ("https://bank.example/", "https://bank.example"),
            ("https://bank.example", "https://bank.example?a=/b"),
            ("https://bank.example/pay", "https://bank.example/pay?to=ada"),
            ("https://bank.example/pay", "https://bank.example/pay#to?x"),
            ("https://bank.example/pay", "https://bank.example/%70%61y"),
            ("https://bank.example/%C3%A9", "https://bank.example/%c3%a9"),
            ("https://bank.example/a-._~", "https://bank.example/a%2d%2E%5f%7E"),
            ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080"),
            ("http://[::1]/", "http://[::1]:80/"),
            ("http://127.0.0.1:08080/", "http://127.0.0.1:8080/"),
        ] {
            let (one, other) = (Address::parse(one).unwrap(), Address::parse(other).unwrap());
            assert_eq!(one, other);
        }
    }

    #[test]
    fn other_addresses_are_not_equal() {
        let own = Address::parse("https://bank.example/pay/it").unwrap();
        for other in [
            "http://bank.example/pay/it",
            "https://bank.example:80/pay/it",
            "https://bank.example:8443/pay/it",
            "https://bank.example./pay/it",
            "https://www.bank.example/pay/it",
            "https://bank.example.evil.example/pay/it",
            "https://bank.example/Pay/it",
            "https://bank.example/pay/it/",
            "https://bank.example//pay/it",
            "https://bank.example/pay%2Fit",
            "https://bank.example/pay/./it",
            "https://bank.example/pay/x/../it",
            "https://bank.example/pay%3f/it",
        ] {
            assert_ne!(Address::parse(other).unwrap(), own, "{other}");
        }
    }

    #[test]
    fn anything_else_is_not_an_address() {
        for text in [
            "",
            "/pay",
            "bank.example/pay",
            "//bank.example/pay",
            "ftp://bank.example/pay",
            "https:/bank.example/pay",
            "https:bank.example",
            "https:///pay",
            "https://:443/pay",
            "https://ada@bank.example/pay",
            "https://bank.example@evil.example/pay",
            "https://bank.example:x/pay",
            "https://bank.example:+443/pay",
            "https://bank.example:65536/pay",
            "https://bank.example:443:443/pay",
            "https://bank.example\\@evil.example/pay",
            "https://bank example/pay",
            "https://b%61nk.example/pay",
            "https://bänk.example/pay",
            "https://[::1/pay",
            "https://::1]/pay",
            "https://[]/pay",
            "https://[bank]/pay",
            "https://[::1]x/pay",
            "https://bank.example/%",
            "https://bank.example/%7",
            "https://bank.example/%zz",
            "https://bank.example/%+1",
            "https://bank.example/a b",
            "https://bank.example/a\\b",
            "https://bank.example/ä",
            "https://bank.example/a\n",
            " https://bank.example/",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
