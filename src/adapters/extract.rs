//! The guards that handlers of all frameworks take as arguments, and their errors.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::adapters::MissingLayer;
use crate::session::{Denied, User};
use crate::{Session, SessionError};

/// An extractor (in Rocket, a request guard) for a route that requires a session. It dereferences
/// to the state, a `T`.
///
/// A request without a session is refused with [`Denied`], which is a 401 or a 303 to
/// [`SessionsBuilder::sign_in_page`](crate::session::SessionsBuilder::sign_in_page). In Rocket, the
/// request is first forwarded to the next route, which can be the page for guests.
///
/// `Option<Required<T>>` is `None` for a request without a session. In axum, a 503 and a missing
/// layer are still errors. actix-web, poem and Rocket define `Option` themselves, and make every
/// error `None`; a missing layer is then logged as an error. To tell a 503 from a guest there, take
/// `Result<Required<T>, Rejection>`, and in poem `poem::Result<Required<T>>`.
///
/// ```
/// use bulla::{Payload, Required};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
///
/// async fn balance(account: Required<Account>) -> String {
///     format!("account {}", account.id)
/// }
/// ```
pub struct Required<T>(pub(crate) Arc<T>);

/// An extractor for a route that requires a fresh session: the user signed in or reauthenticated
/// within the last `SECONDS` seconds. It dereferences to the state, a `T`.
///
/// If the session is not fresh, the request is refused with [`Denied`], which is a 401 or a 303 to
/// [`SessionsBuilder::step_up_page`](crate::session::SessionsBuilder::step_up_page). Without a
/// session, the request is refused in the same way as by [`Required`]. `Option<Fresh<T, SECONDS>>`
/// is `None` in both cases, and otherwise behaves like `Option<Required<T>>`.
///
/// ```
/// use bulla::{Fresh, Payload};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
///
/// async fn transfer(account: Fresh<Account, 300>) -> String {
///     format!("account {} signed in within five minutes", account.id)
/// }
/// ```
pub struct Fresh<T, const SECONDS: u64>(pub(crate) Arc<T>);

/// An extractor for a route that requires a current revocation list: the list was complete within
/// the last `SECONDS` seconds. It dereferences to the state, a `T`.
///
/// A session may have been revoked on another server while this server could not reach the others.
/// Use this extractor for actions that must not be possible with such a session.
///
/// If the list is older, the request is refused with a 503 and `Retry-After`. A list that is not
/// shared between servers is always current. Without a session, the request is refused in the
/// same way as by [`Required`].
///
/// `Option<Current<T, SECONDS>>` behaves like `Option<Required<T>>`. In axum, the response is still
/// a 503 if the list is too old, because the client may be signed in.
///
/// ```
/// use bulla::{Current, Fresh, Payload};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
///
/// async fn transfer(account: Fresh<Account, 300>, _: Current<Account, 10>) -> String {
///     format!("account {}, not revoked as of ten seconds ago", account.id)
/// }
/// ```
pub struct Current<T, const SECONDS: u64>(pub(crate) Arc<T>);

/// An extractor for a route that requires a proof of the client's key with each request (DPoP, RFC
/// 9449). It dereferences to the state, a `T`.
///
/// A copy of such a request is worthless, even while the session's last proof still counts. The
/// session must be [bound to a key](crate::session::SessionsBuilder). If the request has no proof,
/// the response is a 401 with a challenge for one. If the client has not bound its session, the
/// response is a 401, and the client can sign in again with a proof. Browsers send no proof with a
/// request, so a session in a cookie is refused with a 403. Without a session, the request is
/// refused in the same way as by [`Required`].
///
/// `Option<Proven<T>>` behaves like `Option<Required<T>>`.
///
/// ```
/// use bulla::{Payload, Proven};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
///
/// async fn transfer(account: Proven<Account>) -> String {
///     format!("account {}, and nobody has copied this request", account.id)
/// }
/// ```
pub struct Proven<T>(pub(crate) Arc<T>);

