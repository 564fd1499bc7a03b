//! The settings of an application's sessions: key ring, policies, transports, and functions of the
//! application.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::keys::handle::RingHandle;
use crate::revocation::list::Revocations;
use crate::session::about::{About, Check, Validity};
#[cfg(feature = "bound")]
use crate::session::device_bound::DeviceBound;
#[cfg(feature = "bound")]
use crate::session::dpop::Dpop;
use crate::session::event::Event;
use crate::session::hint::{PlainHttpHint, UnusedSettingsHint};
use crate::session::judge::ChannelKeys;
use crate::session::migration::{Adopted, Migration, OldCookie};
use crate::session::policy::{Policies, Policy};
use crate::session::sessions::Sessions;
use crate::session::shared::{Channel, Shared};
use crate::session::user::{Loader, User};
use crate::time::UnixTime;
use crate::token::payload::{self, Payload};
use crate::transport::bearer::Bearer;
use crate::transport::cookie::Cookie;
use crate::transport::cross_origin::{OriginError, checked_origin};

impl<T: Payload> Sessions<T> {
    /// Sessions that are stored in the default [`Cookie`].
    ///
    /// The purpose of the tokens is that of `T`'s [`Payload`]. If an application has two kinds of
    /// session, give each its own cookie name.
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, policy: Policy) -> Sessions<T> {
        SessionsBuilder::new(ring, policy).build()
    }

    /// Sessions with other transports or settings.
    #[must_use]
    pub fn builder(ring: impl Into<RingHandle>, policy: Policy) -> SessionsBuilder<T> {
        SessionsBuilder::new(ring, policy)
    }
}

/// Settings of [`Sessions`].
///
/// ```
/// # use bulla::{Bearer, Cookie, KeyRing, Payload, Policy, Sessions};
/// # use bulla::transport::SameSite;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
/// # let ring = KeyRing::generate()?;
/// let sessions = Sessions::<Account>::builder(ring, Policy::high_value())
///     .cookie(Cookie::new("bank")?.with_same_site(SameSite::Strict))
///     .bearer(Bearer::default())
///     .sign_in_page("/sign-in")
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SessionsBuilder<T> {
    shared: Shared,
    migrations: Vec<Migration<T>>,
    about: About<T>,
    #[cfg(feature = "bound")]
    device_bound: Option<DeviceBound>,
    #[cfg(feature = "bound")]
    dpop: Option<Dpop>,
}

impl<T: Payload> SessionsBuilder<T> {
    fn new(ring: impl Into<RingHandle>, policy: Policy) -> SessionsBuilder<T> {
        const { payload::check::<T>() };
        let shared = Shared {
            ring: ring.into(),
            policies: Policies { ordinary: policy, remembered: None },
            cookie: None,
            former: Vec::new(),
            bearer: None,
            trusted_origins: Vec::new(),
            clock: Arc::new(UnixTime::now),
            sign_in_page: None,
            step_up_page: None,
            hook: None,
            revocations: None,
            bound_in_cookie: None,
            bound_in_headers: None,
            plain_http: PlainHttpHint::default(),
            unused_settings: UnusedSettingsHint::default(),
        };
        let about = About::default();
        SessionsBuilder {
            shared,
            migrations: Vec::new(),
            about,
            #[cfg(feature = "bound")]
            device_bound: None,
            #[cfg(feature = "bound")]
            dpop: None,
        }
    }

    /// Carries sessions in this cookie. If no transport is configured, [`Cookie::default`] is used.
    #[must_use]
    pub fn cookie(mut self, cookie: Cookie) -> SessionsBuilder<T> {
        let with_keys = |cookie: Cookie| {
            let channel = [b"cookie", cookie.name().as_bytes()].join(&0);
            let keys = ChannelKeys::new(&self.shared.ring, T::PURPOSE, &channel);
            (cookie, keys)
        };
        self.shared.former = cookie.renamed().cloned().map(with_keys).collect();
        self.shared.cookie = Some(with_keys(cookie));
        self
    }

