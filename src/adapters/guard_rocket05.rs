//! Guards for lists of routes of Rocket 0.5.

use std::fmt;
use std::ops::Deref;

use rocket::outcome::Outcome as Guarded;
use rocket::request::FromRequest;
use rocket::route::{Handler, Outcome, Route};
use rocket::{Data, Request};

use super::extract::Condition;
use super::rocket05::deny;
use crate::adapters::Rejection;

/// A guard for Rocket 0.5 that guards a list of routes, as if each route took the request guard
/// `G`: [`Required`](crate::Required), [`Fresh`](crate::Fresh), [`Current`](crate::Current),
/// [`Proven`](crate::Proven) or [`SignedIn`](crate::SignedIn). It answers, or forwards to the next
/// route, as `G` does in a route.
///
/// ```
/// use bulla::session::User;
/// use bulla::{Fresh, KeyRing, Payload, Policy, RouteGuard, SessionFairing, SignedIn};
/// use rocket::{get, routes};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
/// struct Customer { is_clerk: bool }
///
/// impl User for Customer { type State = Account; }
///
/// # #[get("/customers")] fn customers() {}
/// # #[get("/transfer")] fn transfer() {}
/// # let sessions = SessionFairing::<Account>::new(KeyRing::generate()?, Policy::default());
/// let clerks = RouteGuard::<SignedIn<Customer>>::only_if(|customer| customer.is_clerk);
/// let sensitive = RouteGuard::<Fresh<Account, 300>>::new();
/// let rocket = rocket::build()
///     .attach(sessions)
///     .mount("/", clerks.around(routes![customers]))
///     .mount("/", sensitive.around(routes![transfer]));
/// # Ok::<(), bulla::keys::RandomError>(())
/// ```
pub struct RouteGuard<G: Deref> {
    condition: Condition<G>,
}

impl<G: Deref> RouteGuard<G> {
    /// Creates a guard that lets a request pass if `G` does.
    #[must_use]
    pub fn new() -> RouteGuard<G> {
        RouteGuard { condition: Condition::none() }
    }

    /// Creates a guard that lets a request pass if `G` does and `allows` returns `true`. For
    /// example, `allows` can check a permission of the user. If `allows` returns `false`, the
    /// response is [`Denied::forbidden`](crate::session::Denied::forbidden), a 403, and is not
    /// forwarded.
    #[must_use]
    pub fn only_if(allows: impl Fn(&G::Target) -> bool + Send + Sync + 'static) -> RouteGuard<G> {
        RouteGuard { condition: Condition::new(allows) }
    }

    /// Returns the routes with this guard around them, for `Rocket::mount`.
    pub fn around(&self, routes: impl Into<Vec<Route>>) -> Vec<Route>
    where
        G: for<'r> FromRequest<'r, Error = Rejection> + 'static,
    {
        let mut routes = routes.into();
        for route in &mut routes {
            let (inner, condition) = (route.handler.clone(), self.condition.clone());
            route.handler = Box::new(GuardedHandler { inner, condition });
        }
        routes
    }
}

impl<G: Deref> Default for RouteGuard<G> {
    fn default() -> RouteGuard<G> {
        RouteGuard::new()
    }
}

impl<G: Deref> Clone for RouteGuard<G> {
    fn clone(&self) -> RouteGuard<G> {
        RouteGuard { condition: self.condition.clone() }
    }
}

impl<G: Deref> fmt::Debug for RouteGuard<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteGuard").finish_non_exhaustive()
    }
}

struct GuardedHandler<G: Deref> {
    inner: Box<dyn Handler>,
    condition: Condition<G>,
}

impl<G: Deref> Clone for GuardedHandler<G> {
    fn clone(&self) -> GuardedHandler<G> {
        GuardedHandler { inner: self.inner.clone(), condition: self.condition.clone() }
    }
}

#[rocket::async_trait]
impl<G> Handler for GuardedHandler<G>
where
    G: for<'r> FromRequest<'r, Error = Rejection> + Deref + 'static,
{
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let guarded = match request.guard::<G>().await {
            Guarded::Success(guard) => match self.condition.check(&guard) {
                Ok(()) => Guarded::Success(()),
                Err(denied) => deny(request, denied),
            },
            Guarded::Error(error) => Guarded::Error(error),
            Guarded::Forward(status) => Guarded::Forward(status),
        };
        match guarded {
            Guarded::Success(()) => self.inner.handle(request, data).await,
            Guarded::Error((status, _)) => Outcome::Error(status),
            Guarded::Forward(status) => Outcome::Forward((data, status)),
        }
    }
}