/// An extractor for a route that requires a signed-in user. It loads the user from the
/// application's database, at most once in a request, and dereferences to the user.
///
/// [`SessionsBuilder::user`](crate::session::SessionsBuilder::user) says how the user is loaded.
/// Without a session, or without its user, the request is refused in the same way as by
/// [`Required`]. If the user cannot be loaded now, the response is a 503. `Option<SignedIn<U>>` is
/// `None` for a guest.
///
/// ```
/// use bulla::session::User;
/// use bulla::{Payload, SignedIn};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
///
/// struct Customer { name: String }
///
/// impl User for Customer { type State = Account; }
///
/// async fn balance(customer: SignedIn<Customer>) -> String {
///     format!("{} is rich", customer.name)
/// }
/// ```
pub struct SignedIn<U>(pub(crate) Arc<U>);

impl<U> Deref for SignedIn<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.0
    }
}

impl<U> fmt::Debug for SignedIn<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").finish_non_exhaustive()
    }
}

/// The user of a session, for [`SignedIn`].
pub(crate) async fn signed_in<U: User>(
    session: &Session<U::State>,
) -> Result<SignedIn<U>, Rejection> {
    let error = match session.user::<U>().await {
        Ok(Some(user)) => return Ok(SignedIn(user)),
        Ok(None) => SessionError::NoSession,
        Err(error) => error,
    };
    let is_missing = matches!(error, SessionError::NoSession | SessionError::NotNow);
    match session.require() {
        Err(denied) if is_missing => Err(denied.into()),
        _ => Err(Rejection::Session(error)),
    }
}

impl<T> Deref for Required<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for Proven<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T, const SECONDS: u64> Deref for Fresh<T, SECONDS> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T, const SECONDS: u64> Deref for Current<T, SECONDS> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Does not show the state.
impl<T> fmt::Debug for Required<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Required").finish_non_exhaustive()
    }
}

/// Does not show the state.
impl<T> fmt::Debug for Proven<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proven").finish_non_exhaustive()
    }
}

/// Does not show the state.
impl<T, const SECONDS: u64> fmt::Debug for Fresh<T, SECONDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("seconds", &SECONDS).finish_non_exhaustive()
    }
}

/// Does not show the state.
impl<T, const SECONDS: u64> fmt::Debug for Current<T, SECONDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").field("seconds", &SECONDS).finish_non_exhaustive()
    }
}

/// What the guard of a whole router requires of the value that its extractor `G` has extracted.
pub(crate) struct Condition<G: Deref>(Option<Arc<Allows<G>>>);

type Allows<G> = dyn Fn(&<G as Deref>::Target) -> bool + Send + Sync;

impl<G: Deref> Condition<G> {
    pub(crate) fn none() -> Condition<G> {
        Condition(None)
    }

    pub(crate) fn new(allows: impl Fn(&G::Target) -> bool + Send + Sync + 'static) -> Condition<G> {
        Condition(Some(Arc::new(allows)))
    }

    pub(crate) fn check(&self, guard: &G) -> Result<(), Denied> {
        match &self.0 {
            Some(allows) if !allows(guard) => Err(Denied::forbidden()),
            _ => Ok(()),
        }
    }
}

impl<G: Deref> Clone for Condition<G> {
    fn clone(&self) -> Condition<G> {
        Condition(self.0.clone())
    }
}

/// Why [`Required`], [`Fresh`], [`Current`], [`Proven`] or [`SignedIn`] refused a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The route has no usable session layer.
    MissingLayer(MissingLayer),
    /// There is no session, it is not fresh, a proof is missing, or this server cannot decide at the moment.
    Denied(Denied),
    /// The user could not be loaded, because the sessions were built without a function for that.
    Session(SessionError),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::MissingLayer(missing) => missing.fmt(f),
            Rejection::Denied(denied) => denied.fmt(f),
            Rejection::Session(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Rejection {}

impl From<MissingLayer> for Rejection {
    fn from(missing: MissingLayer) -> Rejection {
        Rejection::MissingLayer(missing)
    }
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Rejection {
        Rejection::Denied(denied)
    }
}

/// The body of the 500 that a client gets if a session could not be changed. In Rocket, the
/// application's catcher writes the body instead.
#[cfg(any(feature = "actix4", feature = "axum08", feature = "poem3"))]
pub(crate) const OPAQUE: &str = "Internal server error";
