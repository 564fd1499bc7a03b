//! Guards: checks of the session that must succeed before a handler runs, and the responses if they
//! fail.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::session::asker::Asker;
use crate::session::carried::{Prompt, Shown};
use crate::session::come_back::{local_path, with_next};
use crate::session::error::SessionError;
use crate::session::info::Status;
use crate::session::judge::Judged;
use crate::session::pending::{Change, Kind};
use crate::session::refusal::Refusal;
use crate::session::session::Session;
use crate::session::shared::Channel;
use crate::token::payload::Payload;
use crate::transport::bearer::Scheme;

impl<T: Payload> Session<T> {
    /// Returns the state, if there is a session.
    ///
    /// # Errors
    /// [`Denied`], the response for a request without a session.
    pub fn require(&self) -> Result<Arc<T>, Denied> {
        if let Some(state) = self.get() {
            return Ok(state);
        }
        Err(match self.status() {
            Status::Refused(Refusal::NotRevalidated | Refusal::ProofUnchecked) => Denied::not_now(),
            Status::Refused(Refusal::CrossOrigin) => Denied::cross_origin(),
            Status::Refused(Refusal::ProofDue) => self.asked_for_proof(),
            Status::Refused(Refusal::ProofRefused) => self.wrong_proof(),
            Status::Refused(Refusal::NotBound) if self.channel() == Channel::Bearer => {
                Denied::dpop("invalid_token", Proof::SignIn.body())
            }
            _ => self.sent_to(self.shared().sign_in_page.as_deref(), Proof::SignIn),
        })
    }

    /// Returns the state, if the revocation list was complete within `age`.
    ///
    /// A session may have been ended on another server while this server could not reach the
    /// others. Use this method for actions that must not be possible with such a session. See
    /// [`Revocations::confirmed_at`](crate::Revocations::confirmed_at). Without
    /// [`revocations`](crate::session::SessionsBuilder::revocations), or if the list is never
    /// confirmed, this method does the same as [`require`](Session::require).
    ///
    /// # Errors
    /// [`Denied`], the response if there is no session or the list is too old.
    pub fn require_current(&self, age: Duration) -> Result<Arc<T>, Denied> {
        let state = self.require()?;
        let list = self.shared().revocations.as_ref();
        if list.is_some_and(|list| !list.is_current(self.now(), age)) {
            return Err(Denied::not_now());
        }
        Ok(state)
    }

    /// Returns the state, if the user signed in or reauthenticated within `age`.
    ///
    /// # Errors
    /// [`Denied`], the response if there is no session or it is not fresh.
    pub fn require_fresh(&self, age: Duration) -> Result<Arc<T>, Denied> {
        let state = self.require()?;
        // A remembered session is not fresh for longer than an ordinary session lives.
        let longest = self.shared().policies.ordinary.absolute_timeout();
        let is_fresh = self.info().is_some_and(|info| {
            let since = self.now().since(info.reauthenticated_at);
            since <= age && (!info.remembered || since < longest)
        });
        if !is_fresh {
            let page = self.shared().step_up_page.as_deref();
            return Err(self.sent_to(page, Proof::StepUp(age)));
        }
        Ok(state)
    }

    /// Returns the state, if the request has a proof of its own, which is valid and was not used
    /// before (DPoP, RFC 9449).
    ///
    /// A copy of this request is worthless, even while the session's last proof still counts. Use
    /// this method for the few requests that must not be repeated, such as a payment. Browsers send
    /// no proof with a request, so a session in a cookie is always refused.
    ///
    /// # Errors
    /// [`Denied`], the response if there is no session, or no such proof.
    pub fn require_proven(&self) -> Result<Arc<T>, Denied> {
        let state = self.require()?;
        if self.channel() == Channel::Cookie {
            return Err(Denied::forbidden());
        }
        if let Change::Written(written) = self.changed()
            && written.kind == Kind::Started
            && written.record.bound.is_some()
        {
            return Ok(state); // the proof of the sign-in
        }
        match self.inner.judged.get() {
            Some(Judged::Alive(alive)) if alive.record.bound.is_some() => match self.shown(alive) {
                Shown::KeyAt(_) => Ok(state),
                Shown::Nothing | Shown::Wrong(_) => Err(self.asked_for_proof()),
            },
            // The client must sign in again, with a proof.
            _ => Err(Denied::dpop("invalid_token", Proof::SignIn.body())),
        }
    }

