//! A session's cookies: their names, attributes and limits.

use std::fmt::{self, Write as _};
use std::mem;
use std::time::Duration;

use memchr::{memchr, memchr_iter};

use crate::token::wire::MAX_TOKEN_LEN;
use crate::transport::pieces::{self, HEADER_LEN, MAX_PIECES};

/// The most octets of a cookie's name and value together that browsers keep
/// (RFC 6265bis section 5.6).
pub const MAX_COOKIE_LEN: usize = 4096;

/// The longest that browsers keep a cookie: 400 days (RFC 6265bis section 5.5).
pub const MAX_COOKIE_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// How many cookies of one name are tried (cookie tossing).
const MAX_SAME_NAME: usize = 4;

/// Characters of attributes that most cookies have at most.
const ATTRIBUTES_LEN: usize = 128;

const RENEWAL_SUFFIX: &str = "-renewal";

/// The cookie that carries a session.
///
/// By default it is `__Host-session`, with `Secure`, `HttpOnly`,
/// `SameSite=Lax` and `Path=/`, without `Max-Age`, so that it ends with the
/// browser. Leaving any of these is a call that says so.
///
/// ```
/// use bulla::Cookie;
/// use bulla::transport::SameSite;
///
/// let cookie = Cookie::new("id")?.with_same_site(SameSite::Strict);
/// assert_eq!(cookie.name(), "__Host-id");
/// assert!(Cookie::new("two words").is_err());
/// # Ok::<(), bulla::transport::CookieError>(())
/// ```
///
/// Over plain HTTP, browsers keep `Secure` cookies for `localhost` and
/// 127.0.0.1, so development needs no other setting.
#[derive(Clone, Debug)]
pub struct Cookie {
    /// Every name that a token can take: that of the state token, then its pieces.
    state: [String; MAX_PIECES],
    renewal: [String; MAX_PIECES],
    base: String,
    reach: Reach,
    same_site: SameSite,
    partition: Partition,
    scripts: Scripts,
    keep: Keep,
    size: Size,
}

/// Which of a session's two tokens a cookie carries.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    State,
    Renewal,
}

/// From where requests carry the cookie (RFC 6265bis section 5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Only from pages of the same site.
    Strict,
    /// Also when a link elsewhere leads to the site: the default.
    Lax,
    /// From anywhere. The application must defend against request forgery.
    None,
}

/// What of a cookie is strict.
pub(crate) struct CookieFacts {
    pub(crate) secure: bool,
    pub(crate) one_host: bool,
    pub(crate) same_site: bool,
    pub(crate) http_only: bool,
    pub(crate) ends_with_browser: bool,
}

#[derive(Clone, Debug)]
enum Reach {
    /// This host, all paths, `__Host-`.
    Host,
    /// A domain with all below it, `__Secure-`.
    Domain(String),
    /// One path of this host, `__Secure-`.
    Path(String),
    /// This host, without Secure and without prefix.
    PlainHttp,
}

#[derive(Clone, Copy, Debug)]
enum Partition {
    Shared,
    PerTopLevelSite,
}

#[derive(Clone, Copy, Debug)]
enum Scripts {
    CannotRead,
    CanRead,
}

#[derive(Clone, Copy, Debug)]
enum Keep {
    UntilBrowserCloses,
    UntilDeadline,
}

#[derive(Clone, Copy, Debug)]
enum Size {
    OneCookie,
    UpToFour,
}

impl Cookie {
    /// A cookie with the given name after its prefix, such as `session`.
    ///
    /// # Errors
    /// [`CookieError::Name`] unless it is 1 to 64 characters of a token (RFC
    /// 9110), does not begin with `__`, and does not end like the names of the
    /// renewal cookie or of pieces: `-renewal`, `-1`, `-2`, `-3`.
    pub fn new(name: &str) -> Result<Cookie, CookieError> {
        let taken = [RENEWAL_SUFFIX, "-1", "-2", "-3"].iter().any(|suffix| name.ends_with(suffix));
        if name.len() > 64 || taken || name.starts_with("__") {
            return Err(CookieError::Name);
        }
        Ok(Cookie::named(checked_name(name)?))
    }

