//! The session's cookies: names, attributes and size limits.

use std::fmt::{self, Write as _};
use std::mem;
use std::time::Duration;

use memchr::{memchr, memchr_iter};

use crate::token::wire::MAX_TOKEN_LEN;
use crate::transport::pieces::{self, HEADER_LEN, MAX_PIECES};

/// The maximum number of octets of a cookie's name and value together that browsers keep (RFC
/// 6265bis section 5.6).
pub const MAX_COOKIE_LEN: usize = 4096;

/// The longest time that browsers keep a cookie: 400 days (RFC 6265bis section 5.5).
pub const MAX_COOKIE_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// How many cookies of the same name are tried. Another host of the domain may have set some of
/// these cookies (cookie tossing).
const MAX_SAME_NAME: usize = 4;

/// Room for the attributes, in characters. It is enough for most cookies.
const ATTRIBUTES_LEN: usize = 128;

const RENEWAL_SUFFIX: &str = "-renewal";
const BOUND_SUFFIX: &str = "-bound";

/// The cookie that carries a session.
///
/// The default is `__Host-session` with `Secure`, `HttpOnly`, `SameSite=Lax` and `Path=/`. It has
/// no `Max-Age`, so it ends when the browser closes. Each of these settings changes only if you
/// call the method for it.
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
/// # Development on localhost
///
/// Chrome and Firefox treat `http://localhost` and `http://127.0.0.1` as secure and keep `Secure`
/// cookies there, so the default works. Safari drops `Secure` and `__Host-` cookies over plain HTTP
/// even on localhost. For development in Safari, use [`over_plain_http`](Cookie::over_plain_http)
/// or HTTPS.
///
/// On other hosts, such as the address of your machine in the local network, every browser drops
/// the cookie over plain HTTP. With the feature `tracing`, a debug build logs a hint once.
#[derive(Clone, Debug)]
pub struct Cookie {
    /// The names for the pieces of a token. The first is also the name for a whole token.
    state: [String; MAX_PIECES],
    renewal: [String; MAX_PIECES],
    /// The name of the cookie that tells a browser that it needs no new proof.
    pub(super) bound: String,
    pub(super) base: String,
    pub(super) reach: Reach,
    same_site: SameSite,
    pub(super) partition: Partition,
    scripts: Scripts,
    keep: Keep,
    size: Size,
    /// The cookies of earlier releases.
    pub(super) former: Vec<Cookie>,
}

/// Which of a session's two tokens a cookie carries.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    State,
    Renewal,
}

/// How long a browser keeps a session's cookie. The duration is the time until the session ends
/// even with activity.
#[derive(Clone, Copy)]
pub(crate) enum Kept {
    /// Until the browser closes, or until the deadline if the cookie is persistent.
    AsConfigured(Duration),
    UntilDeadline(Duration),
}

/// The `SameSite` attribute: which requests carry the cookie (RFC 6265bis section 5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Only requests from pages of the same site.
    Strict,
    /// Requests from pages of the same site, and requests that open a page because the user follows
    /// a link on another site. The default.
    Lax,
    /// All requests. Pages from other sites can then show the application in a frame and load its
    /// pages with the session. Requests that could change something still need a
    /// [trusted origin](crate::session::SessionsBuilder::trust_origin).
    None,
}

