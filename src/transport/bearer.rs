//! The header transport, for clients without cookies.

use std::fmt;

/// The headers that carry a session (spec section 9.3).
///
/// A response carries the state token in `Session-Token`, and the renewal token, which records the
/// last activity, in `Session-Renewal`. The client stores the latest value of each header. If the
/// value is empty, the client deletes the stored value. The client sends the values back in
/// `Authorization: Bearer` and `Session-Renewal`:
///
/// ```text
/// < Session-Token: b1.n6fA…          > Authorization: Bearer b1.n6fA…
/// < Session-Renewal: b1.x3kQ…        > Session-Renewal: b1.x3kQ…
/// ```
///
/// ```
/// use bulla::Bearer;
///
/// let bearer = Bearer::named("app-session-token", "app-session-renewal")?;
/// # Ok::<(), bulla::transport::BearerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bearer {
    token: String,
    renewal: String,
}

impl Bearer {
    /// Headers with the given names, which must be in lower case.
    ///
    /// # Errors
    /// [`BearerError`] unless the names are different, have 1 to 64 lower-case letters, digits and
    /// hyphens, and are not `authorization`, `cookie`, `set-cookie`, `vary`, `cache-control`, `dpop`
    /// or `dpop-nonce`.
    pub fn named(token: &str, renewal: &str) -> Result<Bearer, BearerError> {
        let known = [
            "authorization",
            "cookie",
            "set-cookie",
            "vary",
            "cache-control",
            "dpop",
            "dpop-nonce",
        ];
        let fits = |name: &str| {
            let char = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=64).contains(&name.len()) && name.bytes().all(char) && !known.contains(&name)
        };
        if !fits(token) || !fits(renewal) || token == renewal {
            return Err(BearerError);
        }
        Ok(Bearer { token: token.to_owned(), renewal: renewal.to_owned() })
    }

    /// The response header with the state token.
    #[must_use]
    pub fn token_header(&self) -> &str {
        &self.token
    }

    /// The request and response header with the renewal token.
    #[must_use]
    pub fn renewal_header(&self) -> &str {
        &self.renewal
    }
}

/// `session-token` and `session-renewal`.
impl Default for Bearer {
    fn default() -> Bearer {
        Bearer { token: "session-token".to_owned(), renewal: "session-renewal".to_owned() }
    }
}

/// The scheme of the credentials in `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449: the session is bound to a key of the client.
    Dpop,
}

/// The credentials in an `Authorization` header with the scheme `Bearer` or `DPoP`. `None` if the
/// header has another scheme.
pub(crate) fn credentials(authorization: &[u8]) -> Option<(Scheme, &[u8])> {
    let end = authorization.iter().position(|byte| *byte == b' ').unwrap_or(authorization.len());
    let (scheme, token) = authorization.split_at_checked(end)?;
    let scheme = match scheme {
        scheme if scheme.eq_ignore_ascii_case(b"bearer") => Scheme::Bearer,
        scheme if scheme.eq_ignore_ascii_case(b"dpop") => Scheme::Dpop,
        _ => return None,
    };
    Some((scheme, token.trim_ascii()))
}

/// The error for two names that the session headers cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BearerError;

impl fmt::Display for BearerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the two headers need different names of 1 to 64 lower-case letters, digits and \
             hyphens, and cannot be names that sessions use for another purpose",
        )
    }
}

impl std::error::Error for BearerError {}