    fn named(base: &str) -> Cookie {
        Cookie {
            state: Default::default(),
            renewal: Default::default(),
            base: base.to_owned(),
            reach: Reach::Host,
            same_site: SameSite::Lax,
            partition: Partition::Shared,
            scripts: Scripts::CannotRead,
            keep: Keep::UntilBrowserCloses,
            size: Size::OneCookie,
        }
        .reaching(Reach::Host)
    }

    fn reaching(mut self, reach: Reach) -> Cookie {
        let prefix = match reach {
            Reach::Host => "__Host-",
            Reach::Domain(_) | Reach::Path(_) => "__Secure-",
            Reach::PlainHttp => "",
        };
        let names = |name: String| {
            [0, 1, 2, 3].map(|index| match index {
                0 => name.clone(),
                _ => format!("{name}-{index}"),
            })
        };
        self.state = names(format!("{prefix}{}", self.base));
        self.renewal = names(format!("{prefix}{}{RENEWAL_SUFFIX}", self.base));
        self.reach = reach;
        self
    }

    /// What an audit looks at.
    pub(crate) fn facts(&self) -> CookieFacts {
        CookieFacts {
            secure: !matches!(self.reach, Reach::PlainHttp),
            one_host: matches!(self.reach, Reach::Host),
            same_site: self.same_site != SameSite::None,
            http_only: matches!(self.scripts, Scripts::CannotRead),
            ends_with_browser: matches!(self.keep, Keep::UntilBrowserCloses),
        }
    }