    /// The response if a handler returns [`SessionError::NoSession`]. It is the response of
    /// [`require`](Session::require). `None` if there is a session, or if the request has not read
    /// it. Adapters call this method themselves, because the error does not know whether a browser
    /// or a script sent the request.
    #[must_use]
    pub fn denied(&self) -> Option<Denied> {
        self.inner.judged.get()?;
        self.require().err()
    }

    /// Records `target`, the path and query of the request. If a guard redirects the request to a
    /// page, it adds this path to the address, and the page can send the user back. Adapters call
    /// this method themselves.
    ///
    /// Only a GET or HEAD request can be repeated, so the path is recorded only for these methods.
    /// It is also not recorded if no [page](crate::session::SessionsBuilder::sign_in_page) is
    /// configured, or if the request is not a navigation. For a request from htmx, the user comes
    /// back to the page that the request names in `HX-Current-URL`. If sessions can be bound to a
    /// key, `target` is also recorded: a browser repeats its request there after a proof, and the
    /// proof of another client must be for this path.
    ///
    /// ```
    /// # use bulla::{KeyRing, Payload, Policy, Sessions};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, Payload)]
    /// # #[payload(purpose = "bank.example/session")]
    /// # struct Account { id: u64 }
    /// let sessions = Sessions::<Account>::builder(KeyRing::generate()?, Policy::default())
    ///     .sign_in_page("/sign-in")
    ///     .build();
    /// let headers = |name: &str| (name == "sec-fetch-mode").then_some(&b"navigate"[..]);
    /// let session = sessions.load("GET", headers);
    /// session.set_target("GET", "/transfer?to=alan");
    /// let denied = session.require().err().unwrap();
    /// assert_eq!(denied.status(), 303);
    /// let location = "/sign-in?next=/transfer%3Fto%3Dalan";
    /// assert_eq!(denied.header(), Some(("location", location)));
    /// # Ok::<(), bulla::keys::RandomError>(())
    /// ```
    pub fn set_target(&self, method: &str, target: impl fmt::Display) {
        if let Some(presented) = &self.inner.carried.dpop
            && !presented.proofs.is_empty()
        {
            let target = target.to_string();
            let path = target.split(['?', '#']).next().filter(|path| path.starts_with('/'));
            if let Some(path) = path {
                let _ = presented.target.set(path.to_owned());
            }
        }
        let can_be_bound = self.shared().bound_in_cookie.is_some();
        let navigates = self.inner.asker == Asker::Navigation;
        let comes_back = navigates && self.shared().has_pages() && matches!(method, "GET" | "HEAD");
        if !can_be_bound && !comes_back {
            return;
        }
        let target = target.to_string();
        // Only the first call counts, because an inner router may see only a part of the path.
        if comes_back && local_path(&target).is_some() {
            let _ = self.inner.target.set(target.clone());
        }
        if can_be_bound {
            let _ = self.inner.here.set(target);
        }
    }

    /// The response to a request whose last proof is too old. A browser that may have the key of
    /// the session sends a proof and then repeats the request (see [`Prompt`]). Other clients go to
    /// the sign-in page.
    ///
    /// A browser without the key does not get this response again, because it sends its next
    /// request without the bound cookie, and from this site.
    fn asked_for_proof(&self) -> Denied {
        if self.channel() == Channel::Bearer {
            self.ask_for_challenge();
            return Denied::dpop("use_dpop_nonce", SEND_AGAIN);
        }
        let here = self.inner.here.get().filter(|here| local_path(here).is_some());
        match (self.prompt(), here) {
            (Prompt::DeleteCookie, Some(here)) => {
                let header = Some(("location", here.clone()));
                Denied { status: 307, header, body: SEND_AGAIN }
            }
            (Prompt::Reload, Some(here)) => {
                let header = Some(("refresh", format!("0;url={here}")));
                Denied { status: 401, header, body: "One moment." }
            }
            (Prompt::Later, _) => Denied::not_now(),
            _ => self.sent_to(self.shared().sign_in_page.as_deref(), Proof::SignIn),
        }
    }

