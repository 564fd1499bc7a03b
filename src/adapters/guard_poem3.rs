//! Guards for many routes of poem 3.

use std::fmt;
use std::ops::Deref;

use poem::{Endpoint, FromRequest, Middleware, Request, Result};

use super::extract::Condition;
use crate::adapters::{GuardMiddleware, Rejection};

/// Middleware for poem. As in a handler, a refusal is an error with a [`Rejection`]. The
/// [`SessionMiddleware`](crate::SessionMiddleware) outside this middleware turns the error into the
/// response. If you add the guard to a [`Route`](poem::Route), it also refuses requests for paths
/// that the route does not have.
///
/// ```
/// use bulla::session::User;
/// use bulla::{Fresh, GuardMiddleware, KeyRing, Payload, Policy, SessionMiddleware, SignedIn};
/// use poem::{EndpointExt, Route, get, handler};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
/// struct Customer { is_clerk: bool }
///
/// impl User for Customer { type State = Account; }
///
/// # #[handler] fn page() {}
/// # let sessions = SessionMiddleware::<Account>::new(KeyRing::generate()?, Policy::default());
/// let clerks = Route::new()
///     .at("/customers", get(page))
///     .with(GuardMiddleware::<SignedIn<Customer>>::only_if(|customer| customer.is_clerk));
/// let sensitive = Route::new()
///     .at("/transfer", get(page))
///     .with(GuardMiddleware::<Fresh<Account, 300>>::new());
/// let app =
///     Route::new().nest("/clerks", clerks).nest("/sensitive", sensitive).with(sessions);
/// # Ok::<(), bulla::keys::RandomError>(())
/// ```
impl<E, G> Middleware<E> for GuardMiddleware<G>
where
    E: Endpoint,
    G: for<'a> FromRequest<'a> + Deref + 'static,
{
    type Output = PoemGuardEndpoint<E, G>;

    fn transform(&self, inner: E) -> PoemGuardEndpoint<E, G> {
        PoemGuardEndpoint { inner, condition: self.condition.clone() }
    }
}

/// The endpoint that a [`GuardMiddleware`] makes.
pub struct PoemGuardEndpoint<E, G: Deref> {
    inner: E,
    condition: Condition<G>,
}

impl<E, G: Deref> fmt::Debug for PoemGuardEndpoint<E, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoemGuardEndpoint").finish_non_exhaustive()
    }
}

impl<E, G> Endpoint for PoemGuardEndpoint<E, G>
where
    E: Endpoint,
    G: for<'a> FromRequest<'a> + Deref + 'static,
{
    type Output = E::Output;

    async fn call(&self, request: Request) -> Result<E::Output> {
        let extracted = G::from_request_without_body(&request).await;
        extracted.and_then(|guard| Ok(self.condition.check(&guard).map_err(Rejection::from)?))?;
        self.inner.call(request).await
    }
}
