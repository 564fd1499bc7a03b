//! Splitting a token that is too long for one cookie into several (spec section 9.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::primitives::digest;

/// The most cookies that one token may use.
pub(crate) const MAX_PIECES: usize = 4;

/// Length of the header of a piece: `p1.`, index, count, `.`, digest, `.`
pub(crate) const HEADER_LEN: usize = 15;

const DIGEST_LEN: usize = 8;

/// Splits `token` into the values of 2 to 4 cookies, each with at most `chunk` characters of it.
/// `None` if the token needs more or fewer cookies.
pub(crate) fn split(token: &str, chunk: usize) -> Option<Vec<String>> {
    let chunks: Vec<&[u8]> = token.as_bytes().chunks(chunk.max(1)).collect();
    let count = chunks.len();
    if !(2..=MAX_PIECES).contains(&count) {
        return None;
    }
    let digest = token_digest(token.as_bytes());
    let piece = |(index, chunk): (usize, &[u8])| {
        format!("p1.{index}{count}.{digest}.{}", String::from_utf8_lossy(chunk))
    };
    Some(chunks.into_iter().enumerate().map(piece).collect())
}

/// A cookie's value, parsed as a piece.
#[derive(Clone, Copy)]
struct Piece<'a> {
    index: usize,
    count: usize,
    digest: &'a [u8],
    chunk: &'a [u8],
}

/// Joins pieces into tokens. Returns only tokens that are complete and match the digest in their
/// pieces. `found` holds the values of the cookies, each with the index of the cookie's name (0 for
/// NAME, 1 for NAME-1, and so on).
pub(crate) fn join(found: &[(usize, &[u8])]) -> Vec<Vec<u8>> {
    let pieces: Vec<Piece<'_>> = found.iter().filter_map(|(at, value)| parse(*at, value)).collect();
    let firsts = pieces.iter().filter(|piece| piece.index == 0);
    firsts.filter_map(|first| assemble(first, &pieces)).collect()
}

pub(crate) fn is_piece(value: &[u8]) -> bool {
    value.starts_with(b"p1.")
}

fn parse(at: usize, value: &[u8]) -> Option<Piece<'_>> {
    let (&[index, count, b'.'], rest) = value.strip_prefix(b"p1.")?.split_first_chunk()? else {
        return None;
    };
    let (digest, rest) = rest.split_at_checked(DIGEST_LEN)?;
    let chunk = rest.strip_prefix(b".").filter(|chunk| !chunk.is_empty())?;
    let digit = |byte: u8| char::from(byte).to_digit(10).and_then(|d| usize::try_from(d).ok());
    let piece = Piece { index: digit(index)?, count: digit(count)?, digest, chunk };
    let fits = (2..=MAX_PIECES).contains(&piece.count) && piece.index == at;
    fits.then_some(piece)
}

fn assemble(first: &Piece<'_>, pieces: &[Piece<'_>]) -> Option<Vec<u8>> {
    let mut token = first.chunk.to_vec();
    for index in 1..first.count {
        let next = pieces.iter().find(|piece| {
            piece.index == index && piece.count == first.count && piece.digest == first.digest
        })?;
        token.extend_from_slice(next.chunk);
    }
    (token_digest(&token).as_bytes() == first.digest).then_some(token)
}

fn token_digest(token: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&digest(&[token])[..DIGEST_LEN * 6 / 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_valid_only_under_its_own_name_and_in_a_set_of_two_to_four() {
        let token = "b1.abcdefghij";
        for (chunk, count) in [(13, None), (7, Some(2)), (5, Some(3)), (4, Some(4)), (3, None)] {
            let Some(pieces) = split(token, chunk) else {
                assert_eq!(count, None);
                continue;
            };
            assert_eq!(Some(pieces.len()), count);
            let found: Vec<_> = pieces.iter().map(String::as_bytes).enumerate().collect();
            assert_eq!(join(&found), [token.as_bytes()]);
            let shifted: Vec<_> = found.iter().map(|(at, value)| (at + 1, *value)).collect();
            assert!(join(&shifted).is_empty());
        }
        let digest = token_digest(token.as_bytes());
        let one = format!("p1.01.{digest}.{token}");
        assert!(join(&[(0, one.as_bytes())]).is_empty(), "one piece is no set");
    }
}