/// The attributes of a cookie that an audit checks. `true` is the strict setting.
pub(crate) struct CookieFacts {
    pub(crate) secure: bool,
    pub(crate) one_host: bool,
    pub(crate) same_site: bool,
    pub(crate) http_only: bool,
    pub(crate) ends_with_browser: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Reach {
    /// This host only, with all paths. The prefix is `__Host-`.
    Host,
    /// A domain and all hosts below it. The prefix is `__Secure-`.
    Domain(String),
    /// One path of this host. The prefix is `__Secure-`.
    Path(String),
    /// This host only, with all paths. The cookie has neither `Secure` nor a prefix.
    PlainHttp,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Partition {
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
    /// A cookie with the given name. The prefix is added: `session` becomes `__Host-session`.
    ///
    /// # Errors
    /// [`CookieError::Name`] if `name` is not 1 to 64 characters long, contains a character that
    /// RFC 9110 does not allow in a `token`, or begins with `__`. It is also the error if `name`
    /// ends in `-renewal`, `-bound`, `-1`, `-2` or `-3`, because other cookies of the session have
    /// these endings.
    pub fn new(name: &str) -> Result<Cookie, CookieError> {
        let suffixes = [RENEWAL_SUFFIX, BOUND_SUFFIX, "-1", "-2", "-3"];
        let taken = suffixes.iter().any(|suffix| name.ends_with(suffix));
        if name.len() > 64 || taken || name.starts_with("__") {
            return Err(CookieError::Name);
        }
        Ok(Cookie::named(checked_name(name)?))
    }

    fn named(base: &str) -> Cookie {
        Cookie {
            state: Default::default(),
            renewal: Default::default(),
            bound: String::new(),
            base: base.to_owned(),
            reach: Reach::Host,
            same_site: SameSite::Lax,
            partition: Partition::Shared,
            scripts: Scripts::CannotRead,
            keep: Keep::UntilBrowserCloses,
            size: Size::OneCookie,
            former: Vec::new(),
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
        self.bound = format!("{prefix}{}{BOUND_SUFFIX}", self.base);
        self.reach = reach;
        self
    }

    pub(crate) fn facts(&self) -> CookieFacts {
        CookieFacts {
            secure: self.is_secure(),
            one_host: matches!(self.reach, Reach::Host),
            same_site: self.same_site != SameSite::None,
            http_only: matches!(self.scripts, Scripts::CannotRead),
            ends_with_browser: matches!(self.keep, Keep::UntilBrowserCloses),
        }
    }

    /// The full name, with prefix.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state[0]
    }

    /// Sets the `SameSite` attribute. The default is [`SameSite::Lax`].
    #[must_use]
    pub fn with_same_site(mut self, same_site: SameSite) -> Cookie {
        self.same_site = same_site;
        self
    }

    /// Keeps the cookie when the browser closes. `Max-Age` is then the time until the session ends
    /// even with activity, at most 400 days.
    #[must_use]
    pub fn persistent(mut self) -> Cookie {
        self.keep = Keep::UntilDeadline;
        self
    }

    /// Sends the cookie to `domain` and every host below it. The prefix becomes `__Secure-`.
    ///
    /// Each of these hosts can then also set the cookie. If you change this setting later, call
    /// [`formerly`](Cookie::formerly), because browsers keep the cookies of the old setting.
    ///
    /// `shared_with_domain`, [`below_path`](Cookie::below_path) and
    /// [`over_plain_http`](Cookie::over_plain_http) are mutually exclusive; the last call wins.
    ///
    /// # Errors
    /// [`CookieError::Domain`] unless `domain` is a host name with at least one dot.
    pub fn shared_with_domain(self, domain: &str) -> Result<Cookie, CookieError> {
        Ok(self.reaching(Reach::Domain(checked_domain(domain)?.to_owned())))
    }

    /// Sends the cookie only to paths below `path`. The prefix becomes `__Secure-`.
    ///
    /// This does not protect the session from other paths of the host, because their pages can
    /// still send requests with the cookie.
    ///
    /// `below_path`, [`shared_with_domain`](Cookie::shared_with_domain) and
    /// [`over_plain_http`](Cookie::over_plain_http) are mutually exclusive; the last call wins.
    ///
    /// # Errors
    /// [`CookieError::Path`] unless `path` begins with `/`, has at most 1,024 characters, and
    /// consists of visible ASCII and spaces without `;`.
    pub fn below_path(self, path: &str) -> Result<Cookie, CookieError> {
        Ok(self.reaching(Reach::Path(checked_path(path)?.to_owned())))
    }

    /// Omits `Secure` and the prefix, for development over plain HTTP. Safari always needs this
    /// over plain HTTP, and other browsers need it on all hosts except localhost.
    ///
    /// `SameSite=None` becomes `Lax` and `Partitioned` is omitted, because both need `Secure`.
    ///
    /// `over_plain_http`, [`shared_with_domain`](Cookie::shared_with_domain) and
    /// [`below_path`](Cookie::below_path) are mutually exclusive; the last call wins.
    #[must_use]
    pub fn over_plain_http(self) -> Cookie {
        self.reaching(Reach::PlainHttp)
    }

    /// Omits `HttpOnly`, so scripts in the page can read and steal the session.
    #[must_use]
    pub fn readable_by_scripts(mut self) -> Cookie {
        self.scripts = Scripts::CanRead;
        self
    }

    /// Gives each top-level site that embeds this one its own cookie (`Partitioned`, CHIPS).
    #[must_use]
    pub fn partitioned(mut self) -> Cookie {
        self.partition = Partition::PerTopLevelSite;
        self
    }

    /// Splits a token that is too long for one cookie into up to four cookies.
    ///
    /// A token is read only if all of its pieces arrive. Every write sets or deletes all four
    /// cookies. Every request carries the pieces, and many servers reject more than 8 KiB of
    /// headers, so prefer a smaller state.
    #[must_use]
    pub fn split(mut self) -> Cookie {
        self.size = Size::UpToFour;
        self
    }

    pub(super) fn names(&self, role: Role) -> &[String] {
        let names = match role {
            Role::State => &self.state,
            Role::Renewal => &self.renewal,
        };
        match self.size {
            Size::OneCookie => &names[..1],
            Size::UpToFour => names,
        }
    }

    /// The names under which a request may carry a token: those of this cookie, and the pieces of a
    /// former cookie with the same name.
    fn names_to_read(&self, role: Role) -> &[String] {
        let same = self.former.iter().filter(|former| former.name() == self.name());
        let longest = same.map(|former| former.names(role)).max_by_key(|names| names.len());
        match longest {
            Some(longest) if longest.len() > self.names(role).len() => longest,
            _ => self.names(role),
        }
    }

    pub(crate) fn name_len(&self, role: Role) -> usize {
        self.names(role).first().map_or(0, String::len)
    }

    /// The maximum length of a token that fits, in characters.
    pub(crate) fn capacity(&self, role: Role) -> usize {
        match self.size {
            Size::OneCookie => MAX_COOKIE_LEN.saturating_sub(self.name_len(role)),
            Size::UpToFour => self.chunk(role).saturating_mul(MAX_PIECES).min(MAX_TOKEN_LEN),
        }
    }

    /// The number of characters of the token in each piece except the last.
    fn chunk(&self, role: Role) -> usize {
        let longest = self.names(role).iter().map(String::len).max().unwrap_or(0);
        MAX_COOKIE_LEN.saturating_sub(longest).saturating_sub(HEADER_LEN)
    }

    /// The `Set-Cookie` values that store `token` and delete the cookies that it does not need.
    /// `token` must not exceed [`capacity`](Cookie::capacity).
    pub(crate) fn store(&self, role: Role, token: String, kept: Kept) -> Vec<String> {
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
                Some(value) => self.line(name, value, self.max_age(kept)),
                None => self.removal(name),
            })
            .collect()
    }