    /// The response to a request with a wrong proof, or with the wrong scheme.
    fn wrong_proof(&self) -> Denied {
        if self.inner.carried.has_scheme(Scheme::Dpop) {
            return Denied::wrong_proof();
        }
        Denied::dpop("invalid_token", WRONG)
    }

    fn sent_to(&self, page: Option<&str>, proof: Proof) -> Denied {
        let location = |page: &str| match self.inner.target.get() {
            Some(target) => with_next(page, target),
            None => page.to_owned(),
        };
        let (status, header) = match (self.channel(), page, self.inner.asker) {
            (Channel::Bearer, ..) => {
                let schemes = match &self.inner.carried.dpop {
                    Some(presented) => presented.scheme,
                    None => Some(Scheme::Bearer),
                };
                (401, Some(("www-authenticate", proof.challenge(schemes))))
            }
            (Channel::Cookie, Some(page), Asker::Navigation) => {
                (303, Some(("location", location(page))))
            }
            (Channel::Cookie, Some(page), Asker::Htmx) => {
                (401, Some(("hx-redirect", location(page))))
            }
            (Channel::Cookie, ..) => (401, None),
        };
        Denied { status, header, body: proof.body() }
    }
}

const SEND_AGAIN: &str = "Send the request again, with a proof.";

const WRONG: &str = "The proof is wrong.";

/// The only algorithm of proofs.
const ALGORITHMS: &str = "algs=\"ES256\"";

/// What a request lacks.
#[derive(Clone, Copy)]
enum Proof {
    SignIn,
    /// A sign-in or reauthentication within this time.
    StepUp(Duration),
}

impl Proof {
    /// The challenge for the scheme of the request, or for both schemes if the request has none
    /// (RFC 6750, RFC 9449, RFC 9470).
    fn challenge(self, scheme: Option<Scheme>) -> String {
        let name = match scheme {
            Some(Scheme::Dpop) => "DPoP",
            Some(Scheme::Bearer) | None => "Bearer",
        };
        match (self, scheme) {
            (Proof::SignIn, Some(Scheme::Dpop)) => format!("DPoP {ALGORITHMS}"),
            (Proof::SignIn, Some(Scheme::Bearer)) => name.to_owned(),
            (Proof::SignIn, None) => format!("{name}, DPoP {ALGORITHMS}"),
            (Proof::StepUp(age), _) => {
                let max_age = age.as_secs();
                format!("{name} error=\"insufficient_user_authentication\", max_age={max_age}")
            }
        }
    }

    fn body(self) -> &'static str {
        match self {
            Proof::SignIn => "Sign in first.",
            Proof::StepUp(_) => "Sign in again to do this.",
        }
    }
}

/// The response if [`Session::require`], [`require_fresh`](Session::require_fresh) or
/// [`require_current`](Session::require_current) fails. It is the same for all tokens that are
/// refused, so that a client cannot tell a forged token from an expired one.
///
/// | request | response |
/// |---|---|
/// | a navigation of a browser, and there is a page | 303, `Location` with the page |
/// | from htmx, and there is a page | 401, `HX-Redirect` with the page |
/// | from another script with cookies, or there is no page | 401 |
/// | with a bearer token, or cookies are off | 401, `WWW-Authenticate: Bearer` (or `DPoP`) |
///
/// The page is the [sign-in page](crate::session::SessionsBuilder::sign_in_page), or the [step-up
/// page](crate::session::SessionsBuilder::step_up_page) if the session is not fresh. In the latter
/// case, the bearer challenge is `Bearer error="insufficient_user_authentication", max_age=…` (RFC
/// 9470).
///
/// A request is a navigation if the browser says so with `Sec-Fetch-Mode: navigate`. Without that
/// header, it is one if it accepts `text/html` and has neither `X-Requested-With` nor `HX-Request`.
/// `fetch` and `XMLHttpRequest` follow a redirect on their own, so a script would take the sign-in
/// page for its data. htmx opens the page of `HX-Redirect` as a navigation, with
/// any status. Because the response depends on these headers, adapters add
/// `Cache-Control: no-store`.
///
/// If the session is [bound to a device](crate::session::SessionsBuilder) and its last proof is too
/// old, a browser that can send a proof does so, and then repeats the request by itself: the status
/// is 307 with `Location` to the same address, or 401 with `Refresh` if a link on another site led
/// to the page. Other clients get the responses of the table.
///
/// If a page on another origin sent the request, the status is 403 (see [cross-origin
/// requests](crate::Sessions#cross-origin-requests)). It is also 403 if the user lacks a permission
/// ([`Denied::forbidden`]).
///
/// If this server cannot decide now, the status is 503 with `Retry-After`, and the client keeps its
/// session. This is the case if the revocation list is too old, or if the application's check is
/// due but has not run or returned [`Validity::Unknown`](crate::session::Validity::Unknown). It is
/// also the case if a proof is due and the browser says that it could not send one.
///
/// The text of the error is the body of the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    status: u16,
    header: Option<(&'static str, String)>,
    body: &'static str,
}

