//! Migrating sessions from an old library.

use std::fmt;
use std::sync::Arc;

use crate::session::shared::{Channel, Shared};
use crate::time::UnixTime;
use crate::token::wire::Mode;
use crate::transport::bundle::Bundle;
use crate::transport::cookie::{self, CookieError, checked_domain, checked_name, checked_path};

/// The old library's cookie. Its session is adopted (continued as a bulla session), and the
/// cookie is then deleted. See
/// [`SessionsBuilder::adopt_cookie`](crate::session::SessionsBuilder::adopt_cookie).
///
/// ```
/// use bulla::session::OldCookie;
///
/// let old = OldCookie::new("id")?.with_domain("bank.example")?;
/// # Ok::<(), bulla::transport::CookieError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OldCookie {
    name: String,
    path: String,
    domain: Option<String>,
    servers: OldServers,
}

/// Whether servers that know only the old cookie still run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldServers {
    Gone,
    Running,
}

impl OldCookie {
    /// A cookie with this full name, which the old library sets with `Path=/` and without
    /// `Domain`.
    ///
    /// If the old library sets another path or a domain, call [`with_path`](OldCookie::with_path)
    /// or [`with_domain`](OldCookie::with_domain), because a browser deletes a cookie only if path
    /// and domain match.
    ///
    /// # Errors
    /// [`CookieError::Name`] unless `name` is a token (RFC 9110 section 5.6.2).
    pub fn new(name: &str) -> Result<OldCookie, CookieError> {
        let name = checked_name(name)?.to_owned();
        Ok(OldCookie { name, path: "/".to_owned(), domain: None, servers: OldServers::Gone })
    }

    /// The `Path` with which the old library sets the cookie.
    ///
    /// # Errors
    /// [`CookieError::Path`] unless it is a valid path of a cookie.
    pub fn with_path(mut self, path: &str) -> Result<OldCookie, CookieError> {
        self.path = checked_path(path)?.to_owned();
        Ok(self)
    }

    /// The `Domain` with which the old library sets the cookie.
    ///
    /// # Errors
    /// [`CookieError::Domain`] unless it is a host name with at least one dot.
    pub fn with_domain(mut self, domain: &str) -> Result<OldCookie, CookieError> {
        self.domain = Some(checked_domain(domain)?.to_owned());
        Ok(self)
    }

    /// Keeps the old cookie while a rolling deploy still has servers that know only the old cookie.
    ///
    /// Each request then adopts the session again. The session becomes a bulla session only when
    /// its state changes. Until then, a sign-out on an old or a new server ends the session on
    /// both. A sign-in or a sign-out on a new server deletes the old cookie. Remove this call in
    /// the next release.
    #[must_use]
    pub fn while_old_servers_run(mut self) -> OldCookie {
        self.servers = OldServers::Running;
        self
    }

    fn removal(&self, secure: Secure) -> String {
        let mut line = ::cookie::Cookie::build((self.name.as_str(), ""))
            .path(self.path.as_str())
            .secure(secure == Secure::Yes)
            .max_age(::cookie::time::Duration::ZERO);
        if let Some(domain) = &self.domain {
            line = line.domain(domain.as_str());
        }
        cookie::expired(line.build().to_string())
    }
}

/// The state and times of an old library's session, from which a bulla session is made.
///
/// The session gets a new id. Its idle timeout starts with the request. Its absolute timeout does
/// too, unless [`started_at`](Adopted::started_at) is called. The session counts as fresh only if
/// `started_at` is recent enough, because an old token does not prove who sent it now.
///
/// ```
/// # use bulla::UnixTime;
/// # use bulla::session::Adopted;
/// # struct Account { id: u64 }
/// # struct Claims { sub: u64, iat: u64, exp: u64 }
/// # let claims = Claims { sub: 7, iat: 1_790_000_000, exp: 1_790_003_600 };
/// // From a JWT's claims:
/// let adopted = Adopted::new(Account { id: claims.sub })
///     .started_at(UnixTime::from_secs(claims.iat))
///     .with_ceiling(UnixTime::from_secs(claims.exp));
/// ```
pub struct Adopted<T> {
    pub(crate) state: T,
    pub(crate) started_at: Option<UnixTime>,
    pub(crate) ceiling: Option<UnixTime>,
}

impl<T> Adopted<T> {
    /// A session with this state that starts with the request.
    #[must_use]
    pub fn new(state: T) -> Adopted<T> {
        Adopted { state, started_at: None, ceiling: None }
    }

    /// When the user signed in. The absolute timeout and freshness count from this time. A future
    /// time counts as now.
    #[must_use]
    pub fn started_at(mut self, at: UnixTime) -> Adopted<T> {
        self.started_at = Some(at);
        self
    }

