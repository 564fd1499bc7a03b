//! Addresses of requests, in a form in which they can be compared (RFC 9449 section 4.3).

/// An address of `http` or `https` without query and fragment, normalized as RFC 3986 says in
/// sections 6.2.2 and 6.2.3: case of scheme and host, port, percent-encoding.
///
/// Dots in a path (`/a/../b`) stay. HTTP clients remove them before they send a request, so a proof
/// that has them is for another address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    scheme: Scheme,
    host: String,
    port: u16,
    /// Without the first slash, since an empty path is the same as `/`.
    path: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Address {
    /// `None` if `text` is anything else, also one with a user's name or with characters that an
    /// address must escape.
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

/// Decodes escapes that are not needed, and writes the others in upper case.
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