    /// Carries sessions in headers. Cookies are then off, unless you call
    /// [`cookie`](SessionsBuilder::cookie) too.
    #[must_use]
    pub fn bearer(mut self, bearer: Bearer) -> SessionsBuilder<T> {
        let keys = ChannelKeys::new(&self.shared.ring, T::PURPOSE, b"bearer");
        self.shared.bearer = Some((bearer, keys));
        self
    }

    /// Sets the policy of remembered sessions: those of users who check the box "keep me signed in"
    /// in a sign-in form. See [`Start::remembered`](crate::session::Start::remembered).
    ///
    /// ```
    /// use std::time::Duration;
    /// use bulla::{KeyRing, Payload, Policy, Session, SessionError, Sessions};
    /// use bulla::session::Start;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, Payload)]
    /// # #[payload(purpose = "shop.example/session")]
    /// # struct Account { id: u64 }
    ///
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
    ///     .remembered(Policy::new(14 * day, 30 * day))
    ///     .build();
    ///
    /// fn sign_in(session: &Session<Account>, keep_me_signed_in: bool) -> Result<(), SessionError> {
    ///     let options = if keep_me_signed_in { Start::new().remembered() } else { Start::new() };
    ///     session.start_with(Account { id: 7 }, options)
    /// }
    /// # Ok::<(), bulla::keys::RandomError>(())
    /// ```
    ///
    /// Set this policy on all servers before users see the checkbox: a server without it leaves
    /// remembered sessions alone, so their users seem signed out there.
    #[must_use]
    pub fn remembered(mut self, policy: Policy) -> SessionsBuilder<T> {
        self.shared.policies.remembered = Some(policy);
        self
    }

