//! Finds the tokens in a Cookie header (spec sections 9.1 and 9.2).

use sha2::{Digest as _, Sha256};

use super::text::to_base64url;

/// The values of the cookies with this name: at most four values, and no empty values.
#[must_use]
pub fn values(header: &[u8], name: &str) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    let space = |byte: &u8| b" \t\n\r\x0c".contains(byte);
    for pair in header.split(|byte| *byte == b';') {
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
        let trim = |text: &[u8]| {
            let from = text.iter().position(|byte| !space(byte)).unwrap_or(text.len());
            let to = text.iter().rposition(|byte| !space(byte)).map_or(from, |last| last + 1);
            text[from..to].to_vec()
        };
        let value = trim(&pair[equals + 1..]);
        if trim(&pair[..equals]) == name.as_bytes() && !value.is_empty() {
            values.push(value);
        }
    }
    values.truncate(4);
    values
}

/// The tokens of a request, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found(pub Vec<Vec<u8>>);

/// Finds the tokens of a cookie that may be split: first joined sets of pieces, then plain values.
#[must_use]
pub fn find(header: &[u8], name: &str) -> Found {
    let of = |index: usize| match index {
        0 => values(header, name),
        _ => values(header, &format!("{name}-{index}")),
    };
    let cookies = [of(0), of(1), of(2), of(3)];
    let mut tokens = Vec::new();
    for first in &cookies[0] {
        let Some((count, digest)) = head(first, 0) else { continue };
        let mut joined = first[15..].to_vec();
        let complete = (1..count).all(|index| {
            let part = cookies[index].iter().find(|v| head(v, index) == Some((count, digest)));
            part.map(|value| joined.extend_from_slice(&value[15..])).is_some()
        });
        if complete && digest_of(&joined).as_bytes() == digest {
            tokens.push(joined);
        }
    }
    tokens.extend(cookies[0].iter().filter(|value| !value.starts_with(b"p1.")).cloned());
    tokens.truncate(4);
    Found(tokens)
}

/// The count and the digest of a piece, if its index is also the index in the name of its cookie.
fn head(value: &[u8], at: usize) -> Option<(usize, &[u8])> {
    if value.len() < 16 || !value.starts_with(b"p1.") || value[5] != b'.' || value[14] != b'.' {
        return None;
    }
    let index = usize::from(value[3].wrapping_sub(b'0'));
    let count = usize::from(value[4].wrapping_sub(b'0'));
    ((2..=4).contains(&count) && index == at && index < count).then_some((count, &value[6..14]))
}

fn digest_of(token: &[u8]) -> String {
    to_base64url(&Sha256::digest(token)[..6])
}

/// Splits a token into the names and values of two to four cookies. A token that fits into one
/// cookie is not split. `None` if the token does not fit into four cookies.
#[must_use]
pub fn split(name: &str, token: &str) -> Option<Vec<(String, String)>> {
    if name.len() + token.len() <= 4096 {
        return Some(vec![(name.to_owned(), token.to_owned())]);
    }
    let room = 4096 - (name.len() + 2) - 15;
    let count = token.len().div_ceil(room);
    let digest = digest_of(token.as_bytes());
    let piece = |index: usize| {
        let chunk = &token[index * room..token.len().min((index + 1) * room)];
        let suffix = if index == 0 { String::new() } else { format!("-{index}") };
        (format!("{name}{suffix}"), format!("p1.{index}{count}.{digest}.{chunk}"))
    };
    (count <= 4).then(|| (0..count).map(piece).collect())
}