    /// The whole name, prefix included.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state[0]
    }

    /// From where requests carry the cookie.
    #[must_use]
    pub fn with_same_site(mut self, same_site: SameSite) -> Cookie {
        self.same_site = same_site;
        self
    }

    /// Keeps the cookie when the browser closes: `Max-Age` is the time to the
    /// absolute deadline, at most 400 days.
    #[must_use]
    pub fn persistent(mut self) -> Cookie {
        self.keep = Keep::UntilDeadline;
        self
    }

    /// Sends the cookie to `domain` and every host below it, each of which can
    /// then also set it. The prefix becomes `__Secure-`. Of this, `below_path`
    /// and `over_plain_http` the last call counts. Changing it later leaves the
    /// cookies that browsers have under the old one: change the name as well.
    ///
    /// # Errors
    /// [`CookieError::Domain`] unless it is a host name.
    pub fn shared_with_domain(self, domain: &str) -> Result<Cookie, CookieError> {
        Ok(self.reaching(Reach::Domain(checked_domain(domain)?.to_owned())))
    }

    /// Sends the cookie only to paths below `path`. The prefix becomes
    /// `__Secure-`. This is no boundary: pages of other paths on the host can
    /// still act with it. Of this, `shared_with_domain` and `over_plain_http` the
    /// last call counts.
    ///
    /// # Errors
    /// [`CookieError::Path`] unless it begins with `/`, has at most 1,024
    /// characters, and holds neither control characters nor `;`.
    pub fn below_path(self, path: &str) -> Result<Cookie, CookieError> {
        Ok(self.reaching(Reach::Path(checked_path(path)?.to_owned())))
    }

    /// Drops `Secure` and the prefix, for development over plain HTTP on other
    /// names than `localhost`. `SameSite=None` and partitioning need `Secure`:
    /// they become `Lax` and shared. Of this, `shared_with_domain` and `below_path`
    /// the last call counts.
    #[must_use]
    pub fn over_plain_http(self) -> Cookie {
        self.reaching(Reach::PlainHttp)
    }

    /// Drops `HttpOnly`: scripts in the page can read and steal the session.
    #[must_use]
    pub fn readable_by_scripts(mut self) -> Cookie {
        self.scripts = Scripts::CanRead;
        self
    }

    /// Gives each top-level site that embeds this one a cookie of its own
    /// (`Partitioned`, CHIPS).
    #[must_use]
    pub fn partitioned(mut self) -> Cookie {
        self.partition = Partition::PerTopLevelSite;
        self
    }

    /// Lets a token too long for one cookie travel in up to four. They are
    /// read all or nothing, and every write sets or removes all four. Header
    /// lines grow by as much on every request, and many servers refuse more
    /// than 8 KiB: prefer a smaller state.
    #[must_use]
    pub fn split(mut self) -> Cookie {
        self.size = Size::UpToFour;
        self
    }

    fn names(&self, role: Role) -> &[String] {
        let names = match role {
            Role::State => &self.state,
            Role::Renewal => &self.renewal,
        };
        match self.size {
            Size::OneCookie => &names[..1],
            Size::UpToFour => names,
        }
    }

    pub(crate) fn name_len(&self, role: Role) -> usize {
        self.names(role).first().map_or(0, String::len)
    }

    /// Characters of the longest token that fits.
    pub(crate) fn capacity(&self, role: Role) -> usize {
        match self.size {
            Size::OneCookie => MAX_COOKIE_LEN.saturating_sub(self.name_len(role)),
            Size::UpToFour => self.chunk(role).saturating_mul(MAX_PIECES).min(MAX_TOKEN_LEN),
        }
    }

    /// Characters of the token in each piece but the last.
    fn chunk(&self, role: Role) -> usize {
        let longest = self.names(role).iter().map(String::len).max().unwrap_or(0);
        MAX_COOKIE_LEN.saturating_sub(longest).saturating_sub(HEADER_LEN)
    }

    /// The Set-Cookie values that store `token`, which must not exceed
    /// [`capacity`](Cookie::capacity), and remove the rest of the range.
    pub(crate) fn store(&self, role: Role, token: String, age: Duration) -> Vec<String> {
        let names = self.names(role);
        let fits_one = token.len() <= MAX_COOKIE_LEN.saturating_sub(self.name_len(role));
        let values = match self.size {
            Size::UpToFour if !fits_one => {
                pieces::split(&token, self.chunk(role)).unwrap_or_default()
            }
            _ => vec![token],
        };
        let mut values = values.into_iter();
        names
            .iter()
            .map(|name| match values.next() {
                Some(value) => self.line(name, value, self.max_age(age)),
                None => self.removal(name),
            })
            .collect()
    }

    /// The Set-Cookie values that remove the token: same names, same attributes.
    pub(crate) fn remove(&self, role: Role) -> Vec<String> {
        self.names(role).iter().map(|name| self.removal(name)).collect()
    }

    fn removal(&self, name: &str) -> String {
        expired(self.line(name, String::new(), Some(Duration::ZERO)))
    }

    pub(crate) fn is_secure(&self) -> bool {
        !matches!(self.reach, Reach::PlainHttp)
    }

    fn max_age(&self, age: Duration) -> Option<Duration> {
        match self.keep {
            Keep::UntilBrowserCloses => None,
            Keep::UntilDeadline => Some(age.min(MAX_COOKIE_AGE)),
        }
    }

    fn line(&self, name: &str, value: String, max_age: Option<Duration>) -> String {
        let secure = self.is_secure();
        let room = name.len().saturating_add(value.len()).saturating_add(ATTRIBUTES_LEN);
        let mut line = ::cookie::Cookie::build((name, value))
            .secure(secure)
            .http_only(matches!(self.scripts, Scripts::CannotRead))
            .same_site(match self.same_site {
                SameSite::Strict => ::cookie::SameSite::Strict,
                SameSite::None if secure => ::cookie::SameSite::None,
                SameSite::Lax | SameSite::None => ::cookie::SameSite::Lax,
            });
        if secure && matches!(self.partition, Partition::PerTopLevelSite) {
            line = line.partitioned(true);
        }
        line = match &self.reach {
            Reach::Host | Reach::PlainHttp => line.path("/"),
            Reach::Domain(domain) => line.path("/").domain(domain.as_str()),
            Reach::Path(path) => line.path(path.as_str()),
        };
        if let Some(age) = max_age {
            line = line.max_age(age.try_into().unwrap_or(::cookie::time::Duration::ZERO));
        }
        // Room for all of it, so that a large value is not moved while it grows.
        let mut text = String::with_capacity(room);
        write!(text, "{}", line.build()).ok(); // a string takes all that is written
        text
    }

    /// The tokens that a request's `Cookie` headers carry for one role. Pieces
    /// that do not make up a token are given as they are: no step of opening
    /// knows them, so they are left alone.
    pub(crate) fn find<'h>(
        &self,
        headers: impl Iterator<Item = &'h [u8]>,
        role: Role,
    ) -> Vec<Vec<u8>> {
        let found = values(headers, self.names(role));
        let mut tokens = pieces::join(&found);
        let plain = found.iter().filter(|(at, value)| *at == 0 && !pieces::is_piece(value));
        tokens.extend(plain.map(|(_, value)| value.to_vec()));
        if tokens.is_empty() {
            let piece = found.iter().find(|(_, value)| pieces::is_piece(value));
            tokens.extend(piece.map(|(_, value)| value.to_vec()));
        }
        tokens.truncate(MAX_SAME_NAME);
        tokens
    }
}