    /// Lets pages on another origin use sessions in cookies, as if they were pages of this
    /// application. See [cross-origin requests](Sessions#cross-origin-requests). Call it once
    /// for each origin.
    ///
    /// Only trust an origin whose pages you control, or an identity provider that sends a user back
    /// with a form (`response_mode=form_post`). If a reverse proxy changes the header `Host` and
    /// you cannot stop it, trust the origin of your pages.
    ///
    /// `origin` is `scheme://host`, or `scheme://host:port` if the port is not the default port of
    /// the scheme. It must be equal to the header `Origin`. The hosts below a host are not trusted
    /// with it.
    ///
    /// # Errors
    /// [`OriginError`] unless `origin` is written as browsers write it: lower case, without a path.
    ///
    /// ```
    /// # use bulla::{KeyRing, Payload, Policy, Sessions};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, Payload)]
    /// # #[payload(purpose = "bank.example/session")]
    /// # struct Account { id: u64 }
    /// // The pages are at app.bank.example, and this server is api.bank.example.
    /// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
    ///     .trust_origin("https://app.bank.example")?
    ///     .build();
    ///
    /// let session = sessions.load("POST", |name| match name {
    ///     "host" => Some(&b"api.bank.example"[..]),
    ///     "origin" => Some(&b"https://app.bank.example"[..]),
    ///     "sec-fetch-site" => Some(&b"same-site"[..]),
    ///     _ => None,
    /// });
    /// session.start(Account { id: 7 })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trust_origin(mut self, origin: &str) -> Result<SessionsBuilder<T>, OriginError> {
        self.shared.trusted_origins.push(checked_origin(origin)?.to_owned());
        Ok(self)
    }

    /// The page to which a guard redirects a browser without a session. Without it, the guard
    /// answers with 401.
    ///
    /// Only navigations are redirected, because a script would read the page as the response to its
    /// request; see [`Denied`](crate::session::Denied). If the navigation is a GET request, its
    /// path and query are added to the address of the page as the parameter `next`. For a request
    /// from htmx, `next` is the path of the page that the user sees. So after the sign-in, your
    /// handler can redirect to [`local_path`](crate::session::local_path) of `next`. Nothing is
    /// added if the page is on another site, if its address has a `next` already, or if the path is
    /// longer than about 2 kB.
    ///
    /// # Panics
    /// If `path` is empty or contains a character that is not visible ASCII. The header `Location`
    /// cannot contain such characters.
    #[must_use]
    pub fn sign_in_page(mut self, path: impl Into<String>) -> SessionsBuilder<T> {
        self.shared.sign_in_page = Some(page(path.into()));
        self
    }

    /// The page to which a guard redirects a browser whose sign-in is not fresh enough. Without
    /// it, the guard answers with 401. The redirect works like the one to
    /// [`sign_in_page`](SessionsBuilder::sign_in_page).
    ///
    /// # Panics
    /// The same as for [`sign_in_page`](SessionsBuilder::sign_in_page).
    #[must_use]
    pub fn step_up_page(mut self, path: impl Into<String>) -> SessionsBuilder<T> {
        self.shared.step_up_page = Some(page(path.into()));
        self
    }

    /// Calls `hook` with each [`Event`] of a session, for metrics.
    ///
    /// The hook runs within the request, so it should only count and return.
    #[must_use]
    pub fn on_event(mut self, hook: impl Fn(&Event) + Send + Sync + 'static) -> SessionsBuilder<T> {
        self.shared.hook = Some(Box::new(hook));
        self
    }

    /// Refuses sessions that this list revokes.
    ///
    /// With a list, signing out also revokes copies of the session's tokens. Several kinds of
    /// session may share one list.
    #[must_use]
    pub fn revocations(mut self, revocations: &Revocations) -> SessionsBuilder<T> {
        self.shared.revocations = Some(revocations.clone());
        self
    }

    /// Binds sessions in the cookie to the browser's device, if the browser can do it. Copies of
    /// the cookies of a bound session are worthless after the proof lifetime. See [`DeviceBound`].
    #[cfg(feature = "bound")]
    #[cfg_attr(docsrs, doc(cfg(feature = "bound")))]
    #[must_use]
    pub fn device_bound(mut self, settings: DeviceBound) -> SessionsBuilder<T> {
        self.device_bound = Some(settings);
        self
    }

    /// Binds sessions in headers to a key of the client, if the client sends a proof with its
    /// sign-in (DPoP, RFC 9449). Copies of the tokens of a bound session are worthless after the
    /// proof lifetime. If [`Bearer`] is off, this method switches it on. The default cookie stays on,
    /// unless you choose a transport yourself. See [`Dpop`].
    #[cfg(feature = "bound")]
    #[cfg_attr(docsrs, doc(cfg(feature = "bound")))]
    #[must_use]
    pub fn dpop(mut self, settings: Dpop) -> SessionsBuilder<T> {
        self.dpop = Some(settings);
        self
    }

    /// Sets the function that returns the subject of a session: a text that identifies its user,
    /// such as the account's number.
    ///
    /// [`Sessions::revoke_subject`], [`Session::end_everywhere`](crate::Session::end_everywhere)
    /// and [`Session::end_others`](crate::Session::end_others) need it to end all sessions of one
    /// subject.
    #[must_use]
    pub fn subject(
        mut self,
        subject: impl Fn(&T) -> String + Send + Sync + 'static,
    ) -> SessionsBuilder<T> {
        self.about.subject = Some(Box::new(subject));
        self
    }

    /// Sets the check with which the application decides whether a session is still valid. For
    /// example, it can check that the account is open and that the password has not changed since
    /// the sign-in.
    ///
    /// The check runs again when its last answer is older than
    /// [`revalidate_after`](SessionsBuilder::revalidate_after), so a session that is no longer
    /// valid ends within that time. No list of revocations is needed. The extractors of the
    /// adapters wait for the answer. Other code calls
    /// [`Session::revalidate`](crate::Session::revalidate).
    ///
    /// The renewal token stores when the check last succeeded. Therefore, if a bearer client sends
    /// no renewal token, the check runs in every request once it is due. The same applies to a
    /// client that sends only [background requests](crate::Session::ignore_activity), because these
    /// requests store nothing.
    ///
    /// ```
    /// # use bulla::{KeyRing, Payload, Policy, Sessions};
    /// # use bulla::session::Validity;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize, Payload)]
    /// #[payload(purpose = "bank.example/session")]
    /// struct Account { id: u64, generation: u32 }
    ///
    /// # async fn generation_in_the_database(_: u64) -> Result<u32, std::io::Error> { Ok(1) }
    /// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
    ///     .revalidate(|account| async move {
    ///         match generation_in_the_database(account.id).await {
    ///             Ok(generation) if generation == account.generation => Validity::Holds,
    ///             Ok(_) => Validity::Over,
    ///             Err(_) => Validity::Unknown,
    ///         }
    ///     })
    ///     .build();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn revalidate<F>(
        mut self,
        check: impl Fn(Arc<T>) -> F + Send + Sync + 'static,
    ) -> SessionsBuilder<T>
    where
        F: Future<Output = Validity> + Send + 'static,
    {
        self.about.check = Some(Check::Asks(Box::new(move |state| Box::pin(check(state)))));
        self
    }

    /// Sets how the [`User`] of a session is loaded from the application's database.
    ///
    /// The extractor [`SignedIn`](crate::SignedIn) and [`Session::user`](crate::Session::user) load
    /// the user, at most once in a request. If there is no such user, or the user does not
    /// [accept](User::accepts) the session, the session is over. If `load` fails, the error is
    /// logged, a guard answers with 503, and the session stays.
    ///
    /// Loading the user is also the check of [`revalidate`](SessionsBuilder::revalidate). A route
    /// that does not need the user loads the user when that check is due. If you call both this
    /// method and `revalidate`, the last call wins.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use bulla::{KeyRing, Payload, Policy, Sessions};
    /// # use bulla::session::User;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, Payload)]
    /// # #[payload(purpose = "bank.example/session")]
    /// # struct Account { id: u64 }
    /// # struct Customer { name: String }
    /// # impl User for Customer { type State = Account; }
    /// # struct Database;
    /// # impl Database {
    /// #     async fn customer(&self, _: u64) -> Result<Option<Customer>, std::io::Error> { Ok(None) }
    /// # }
    /// # let database = Arc::new(Database);
    /// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
    ///     .user(move |account| {
    ///         let database = Arc::clone(&database);
    ///         async move { database.customer(account.id).await }
    ///     })
    ///     .build();
    /// # Ok::<(), bulla::keys::RandomError>(())
    /// ```
    #[must_use]
    pub fn user<U, E, F>(
        mut self,
        load: impl Fn(Arc<T>) -> F + Send + Sync + 'static,
    ) -> SessionsBuilder<T>
    where
        T: Send + Sync + 'static,
        U: User<State = T>,
        E: fmt::Display,
        F: Future<Output = Result<Option<U>, E>> + Send + 'static,
    {
        self.about.check = Some(Check::Loads(Loader::new(load)));
        self
    }

    /// Sets how long a successful [`revalidate`](SessionsBuilder::revalidate) check, a sign-in or a
    /// reauthentication counts before the check runs again. The default is 5 minutes.
    #[must_use]
    pub fn revalidate_after(mut self, after: Duration) -> SessionsBuilder<T> {
        self.about.revalidate_after = after;
        self
    }

    /// Lets users who are signed in with an old library keep their session, until the time
    /// `until`.
    ///
    /// If a request has no bulla session, `adopt` gets the value of the old cookie unchanged and
    /// opens it with the old library. The session that `adopt` returns continues as a bulla
    /// session, and the response deletes the old cookie. If no [`Cookie`] is configured, this
    /// method switches the default one on.
    ///
    /// `adopt` must reject expired and forged cookies. Most old libraries cannot revoke a copied
    /// cookie. So before the time `until`, anyone who has a copy can exchange it for a new session.
    /// Choose a time by which most users have come back, such as a few weeks.
    ///
    /// ```
    /// # use bulla::{KeyRing, Payload, Policy, Sessions, UnixTime};
    /// # use bulla::session::{Adopted, OldCookie};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, Payload)]
    /// # #[payload(purpose = "bank.example/session")]
    /// # struct Account { id: u64 }
    /// # fn open_with_the_old_library(value: &str) -> Option<u64> { value.parse().ok() }
    /// let until: UnixTime = "2099-01-31T00:00:00Z".parse()?;
    /// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
    ///     .adopt_cookie(OldCookie::new("id")?, until, |value| {
    ///         let id = open_with_the_old_library(value)?;
    ///         Some(Adopted::new(Account { id }))
    ///     })
    ///     .build();
    ///
    /// let session = sessions.load("GET", |name| (name == "cookie").then_some(&b"id=7"[..]));
    /// assert_eq!(session.get().unwrap().id, 7);
    /// let lines: Vec<_> = session.commit().into_iter().collect();
    /// assert!(lines[0].value.starts_with("__Host-session=b1."));
    /// assert!(lines[1].value.starts_with("id=; "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn adopt_cookie(
        mut self,
        old: OldCookie,
        until: UnixTime,
        adopt: impl Fn(&str) -> Option<Adopted<T>> + Send + Sync + 'static,
    ) -> SessionsBuilder<T> {
        self.migrations.push(Migration::cookie(old, until, Box::new(adopt)));
        self
    }

    /// Like [`adopt_cookie`](SessionsBuilder::adopt_cookie), for a token in
    /// `Authorization: Bearer`, such as a JWT.
    ///
    /// The response carries the new tokens. If [`Bearer`] is off, this method switches it on. A
    /// client that does not know the new headers keeps sending its old token. Before the time
    /// `until`, each of its requests then starts a new session.
    #[must_use]
    pub fn adopt_bearer(
        mut self,
        until: UnixTime,
        adopt: impl Fn(&str) -> Option<Adopted<T>> + Send + Sync + 'static,
    ) -> SessionsBuilder<T> {
        self.migrations.push(Migration::bearer(until, Box::new(adopt)));
        self
    }

    /// Replaces the system clock, for tests. A request reads the clock when the session is first
    /// read or changed, and again when the response writes a renewal token.
    #[must_use]
    pub fn clock(
        mut self,
        clock: impl Fn() -> UnixTime + Send + Sync + 'static,
    ) -> SessionsBuilder<T> {
        self.shared.clock = Arc::new(clock);
        self
    }

    /// Builds the sessions. For each transport, every key of the ring gets two subkeys: one for
    /// state tokens and one for renewal tokens.
    #[must_use]
    #[cfg_attr(
        not(feature = "bound"),
        expect(unused_mut, reason = "only bound sessions change it")
    )]
    pub fn build(mut self) -> Sessions<T> {
        let (cookie, bearer) = (self.shared.cookie.is_some(), self.shared.bearer.is_some());
        let adopts = |from: Channel| self.migrations.iter().any(|m| m.channel() == from);
        let nothing_said = !cookie && !bearer && self.migrations.is_empty();
        if !cookie && (nothing_said || adopts(Channel::Cookie)) {
            return self.cookie(Cookie::default()).build();
        }
        #[cfg(feature = "bound")]
        let needs_bearer = adopts(Channel::Bearer) || self.dpop.is_some();
        #[cfg(not(feature = "bound"))]
        let needs_bearer = adopts(Channel::Bearer);
        if !bearer && needs_bearer {
            return self.bearer(Bearer::default()).build();
        }
        if let Some(revocations) = &self.shared.revocations {
            let adopts_until = self.migrations.iter().map(Migration::until).max();
            let longest = self.shared.policies.longest_absolute();
            revocations.used_by(longest, adopts_until.unwrap_or(UnixTime::EPOCH));
        }
        #[cfg(feature = "bound")]
        if let (Some(settings), Some((cookie, _))) = (self.device_bound, &self.shared.cookie) {
            let ring = self.shared.ring.clone();
            self.shared.bound_in_cookie = Some(settings.bind(ring, T::PURPOSE, cookie));
        }
        #[cfg(feature = "bound")]
        if let Some(settings) = self.dpop {
            let ring = self.shared.ring.clone();
            self.shared.bound_in_headers = Some(settings.bind(ring, T::PURPOSE));
        }
        Sessions {
            shared: Arc::new(self.shared),
            migrations: self.migrations.into(),
            about: Arc::new(self.about),
        }
    }
}

/// Panics at startup instead of failing in each request.
fn page(path: String) -> String {
    let fits = !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(fits, "the path of a page must be visible ASCII and not empty");
    path
}

impl<T> fmt::Debug for SessionsBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder")
            .field("policies", &self.shared.policies)
            .finish_non_exhaustive()
    }
}
