//! The sessions of an application: loading the session of a request, and revoking sessions.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::revocation::entry::{Revocation, Subject};
use crate::revocation::list::Revocations;
use crate::session::about::About;
use crate::session::asker::Asker;
use crate::session::carried::{Carried, Place, Presented, Prompt};
use crate::session::come_back;
use crate::session::error::SessionError;
use crate::session::migration::{Migration, Old};
use crate::session::session::Session;
use crate::session::shared::{Channel, Shared};
use crate::time::UnixTime;
use crate::token::id::SessionId;
use crate::token::payload::Payload;
use crate::transport::bearer::{self, Scheme};
use crate::transport::cookie::{Cookie, Role};
use crate::transport::cross_origin::{self, Sender};

/// The sessions of an application with state of type `T`.
///
/// Build one value at startup. All requests share this value, and clones are cheap. A framework
/// adapter wraps it. Without an adapter:
///
/// ```
/// use bulla::{KeyRing, Payload, Policy, Sessions};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64 }
///
/// let sessions = Sessions::<Account>::new(KeyRing::generate()?, Policy::default());
///
/// // In this request the user signs in. `load` looks headers up by lower-case name.
/// let session = sessions.load("POST", |_| Vec::<&[u8]>::new());
/// session.start(Account { id: 7 })?;
/// let lines: Vec<_> = session.commit().into_iter().collect();
/// assert_eq!(lines[0].name, "set-cookie");
/// assert!(lines[0].value.starts_with("__Host-session=b1."));
///
/// // The next request carries the cookie.
/// let cookie = lines[0].value.split(';').next().unwrap().to_owned();
/// let session = sessions.load("GET", |name| (name == "cookie").then_some(cookie.as_bytes()));
/// assert_eq!(session.get().unwrap().id, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cross-origin requests
///
/// If a page on another origin sends a request, the request has no session in cookies
/// ([`Refusal::CrossOrigin`](crate::session::Refusal::CrossOrigin)), and it cannot start, change or
/// end one ([`SessionError::CrossOrigin`]). Guards answer with 403. The tokens in the browser stay.
/// This prevents cross-site request forgery. It also prevents an attacker's page from signing a
/// user in to an account of the attacker.
///
/// The rule applies to all methods except `GET`, `HEAD` and `OPTIONS`, which should change nothing.
/// It also applies to every `GET` with a header `Upgrade`, because a page can send anything over a
/// WebSocket. A request comes from another origin if it has a header `Sec-Fetch-Site` with a value
/// other than `same-origin` and `none`. Without that header, the request comes from another origin
/// if the host and the port in its header `Origin` differ from those in `Host`. A request with
/// neither header does not come from a browser.
/// [`trust_origin`](crate::session::SessionsBuilder::trust_origin) makes exceptions.
pub struct Sessions<T> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) migrations: Arc<[Migration<T>]>,
    pub(crate) about: Arc<About<T>>,
}