impl Denied {
    /// The client may have a valid session, but a page on another origin must not use it.
    fn cross_origin() -> Denied {
        Denied { status: 403, header: None, body: "A page from another site sent this request." }
    }

    /// The response for a user who is signed in and lacks a permission: 403, for all clients and
    /// without a redirect, because another sign-in would not help.
    ///
    /// For whole routers, see `GuardLayer`, `GuardMiddleware` and `RouteGuard` in
    /// [`adapters`](crate::adapters). A handler of any framework can return it itself:
    ///
    /// ```
    /// use bulla::session::Denied;
    ///
    /// struct Customer { may_transfer: bool }
    ///
    /// fn transfer(customer: &Customer) -> Result<String, Denied> {
    ///     if !customer.may_transfer {
    ///         return Err(Denied::forbidden());
    ///     }
    ///     Ok("sent".to_owned())
    /// }
    ///
    /// assert_eq!(transfer(&Customer { may_transfer: false }).unwrap_err().status(), 403);
    /// ```
    #[must_use]
    pub fn forbidden() -> Denied {
        Denied { status: 403, header: None, body: "You may not do this." }
    }

    /// The response to a client that uses DPoP (RFC 9449 section 7.1).
    fn dpop(error: &str, body: &'static str) -> Denied {
        let header = Some(("www-authenticate", format!("DPoP error=\"{error}\", {ALGORITHMS}")));
        Denied { status: 401, header, body }
    }

    fn wrong_proof() -> Denied {
        Denied::dpop("invalid_dpop_proof", WRONG)
    }

    /// The client may have a valid session, but this server cannot decide.
    fn not_now() -> Denied {
        let header = Some(("retry-after", "5".to_owned()));
        Denied { status: 503, header, body: "Try again in a moment." }
    }

    /// The status of the response: 303, 307, 401, 403 or 503.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header of the response: its lower-case name and its value.
    #[must_use]
    pub fn header(&self) -> Option<(&'static str, &str)> {
        self.header.as_ref().map(|(name, value)| (*name, value.as_str()))
    }
}

impl SessionError {
    /// The response for the client: 401 for `NoSession`, `ProofRefused` and `ProofDue`, 403 for `CrossOrigin`, 503 for `NotNow`.
    /// `None` for all other errors; an adapter answers these with 500 and no details. Adapters call
    /// this method for you, and then replace the 401 with the response of [`Session::denied`].
    #[must_use]
    pub fn denied(&self) -> Option<Denied> {
        match self {
            // The channel is not known here, so the response carries the bearer challenge. A
            // browser ignores that challenge.
            SessionError::NoSession => {
                let header =
                    Some(("www-authenticate", Proof::SignIn.challenge(Some(Scheme::Bearer))));
                Some(Denied { status: 401, header, body: Proof::SignIn.body() })
            }
            SessionError::CrossOrigin => Some(Denied::cross_origin()),
            SessionError::ProofRefused => Some(Denied::wrong_proof()),
            SessionError::ProofDue => Some(Denied::dpop("use_dpop_nonce", SEND_AGAIN)),
            SessionError::NotNow => Some(Denied::not_now()),
            _ => None,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.body)
    }
}

impl std::error::Error for Denied {}
