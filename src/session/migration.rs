//! How the sessions of another library go on as ours.

use std::fmt;
use std::sync::Arc;

use crate::session::shared::{Channel, Shared};
use crate::time::UnixTime;
use crate::token::wire::Mode;
use crate::transport::bundle::Bundle;
use crate::transport::cookie::{self, CookieError, checked_domain, checked_name, checked_path};

/// A cookie of the library that kept sessions before, so that it can be found
/// and, once its session has been adopted, removed. See
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

/// Whether servers that know only the old cookie still answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldServers {
    Gone,
    Running,
}

impl OldCookie {
    /// The cookie's whole name. It is taken to have been set with `Path=/` and
    /// without `Domain`: a cookie is removed only by its own path and domain.
    ///
    /// # Errors
    /// [`CookieError::Name`] unless it is a token (RFC 9110 section 5.6.2).
    pub fn new(name: &str) -> Result<OldCookie, CookieError> {
        let name = checked_name(name)?.to_owned();
        Ok(OldCookie { name, path: "/".to_owned(), domain: None, servers: OldServers::Gone })
    }

    /// The path that it was set with.
    ///
    /// # Errors
    /// [`CookieError::Path`] unless a cookie can have it.
    pub fn with_path(mut self, path: &str) -> Result<OldCookie, CookieError> {
        self.path = checked_path(path)?.to_owned();
        Ok(self)
    }

    /// The domain that it was set with.
    ///
    /// # Errors
    /// [`CookieError::Domain`] unless it is a host name.
    pub fn with_domain(mut self, domain: &str) -> Result<OldCookie, CookieError> {
        self.domain = Some(checked_domain(domain)?.to_owned());
        Ok(self)
    }

    /// Leaves the cookie where it is for as long as a rolling deploy also has
    /// servers that know nothing else: a session is adopted for each request
    /// anew, and becomes one of ours when its state changes. A sign-out on
    /// either side counts on both until then; signing in or out here removes
    /// the cookie. Take this out in the next release.
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

/// What the old library knew of a session, to go on as ours.
///
/// It gets an id of its own, and its timeouts begin with the request, unless
/// [`started_at`](Adopted::started_at) says since when it runs. It is never
/// fresh: whoever carries an old token has not proved now who they are.
///
/// ```
/// # use bulla::UnixTime;
/// # use bulla::session::Adopted;
/// # struct Account { id: u64 }
/// # struct Claims { sub: u64, iat: u64, exp: u64 }
/// # let claims = Claims { sub: 7, iat: 1_790_000_000, exp: 1_790_003_600 };
/// // Of a JWT's claims:
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
    /// A session with this state, taken to have started with the request.
    #[must_use]
    pub fn new(state: T) -> Adopted<T> {
        Adopted { state, started_at: None, ceiling: None }
    }

    /// When the user signed in: the absolute timeout counts from there, and
    /// so does freshness. A time in the future counts as now.
    #[must_use]
    pub fn started_at(mut self, at: UnixTime) -> Adopted<T> {
        self.started_at = Some(at);
        self
    }

    /// The session never lives past `at`, such as the old token's own end.
    #[must_use]
    pub fn with_ceiling(mut self, at: UnixTime) -> Adopted<T> {
        self.ceiling = Some(at);
        self
    }
}

/// The state is left out.
impl<T> fmt::Debug for Adopted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adopted")
            .field("started_at", &self.started_at)
            .field("ceiling", &self.ceiling)
            .finish_non_exhaustive()
    }
}

type Adopt<T> = Box<dyn Fn(&str) -> Option<Adopted<T>> + Send + Sync>;

/// One kind of credential of the old library.
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

    /// What a request carries of this kind. `bearers` are the tokens that the
    /// bearer channel found.
    fn values<'h, I>(
        &self,
        channel: Channel,
        bearers: &[Vec<u8>],
        headers: &impl Fn(&str) -> I,
    ) -> Vec<String>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        // A cookie of ours may have taken over the name of the old one.
        let text = |value: &[u8]| match value.starts_with(Mode::Sealed.prefix()) {
            true => None,
            false => String::from_utf8(value.to_vec()).ok(),
        };
        match (&self.source, channel) {
            (Source::Cookie(old), Channel::Cookie) => {
                let name = std::slice::from_ref(&old.name);
                let found = cookie::values(headers("cookie").into_iter(), name);
                found.into_iter().filter_map(|(_, value)| text(value)).collect()
            }
            (Source::Bearer, Channel::Bearer) => {
                bearers.iter().filter_map(|value| text(value)).collect()
            }
            (Source::Cookie(_), Channel::Bearer) | (Source::Bearer, Channel::Cookie) => vec![],
        }
    }
}

/// What a request carries of the old library's.
pub(crate) struct Old<T> {
    migrations: Arc<[Migration<T>]>,
    /// With the index of their migration.
    values: Vec<(usize, String)>,
}

/// When an old cookie goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The session goes on as ours.
    Adopted,
    /// It is over, or another one begins.
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

    /// The first session that the application recognizes, and whether servers
    /// that know only the old credential still answer.
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

    /// Removes the old cookies that the request carries; but not when a cookie of
    /// ours has taken over the name.
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