impl<T: Payload> Sessions<T> {
    /// Loads the session of a request at the time of the system clock.
    ///
    /// `method` is the method of the request, such as `GET`. `values` returns the request's values
    /// of the header with the given lower-case name. An HTTP/2 request has no header `host`: return
    /// its `:authority` for that name. Nothing is decrypted until the handler reads the session.
    ///
    /// If [`Bearer`](crate::Bearer) is on and the request has an `Authorization: Bearer` header,
    /// the session is read from headers ([`Channel::Bearer`]) and cookies are ignored. With
    /// [DPoP](crate::session::SessionsBuilder), this is also the case for a request with
    /// `Authorization: DPoP` or with a header `DPoP`. Otherwise it
    /// is read from cookies ([`Channel::Cookie`]), if a cookie is configured and no [page on
    /// another origin](Sessions#cross-origin-requests) sent the request.
    pub fn load<'h, I>(&self, method: &str, values: impl Fn(&str) -> I) -> Session<T>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        self.session(None, method, values)
    }

    /// Loads the session of a request at `now`. See [`load`](Sessions::load).
    pub fn load_at<'h, I>(
        &self,
        now: UnixTime,
        method: &str,
        values: impl Fn(&str) -> I,
    ) -> Session<T>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        self.session(Some(now), method, values)
    }

    /// Loads the session of a request for a layer (middleware, fairing) that may be inside another
    /// layer. `outer` is the session that the outer layer gave the request, if there is one.
    ///
    /// Returns `None` if both layers would write the same cookie (or header). Handlers then use
    /// `outer`, which has the settings of the outer layer, and the inner layer does not call
    /// [`commit`](Session::commit). If each layer committed its own session, the response would
    /// carry two values for one cookie, and one of the two changes would be lost.
    ///
    /// ```
    /// use bulla::{KeyRing, Payload, Policy, Sessions};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Payload)]
    /// #[payload(purpose = "bank.example/session")]
    /// struct Account { id: u64 }
    ///
    /// let sessions = Sessions::<Account>::new(KeyRing::generate()?, Policy::default());
    /// let headers = |_name: &str| None::<&[u8]>;
    /// let outer = sessions.load_unless_shared(None, "GET", headers).unwrap();
    /// assert!(sessions.load_unless_shared(Some(&outer), "GET", headers).is_none());
    /// # Ok::<(), bulla::keys::RandomError>(())
    /// ```
    #[must_use]
    pub fn load_unless_shared<'h, I>(
        &self,
        outer: Option<&Session<T>>,
        method: &str,
        values: impl Fn(&str) -> I,
    ) -> Option<Session<T>>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        let session = self.load(method, values);
        let Some(outer) = outer.filter(|outer| outer.shares_carrier_with(&session)) else {
            return Some(session);
        };
        if !Arc::ptr_eq(&outer.inner.shared, &self.shared) {
            self.shared.unused_settings.log(std::any::type_name::<T>());
        }
        None
    }

    pub(crate) fn session<'h, I>(
        &self,
        now: Option<UnixTime>,
        method: &str,
        values: impl Fn(&str) -> I,
    ) -> Session<T>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        if self.shared.cookie.as_ref().is_some_and(|(cookie, _)| cookie.is_secure()) {
            self.shared.plain_http.check(&values);
        }
        let asker = if self.shared.has_pages() { Asker::of(&values) } else { Asker::Script };
        let page = (asker == Asker::Htmx).then(|| values("hx-current-url").into_iter().next());
        let page = page.flatten().and_then(come_back::path_of);
        let target = page.map_or_else(OnceLock::new, |path| OnceLock::from(path.to_owned()));
        let (channel, sender, carried) = self.carried(method, &values);
        let old = match sender {
            // Without its proof, the old library's credentials say too little.
            Sender::Trusted if carried.has_scheme(Scheme::Dpop) => None,
            Sender::Trusted => Old::of_request(&self.migrations, channel, &carried.states, values),
            Sender::CrossOrigin => None,
        };
        let (shared, about) = (Arc::clone(&self.shared), Arc::clone(&self.about));
        Session::new(shared, (channel, asker, target), sender, carried, old, about, now)
    }

    /// Revokes all sessions of a subject that exist now, on every server that shares the list.
    ///
    /// Call it when the user changes the password or closes the account. `name` is the text that
    /// [`subject`](crate::session::SessionsBuilder::subject) returns for these sessions.
    ///
    /// # Errors
    /// [`SessionError::NoRevocations`] or [`SessionError::NoSubject`] if the sessions were built
    /// without [`revocations`](crate::session::SessionsBuilder::revocations) or
    /// [`subject`](crate::session::SessionsBuilder::subject). Nothing is revoked then.
    pub fn revoke_subject(&self, name: &str) -> Result<(), SessionError> {
        let (revocations, now) = self.revocations()?;
        self.about.subject.as_ref().ok_or(SessionError::NoSubject)?;
        revocations.revoke_subject(Subject::of(T::PURPOSE, name), now);
        Ok(())
    }

    /// Revokes one session, on every server that shares the list.
    ///
    /// `id` is the session's [`Info::origin`](crate::session::Info::origin), for example from a
    /// list of the user's devices.
    ///
    /// # Errors
    /// [`SessionError::NoRevocations`] if the sessions were built without
    /// [`revocations`](crate::session::SessionsBuilder::revocations).
    pub fn revoke_session(&self, id: SessionId) -> Result<(), SessionError> {
        let (revocations, now) = self.revocations()?;
        revocations.add_at(now, Revocation::Session { id, until: revocations.last(now) });
        Ok(())
    }

    /// Revokes every session that exists now, on every server that shares the list.
    ///
    /// # Errors
    /// [`SessionError::NoRevocations`] if the sessions were built without
    /// [`revocations`](crate::session::SessionsBuilder::revocations).
    pub fn revoke_all(&self) -> Result<(), SessionError> {
        let (revocations, now) = self.revocations()?;
        revocations.revoke_all(now);
        Ok(())
    }

    fn revocations(&self) -> Result<(&Revocations, UnixTime), SessionError> {
        let revocations = self.shared.revocations.as_ref().ok_or(SessionError::NoRevocations)?;
        Ok((revocations, (self.shared.clock)()))
    }

    fn carried<'h, I>(&self, method: &str, values: impl Fn(&str) -> I) -> (Channel, Sender, Carried)
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        let binds = self.shared.bound_in_headers.is_some();
        let presented = |scheme| {
            let proofs = || values("dpop").into_iter().take(2).map(<[u8]>::to_vec).collect();
            binds.then(|| Box::new(Presented::new(method, scheme, proofs())))
        };
        if let Some((bearer, _)) = &self.shared.bearer {
            let accepted = |scheme| scheme == Scheme::Bearer || binds;
            let tokens = values("authorization").into_iter().filter_map(bearer::credentials);
            let mut tokens = tokens.filter(|(scheme, _)| accepted(*scheme));
            if let Some((scheme, token)) = tokens.next() {
                // If a request has two bearer credentials, neither is trusted.
                let states = if tokens.next().is_none() { vec![token.to_vec()] } else { vec![] };
                let renewals = values(bearer.renewal_header()).into_iter().take(1);
                let renewals = renewals.filter(|value| !value.is_empty()).map(<[u8]>::to_vec);
                let renewals = renewals.collect();
                let dpop = presented(Some(scheme));
                let carried = Carried { states, renewals, dpop, ..Carried::default() };
                // A page on another origin cannot send this header, unless the application allows
                // it with CORS, and no browser adds it to a request.
                return (Channel::Bearer, Sender::Trusted, carried);
            }
        }
        // A client that proves a key and has no tokens yet signs in over headers.
        let proves = || binds && values("dpop").into_iter().next().is_some();
        let cookie = self.shared.cookie.as_ref().filter(|_| !proves());
        let Some((cookie, _)) = cookie else {
            let carried = Carried { dpop: presented(None), ..Carried::default() };
            return (Channel::Bearer, Sender::Trusted, carried);
        };
        let sender = cross_origin::sender(method, &values, &self.shared.trusted_origins);
        if sender == Sender::CrossOrigin {
            return (Channel::Cookie, sender, Carried::default());
        }
        let has_bound = |cookie: &Cookie| cookie.has_bound(values("cookie").into_iter());
        let prompt = match &self.shared.bound_in_cookie {
            Some(_) if values("secure-session-skipped").into_iter().next().is_some() => {
                Prompt::Later
            }
            Some(_) if has_bound(cookie) => Prompt::DeleteCookie,
            Some(_) if Asker::follows_link_elsewhere(method, &values) => Prompt::Reload,
            _ => Prompt::None,
        };
        // Renewal tokens are read even if there is no state token. A late response may have left a
        // renewal token in the client. The next sign-in must delete this token, because it would
        // prevent renewals of the new session.
        let find = |cookie: &Cookie| {
            cookie.find(values("cookie").into_iter(), [Role::State, Role::Renewal])
        };
        let [states, renewals] = find(cookie);
        if states.is_empty() {
            // A former cookie counts only if this cookie has no state token. Otherwise, the former
            // cookie would revive a session that has moved to this cookie and has ended since.
            for (index, (former, _)) in (0..=u8::MAX).zip(&self.shared.former) {
                let [states, renewals] = find(former);
                if !states.is_empty() {
                    let place = Place::Former(index);
                    let carried = Carried { states, renewals, place, prompt, dpop: None };
                    return (Channel::Cookie, sender, carried);
                }
            }
        }
        let carried = Carried { states, renewals, place: Place::Current, prompt, dpop: None };
        (Channel::Cookie, sender, carried)
    }
}

impl<T> Sessions<T> {
    /// The name of the cookie that carries the state token. `None` if sessions travel only in
    /// headers.
    #[must_use]
    pub fn cookie_name(&self) -> Option<&str> {
        self.shared.cookie.as_ref().map(|(cookie, _)| cookie.name())
    }

    pub(crate) fn settings(&self) -> (&Shared, &About<T>) {
        (&self.shared, &self.about)
    }
}

impl<T> Clone for Sessions<T> {
    fn clone(&self) -> Sessions<T> {
        Sessions {
            shared: Arc::clone(&self.shared),
            migrations: Arc::clone(&self.migrations),
            about: Arc::clone(&self.about),
        }
    }
}

impl<T> fmt::Debug for Sessions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("policies", &self.shared.policies).finish_non_exhaustive()
    }
}
