//! What handlers of every framework take: the state of a session that must be
//! there, and why it was not.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::session::Denied;

/// The state of the session that the request must have: an extractor (in
/// Rocket a request guard), which gives a `T` by reference.
///
/// A request without a session is answered with 401, or with 303 to the
/// sign-in page when
/// [`SessionsBuilder::sign_in_page`](crate::session::SessionsBuilder::sign_in_page)
/// names one. In Rocket it is forwarded first, so that the next route can be
/// the page for guests.
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

/// The state of a session whose user has proved who they are within the last
/// `SECONDS`: an extractor for what asks for a fresh sign-in (step-up).
///
/// Otherwise the answer is 401, or 303 to the page that
/// [`SessionsBuilder::step_up_page`](crate::session::SessionsBuilder::step_up_page) names.
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

/// The state of a session, if the list of revocations was complete within the
/// last `SECONDS`: an extractor for what must not be done with a session that
/// was ended elsewhere while this server was cut off from the others.
///
/// Without a session it answers as [`Required`] does; when the list is older,
/// with 503 and `Retry-After`.
///
/// ```
/// use bulla::{Current, Fresh, Payload};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
///
/// async fn transfer(account: Fresh<Account, 300>, _: Current<Account, 10>) -> String {
///     format!("account {}, whose session nobody ended ten seconds ago", account.id)
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

/// The state is left out.
impl<T> fmt::Debug for Required<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Required").finish_non_exhaustive()
    }
}

/// The state is left out.
impl<T, const SECONDS: u64> fmt::Debug for Fresh<T, SECONDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("seconds", &SECONDS).finish_non_exhaustive()
    }
}

/// The state is left out.
impl<T, const SECONDS: u64> fmt::Debug for Current<T, SECONDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").field("seconds", &SECONDS).finish_non_exhaustive()
    }
}

/// The route has no layer (middleware, fairing) for sessions of this type of state.
#[derive(Clone, Copy, Debug)]
pub struct MissingLayer {
    state: &'static str,
}

impl MissingLayer {
    pub(crate) fn of<T>() -> MissingLayer {
        MissingLayer { state: std::any::type_name::<T>() }
    }
}

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no sessions of {0} on this route: add SessionLayer::<{0}> (axum), \
             SessionMiddleware::<{0}> (actix-web) or SessionFairing::<{0}> (Rocket)",
            self.state
        )
    }
}

impl std::error::Error for MissingLayer {}

/// Why [`Required`], [`Fresh`] or [`Current`] did not extract.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The route has no layer.
    MissingLayer(MissingLayer),
    /// There is no session, or none that is fresh enough, or this server cannot tell.
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

/// What a client is told when a session could not be changed. (Rocket has catchers for it.)
#[cfg(any(feature = "actix4", feature = "axum08"))]
pub(crate) const OPAQUE: &str = "Internal server error";