    /// Sets the ceiling: the session ends at `at` at the latest, for example when the old token
    /// expires.
    #[must_use]
    pub fn with_ceiling(mut self, at: UnixTime) -> Adopted<T> {
        self.ceiling = Some(at);
        self
    }
}

/// Omits the state.
impl<T> fmt::Debug for Adopted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adopted")
            .field("started_at", &self.started_at)
            .field("ceiling", &self.ceiling)
            .finish_non_exhaustive()
    }
}

type Adopt<T> = Box<dyn Fn(&str) -> Option<Adopted<T>> + Send + Sync>;

/// One source of old credentials: a cookie or the bearer header.
pub(crate) struct Migration<T> {
    source: Source,
    until: UnixTime,
    adopt: Adopt<T>,
}

enum Source {
    Cookie(OldCookie),
    Bearer,
}

impl<T> Migration<T> {
    pub(crate) fn until(&self) -> UnixTime {
        self.until
    }

    pub(crate) fn cookie(cookie: OldCookie, until: UnixTime, adopt: Adopt<T>) -> Migration<T> {
        Migration { source: Source::Cookie(cookie), until, adopt }
    }

    pub(crate) fn bearer(until: UnixTime, adopt: Adopt<T>) -> Migration<T> {
        Migration { source: Source::Bearer, until, adopt }
    }

    pub(crate) fn channel(&self) -> Channel {
        match self.source {
            Source::Cookie(_) => Channel::Cookie,
            Source::Bearer => Channel::Bearer,
        }
    }

    /// The credentials of this source in a request. `bearers` are the tokens of the bearer
    /// channel.
    fn values<'h, I>(
        &self,
        channel: Channel,
        bearers: &[Vec<u8>],
        headers: &impl Fn(&str) -> I,
    ) -> Vec<String>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        // If bulla's cookie has the same name as the old cookie, a value that bulla made is
        // skipped.
        let text = |value: &[u8]| match value.starts_with(Mode::Sealed.prefix()) {
            true => None,
            false => String::from_utf8(value.to_vec()).ok(),
        };
        match (&self.source, channel) {
            (Source::Cookie(old), Channel::Cookie) => {
                let name = std::slice::from_ref(&old.name);
                let [found] = cookie::values(headers("cookie").into_iter(), [name]);
                found.into_iter().filter_map(|(_, value)| text(value)).collect()
            }
            (Source::Bearer, Channel::Bearer) => {
                bearers.iter().filter_map(|value| text(value)).collect()
            }
            (Source::Cookie(_), Channel::Bearer) | (Source::Bearer, Channel::Cookie) => vec![],
        }
    }
}

/// The old library's credentials in a request.
pub(crate) struct Old<T> {
    migrations: Arc<[Migration<T>]>,
    /// Each value with the index of its migration.
    values: Vec<(usize, String)>,
}

/// When an old cookie is deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The session was adopted.
    Adopted,
    /// The session has ended, or a new one starts.
    Ended,
}

impl<T> Old<T> {
    pub(crate) fn of_request<'h, I>(
        migrations: &Arc<[Migration<T>]>,
        channel: Channel,
        bearers: &[Vec<u8>],
        headers: impl Fn(&str) -> I,
    ) -> Option<Old<T>>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        let found = migrations.iter().enumerate().flat_map(|(index, migration)| {
            let found = migration.values(channel, bearers, &headers);
            found.into_iter().map(move |value| (index, value))
        });
        let values: Vec<_> = found.collect();
        if values.is_empty() {
            return None;
        }
        Some(Old { migrations: Arc::clone(migrations), values })
    }

    /// The first session that the application recognizes, and whether servers that know only the
    /// old credential still run.
    pub(crate) fn adopt(&self, now: UnixTime) -> Option<(Adopted<T>, OldServers)> {
        self.values.iter().find_map(|(index, value)| {
            let migration = self.migrations.get(*index)?;
            if now >= migration.until {
                return None;
            }
            let servers = match &migration.source {
                Source::Cookie(old) => old.servers,
                Source::Bearer => OldServers::Gone,
            };
            Some(((migration.adopt)(value)?, servers))
        })
    }

    /// Deletes the old cookies that the request carries, unless the new cookie has the same name.
    pub(crate) fn remove(&self, shared: &Shared, moment: Moment, bundle: &mut Bundle) {
        let Some((ours, _)) = &shared.cookie else { return };
        let secure = if ours.is_secure() { Secure::Yes } else { Secure::No };
        for (index, migration) in self.migrations.iter().enumerate() {
            let Source::Cookie(old) = &migration.source else { continue };
            let stays = moment == Moment::Adopted && old.servers == OldServers::Running;
            if stays || old.name == ours.name() {
                continue;
            }
            if self.values.iter().any(|(of, _)| *of == index) {
                bundle.set_cookies(vec![old.removal(secure)]);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secure {
    Yes,
    No,
}