/// The values of the cookies with these names, at most four of each name, with
/// the index of the name. Server-side parsing is splitting at `;` and at the
/// first `=` (RFC 6265bis section 5.8.3 writes nothing else); it is done on
/// bytes, so that another cookie's odd bytes cost nobody a session.
pub(crate) fn values<'h>(
    headers: impl Iterator<Item = &'h [u8]>,
    names: &[String],
) -> Vec<(usize, &'h [u8])> {
    let mut left = [MAX_SAME_NAME; MAX_PIECES];
    let mut found = Vec::new();
    for pair in headers.flat_map(pairs) {
        let pair = pair.trim_ascii();
        let Some((name, value)) = memchr(b'=', pair).and_then(|at| pair.split_at_checked(at))
        else {
            continue;
        };
        let value = value.strip_prefix(b"=").unwrap_or_default();
        let (name, value) = (name.trim_ascii_end(), value.trim_ascii_start());
        let Some(at) = names.iter().position(|known| known.as_bytes() == name) else {
            continue;
        };
        let Some(left) = left.get_mut(at).filter(|_| !value.is_empty()) else {
            continue;
        };
        if let Some(less) = left.checked_sub(1) {
            *left = less;
            found.push((at, value));
        }
    }
    found
}

/// What stands between the semicolons. Found 32 bytes at a time: every request's header
/// is looked through, also that of one which does not look at its session.
fn pairs(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(b';', header).chain([header.len()]);
    let bounds = ends.scan(0, |next, end| {
        let begin = mem::replace(next, end.saturating_add(1));
        Some(begin..end)
    });
    bounds.filter_map(|pair| header.get(pair))
}

/// A line with `Max-Age=0`, for clients that do not know `Max-Age`, too.
pub(crate) fn expired(line: String) -> String {
    format!("{line}; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
}

pub(crate) fn checked_name(name: &str) -> Result<&str, CookieError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(CookieError::Name);
    }
    Ok(name)
}

pub(crate) fn checked_domain(domain: &str) -> Result<&str, CookieError> {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if domain.len() > 253 || !domain.contains('.') || !domain.split('.').all(label) {
        return Err(CookieError::Domain);
    }
    Ok(domain)
}

pub(crate) fn checked_path(path: &str) -> Result<&str, CookieError> {
    let fits = path.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b';');
    if !path.starts_with('/') || path.len() > 1024 || !fits {
        return Err(CookieError::Path);
    }
    Ok(path)
}

/// `__Host-session`, with every default.
impl Default for Cookie {
    fn default() -> Cookie {
        Cookie::named("session")
    }
}

/// A cookie cannot have this name, domain or path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// Not a name that [`Cookie::new`] takes.
    Name,
    /// Not a host name.
    Domain,
    /// Not an absolute path, or with characters that a cookie cannot hold.
    Path,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CookieError::Name => {
                "a cookie's name is 1 to 64 letters, digits or !#$%&'*+-.^_`|~, begins without \
                 __ (the prefix is added) and does not end in -renewal, -1, -2 or -3"
            }
            CookieError::Domain => "a cookie's domain is a host name such as example.com",
            CookieError::Path => {
                "a cookie's path begins with / and holds neither control characters nor ;"
            }
        })
    }
}

impl std::error::Error for CookieError {}
