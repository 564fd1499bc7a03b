//! The middleware types that actix-web and poem share. The files of the two frameworks implement
//! what they do.

use std::fmt;
use std::ops::Deref;

use super::extract::Condition;
use super::layers;
use crate::{Payload, Policy, RingHandle, SealedCookie, Sessions};

/// Middleware for actix-web 4 and poem 3 that gives every request a [`Session`](crate::Session) and
/// writes the changes of the session to the response. It follows the rules of
/// [`SessionLayer`](crate::SessionLayer).
///
/// ```
/// use bulla::{KeyRing, Payload, Policy, SessionMiddleware};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account { id: u64 }
///
/// let sessions = SessionMiddleware::<Account>::new(KeyRing::generate()?, Policy::default());
/// // actix-web: App::new().wrap(sessions.clone())
/// // poem:      Route::new().at("/balance", get(balance)).with(sessions)
/// # Ok::<(), bulla::keys::RandomError>(())
/// ```
///
/// # actix-web
///
/// If other middleware can return `Err`, add it with `wrap` after this middleware, so that it runs
/// outside of this one. If an error passes through this middleware, there is no response yet to
/// which the session could be written. Errors of handlers and extractors are no problem, because
/// actix-web turns them into responses first.
///
/// # poem
///
/// If a handler or an extractor returns an error, and the session was used, this middleware makes
/// the response, because an error has no headers for the session. So add `catch_error` for such
/// errors before this middleware: `.catch_error(…).with(sessions)`. All other errors, such as that
/// of a path without a route, pass through.
pub struct SessionMiddleware<T> {
    pub(super) sessions: Sessions<T>,
}

impl<T: Payload> SessionMiddleware<T> {
    /// Creates middleware for sessions in the default [`Cookie`](crate::Cookie). For other
    /// transports and settings, use [`Sessions::builder`] and `SessionMiddleware::from`.
    #[must_use]
    pub fn new(ring: impl Into<RingHandle>, policy: Policy) -> SessionMiddleware<T> {
        SessionMiddleware::from(Sessions::new(ring, policy))
    }
}

impl<T> From<Sessions<T>> for SessionMiddleware<T> {
    fn from(sessions: Sessions<T>) -> SessionMiddleware<T> {
        layers::register(&sessions);
        SessionMiddleware { sessions }
    }
}

impl<T> Clone for SessionMiddleware<T> {
    fn clone(&self) -> SessionMiddleware<T> {
        SessionMiddleware { sessions: self.sessions.clone() }
    }
}

impl<T> fmt::Debug for SessionMiddleware<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionMiddleware").field("sessions", &self.sessions).finish()
    }
}

/// Middleware for actix-web 4 and poem 3 that gives every request the value of a [`SealedCookie`]
/// as a [`Sealed`](crate::Sealed), and writes its changes to the response. It follows the rules of
/// [`SealedLayer`](crate::SealedLayer), and treats errors as [`SessionMiddleware`] does.
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, SealedCookie, SealedMiddleware};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/flash")]
/// struct Flash { text: String }
///
/// let flash = SealedCookie::<Flash>::new(KeyRing::generate()?, "flash", Duration::from_secs(60))?;
/// let flash = SealedMiddleware::from(flash);
/// // actix-web: App::new().wrap(flash.clone())
/// // poem:      Route::new().at("/", get(home)).with(flash)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SealedMiddleware<T> {
    pub(super) cookie: SealedCookie<T>,
}

impl<T> From<SealedCookie<T>> for SealedMiddleware<T> {
    fn from(cookie: SealedCookie<T>) -> SealedMiddleware<T> {
        SealedMiddleware { cookie }
    }
}

impl<T> Clone for SealedMiddleware<T> {
    fn clone(&self) -> SealedMiddleware<T> {
        SealedMiddleware { cookie: self.cookie.clone() }
    }
}

impl<T: Payload> fmt::Debug for SealedMiddleware<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedMiddleware").field("cookie", &self.cookie).finish()
    }
}

/// Middleware for actix-web 4 and poem 3 that guards many routes, as if each handler took the
/// extractor `G`: [`Required`](crate::Required), [`Fresh`](crate::Fresh),
/// [`Current`](crate::Current), [`Proven`](crate::Proven) or [`SignedIn`](crate::SignedIn). It
/// answers as `G` does in a handler. Add it inside of the [`SessionMiddleware`].
///
/// ```
/// use bulla::session::User;
/// use bulla::{Fresh, GuardMiddleware, Payload, SignedIn};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
/// struct Customer { is_clerk: bool }
///
/// impl User for Customer { type State = Account; }
///
/// let clerks = GuardMiddleware::<SignedIn<Customer>>::only_if(|customer| customer.is_clerk);
/// let sensitive = GuardMiddleware::<Fresh<Account, 300>>::new();
/// // actix-web: web::scope("/clerks").wrap(clerks.clone())
/// // poem:      Route::new().at("/customers", get(page)).with(clerks)
/// ```
pub struct GuardMiddleware<G: Deref> {
    pub(super) condition: Condition<G>,
}

impl<G: Deref> GuardMiddleware<G> {
    /// Creates middleware that lets a request pass if `G` does.
    #[must_use]
    pub fn new() -> GuardMiddleware<G> {
        GuardMiddleware { condition: Condition::none() }
    }

    /// Creates middleware that lets a request pass if `G` does and `allows` returns `true`. For
    /// example, `allows` can check a permission of the user. If `allows` returns `false`, the
    /// response is [`Denied::forbidden`](crate::session::Denied::forbidden), a 403.
    #[must_use]
    pub fn only_if(
        allows: impl Fn(&G::Target) -> bool + Send + Sync + 'static,
    ) -> GuardMiddleware<G> {
        GuardMiddleware { condition: Condition::new(allows) }
    }
}

impl<G: Deref> Default for GuardMiddleware<G> {
    fn default() -> GuardMiddleware<G> {
        GuardMiddleware::new()
    }
}

impl<G: Deref> Clone for GuardMiddleware<G> {
    fn clone(&self) -> GuardMiddleware<G> {
        GuardMiddleware { condition: self.condition.clone() }
    }
}

impl<G: Deref> fmt::Debug for GuardMiddleware<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardMiddleware").finish_non_exhaustive()
    }
}