    /// The `Set-Cookie` values that delete the token. Their names and attributes are those of the
    /// values that store the token.
    pub(crate) fn remove(&self, role: Role) -> Vec<String> {
        self.names(role).iter().map(|name| self.removal(name)).collect()
    }

    pub(super) fn removal(&self, name: &str) -> String {
        expired(self.line(name, String::new(), Some(Duration::ZERO)))
    }

    pub(crate) fn is_secure(&self) -> bool {
        !matches!(self.reach, Reach::PlainHttp)
    }

    fn max_age(&self, kept: Kept) -> Option<Duration> {
        match (kept, self.keep) {
            (Kept::AsConfigured(_), Keep::UntilBrowserCloses) => None,
            (Kept::AsConfigured(age), Keep::UntilDeadline) | (Kept::UntilDeadline(age), _) => {
                Some(age.min(MAX_COOKIE_AGE))
            }
        }
    }

    pub(super) fn line(&self, name: &str, value: String, max_age: Option<Duration>) -> String {
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
        // The buffer has room for the whole line, so that a large value is not moved while the line
        // grows.
        let mut text = String::with_capacity(room);
        write!(text, "{}", line.build()).ok(); // writing to a string cannot fail
        text
    }

    /// The tokens for each of the roles in a request's `Cookie` headers.
    pub(crate) fn find<'h, const ROLES: usize>(
        &self,
        headers: impl Iterator<Item = &'h [u8]>,
        roles: [Role; ROLES],
    ) -> [Vec<Vec<u8>>; ROLES] {
        values(headers, roles.map(|role| self.names_to_read(role))).map(|found| tokens(&found))
    }
}

