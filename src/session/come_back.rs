//! Where does a user come back to after a page that a guard redirected to?
//!
//! The redirect carries the path of the refused request in the parameter `next`. The page reads it
//! with [`local_path`].

use std::fmt::Write as _;

/// The maximum length of an encoded `next`, in characters. Proxies buffer 4 or 8 kB of response
/// headers, and longer paths are rare.
const MAX_NEXT: usize = 2_048;

/// Returns `text` if it is a path on this site, with or without a query and a fragment, to which it
/// is safe to redirect. Use it for the parameter `next` that a guard adds to the
/// [sign-in page](crate::session::SessionsBuilder::sign_in_page).
///
/// Anyone can write a link to your sign-in page with any `next`. If the page redirected to it
/// without a check, an attacker could send your users to another site from a link that shows yours.
///
/// The text must begin with one `/` and have only visible ASCII characters, without `\`, `"`, `<`,
/// `>` and the backtick. The path must not contain `//`. After one more percent-decoding, it must
/// contain no `//`, no `\` and no control character. So `//evil.example`, `/\evil.example`,
/// `/%5cevil.example`, `/..//evil.example`, `https://evil.example` and texts with a tab or a line
/// break are refused.
///
/// ```
/// use bulla::session::local_path;
///
/// fn after_the_sign_in(next: Option<&str>) -> &str {
///     next.and_then(local_path).unwrap_or("/")
/// }
///
/// assert_eq!(after_the_sign_in(Some("/transfer?to=alan")), "/transfer?to=alan");
/// assert_eq!(after_the_sign_in(Some("//evil.example")), "/");
/// assert_eq!(after_the_sign_in(None), "/");
/// ```
#[must_use]
pub fn local_path(text: &str) -> Option<&str> {
    let fits =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`');
    if !text.starts_with('/') || !text.bytes().all(fits) {
        return None;
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let mut before = None;
    for byte in percent_decoded(path.as_bytes()) {
        match (before, byte) {
            (Some(b'/'), b'/') | (_, b'\\') => return None,
            (_, byte) if byte.is_ascii_control() => return None,
            _ => before = Some(byte),
        }
    }
    Some(text)
}

/// The path of the page that the user sees, from the value of the htmx header `HX-Current-URL`.
/// `None` if it is not a local path.
pub(crate) fn path_of(url: &[u8]) -> Option<&str> {
    let (_, address) = std::str::from_utf8(url).ok()?.split_once("://")?;
    local_path(address.get(address.find('/')?..)?)
}

/// A `%` that is not followed by two hexadecimal digits stands for itself.
fn percent_decoded(mut text: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (byte, rest) = match text {
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                (u8::from_str_radix(digits, 16).unwrap_or_default(), rest)
            }
            [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        text = rest;
        Some(byte)
    })
}

/// The address of `page` with the path to come back to in the parameter `next`.
///
/// The address stays as it is if the page is on another site, which cannot use a path of this one,
/// or if it has a parameter `next` already.
pub(crate) fn with_next(page: &str, path: &str) -> String {
    let (address, fragment) = match page.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (page, None),
    };
    let query = address.split_once('?').map(|(_, query)| query);
    let has_next =
        |query: &str| query.split('&').any(|pair| pair.split('=').next() == Some("next"));
    let next = encoded(path);
    if local_path(page).is_none() || query.is_some_and(has_next) || next.len() > MAX_NEXT {
        return page.to_owned();
    }
    let separator = match query {
        None => "?",
        Some("") => "",
        Some(_) => "&",
    };
    let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
    format!("{address}{separator}next={next}{fragment}")
}

/// The text as the value of a parameter. A `/` needs no encoding there (RFC 3986, section 3.4).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => {
                let _ = write!(out, "%{byte:02X}"); // a String accepts every write
            }
        }
    }
    out
}
