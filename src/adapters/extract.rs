//! The guards that handlers of all frameworks take as arguments, and their errors.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::adapters::MissingLayer;
use crate::session::Denied;

/// An extractor (in Rocket, a request guard) for a route that requires a session. It dereferences
/// to the state, a `T`.
///
/// A request without a session is refused with [`Denied`], which is a 401 or a 303 to
/// [`SessionsBuilder::sign_in_page`](crate::session::SessionsBuilder::sign_in_page). In Rocket, the
/// request is first forwarded to the next route, which can be the page for guests.
///
/// `Option<Required<T>>` is `None` for a request without a session. In axum, a 503 and a missing
/// layer are still errors. actix-web and Rocket define `Option` themselves, and make every error
/// `None`; a missing layer is then logged as an error. To tell a 503 from a guest there, take
/// `Result<Required<T>, Rejection>`.
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
/// session, the request is refused as by [`Required`]. `Option<Fresh<T, SECONDS>>` is `None` in both
/// cases, and otherwise like `Option<Required<T>>`.
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
/// shared between servers is always current. Without a session, the request is refused as by
/// [`Required`].
///
/// `Option<Current<T, SECONDS>>` is like `Option<Required<T>>`: in axum, a list that is too old is
/// still a 503, because the client may be signed in.
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

impl<T> Deref for Required<T> {
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

/// Why [`Required`], [`Fresh`] or [`Current`] refused a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The route has no usable session layer.
    MissingLayer(MissingLayer),
    /// There is no session, it is not fresh, or this server cannot decide at the moment.
    Denied(Denied),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::MissingLayer(missing) => missing.fmt(f),
            Rejection::Denied(denied) => denied.fmt(f),
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
/// application's catcher writes that body.
#[cfg(any(feature = "actix4", feature = "axum08"))]
pub(crate) const OPAQUE: &str = "Internal server error";