/// The tokens in cookie values, whole or joined from pieces.
///
/// If there is no whole token but there are pieces, the first piece is returned. Opening refuses it
/// because of its prefix, so the cookies are left alone.
fn tokens(found: &[(usize, &[u8])]) -> Vec<Vec<u8>> {
    let mut tokens = pieces::join(found);
    let plain = found.iter().filter(|(at, value)| *at == 0 && !pieces::is_piece(value));
    tokens.extend(plain.map(|(_, value)| value.to_vec()));
    if tokens.is_empty() {
        let piece = found.iter().find(|(_, value)| pieces::is_piece(value));
        tokens.extend(piece.map(|(_, value)| value.to_vec()));
    }
    tokens.truncate(MAX_SAME_NAME);
    tokens
}

/// The values of the cookies with these names, at most four for each name. Each value comes with
/// the index of its name in its list. All lists are looked for at once, because the headers of every
/// request are searched, even if the handler does not read the session.
///
/// Splits at `;` and at the first `=`, as browsers write the header (RFC 6265bis section 5.8.3).
/// The function works on bytes, because the session must be readable even if another cookie has
/// bytes that are not UTF-8.
pub(crate) fn values<'h, const LISTS: usize>(
    headers: impl Iterator<Item = &'h [u8]>,
    names: [&[String]; LISTS],
) -> [Vec<(usize, &'h [u8])>; LISTS] {
    let mut left = [[MAX_SAME_NAME; MAX_PIECES]; LISTS];
    let mut found = [const { Vec::new() }; LISTS];
    for pair in headers.flat_map(pairs) {
        let pair = pair.trim_ascii();
        let Some((name, value)) = memchr(b'=', pair).and_then(|at| pair.split_at_checked(at))
        else {
            continue;
        };
        let value = value.strip_prefix(b"=").unwrap_or_default();
        let (name, value) = (name.trim_ascii_end(), value.trim_ascii_start());
        if value.is_empty() {
            continue;
        }
        for ((names, left), found) in names.iter().zip(&mut left).zip(&mut found) {
            let Some(at) = names.iter().position(|known| known.as_bytes() == name) else {
                continue;
            };
            let Some(left) = left.get_mut(at) else { continue };
            if let Some(less) = left.checked_sub(1) {
                *left = less;
                found.push((at, value));
            }
        }
    }
    found
}

/// The parts between semicolons. `memchr` searches 32 bytes at a time.
fn pairs(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(b';', header).chain([header.len()]);
    let bounds = ends.scan(0, |next, end| {
        let begin = mem::replace(next, end.saturating_add(1));
        Some(begin..end)
    });
    bounds.filter_map(|pair| header.get(pair))
}

/// Adds `Expires` to a line with `Max-Age=0`, for clients that do not know `Max-Age`.
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

/// `__Host-session` with all defaults.
impl Default for Cookie {
    fn default() -> Cookie {
        Cookie::named("session")
    }
}

/// A name, domain or path that a cookie cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// [`Cookie::new`] does not accept the name.
    Name,
    /// The domain is not a host name with at least one dot.
    Domain,
    /// The path does not begin with `/`, is longer than 1,024 characters, or has a character that
    /// a cookie's path cannot have.
    Path,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CookieError::Name => {
                "a cookie's name must have 1 to 64 letters, digits or !#$%&'*+-.^_`|~, not begin \
                 with __ (the prefix is added) and not end in -renewal, -bound, -1, -2 or -3"
            }
            CookieError::Domain => "a cookie's domain must be a host name such as example.com",
            CookieError::Path => {
                "a cookie's path must begin with / and have at most 1024 ASCII characters, without \
                 control characters and ;"
            }
        })
    }
}

impl std::error::Error for CookieError {}
