//! Guards for whole routers of axum 0.8.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::extract::Condition;

/// A layer for axum 0.8 that guards all routes of a router, as if each handler took the extractor
/// `G`: [`Required`](crate::Required), [`Fresh`](crate::Fresh), [`Current`](crate::Current),
/// [`Proven`](crate::Proven) or [`SignedIn`](crate::SignedIn). It answers as `G` does in a handler.
///
/// Add it with `Router::route_layer`, before (inside of) the [`SessionLayer`](crate::SessionLayer).
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use bulla::session::User;
/// use bulla::{Fresh, GuardLayer, KeyRing, Payload, Policy, SessionLayer, SignedIn};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
/// struct Customer { is_clerk: bool }
///
/// impl User for Customer { type State = Account; }
///
/// # async fn page() {}
/// # let layer = SessionLayer::<Account>::new(KeyRing::generate()?, Policy::default());
/// let clerks = Router::new()
///     .route("/customers", get(page))
///     .route_layer(GuardLayer::<SignedIn<Customer>>::only_if(|customer| customer.is_clerk));
/// let sensitive = Router::new()
///     .route("/transfer", get(page))
///     .route_layer(GuardLayer::<Fresh<Account, 300>>::new());
/// let app: Router = Router::new().merge(clerks).merge(sensitive).layer(layer);
/// # Ok::<(), bulla::keys::RandomError>(())
/// ```
pub struct GuardLayer<G: Deref> {
    condition: Condition<G>,
}

impl<G: Deref> GuardLayer<G> {
    /// Creates a layer that lets a request pass if `G` does.
    #[must_use]
    pub fn new() -> GuardLayer<G> {
        GuardLayer { condition: Condition::none() }
    }

    /// Creates a layer that lets a request pass if `G` does and `allows` returns `true`. For
    /// example, `allows` can check a permission of the user. If `allows` returns `false`, the
    /// response is [`Denied::forbidden`](crate::session::Denied::forbidden), a 403.
    #[must_use]
    pub fn only_if(allows: impl Fn(&G::Target) -> bool + Send + Sync + 'static) -> GuardLayer<G> {
        GuardLayer { condition: Condition::new(allows) }
    }
}

impl<G: Deref> Default for GuardLayer<G> {
    fn default() -> GuardLayer<G> {
        GuardLayer::new()
    }
}

impl<G: Deref> Clone for GuardLayer<G> {
    fn clone(&self) -> GuardLayer<G> {
        GuardLayer { condition: self.condition.clone() }
    }
}

impl<G: Deref> fmt::Debug for GuardLayer<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardLayer").finish_non_exhaustive()
    }
}

impl<S, G: Deref> Layer<S> for GuardLayer<G> {
    type Service = GuardService<S, G>;

    fn layer(&self, inner: S) -> GuardService<S, G> {
        GuardService { inner, condition: self.condition.clone(), guard: PhantomData }
    }
}

/// The service that a [`GuardLayer`] makes.
pub struct GuardService<S, G: Deref> {
    inner: S,
    condition: Condition<G>,
    guard: PhantomData<fn() -> G>,
}

impl<S: Clone, G: Deref> Clone for GuardService<S, G> {
    fn clone(&self) -> GuardService<S, G> {
        let (inner, condition) = (self.inner.clone(), self.condition.clone());
        GuardService { inner, condition, guard: PhantomData }
    }
}

impl<S, G: Deref> fmt::Debug for GuardService<S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService").finish_non_exhaustive()
    }
}

impl<S, G, B> Service<Request<B>> for GuardService<S, G>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send,
    G: FromRequestParts<()> + Deref + 'static,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // `poll_ready` was called on this service, so this service must be called and not its
        // clone.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let condition = self.condition.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let refused = match G::from_request_parts(&mut parts, &()).await {
                Ok(guard) => condition.check(&guard).err().map(IntoResponse::into_response),
                Err(rejection) => Some(rejection.into_response()),
            };
            match refused {
                Some(response) => Ok(response),
                None => {
                    let response = inner.call(Request::from_parts(parts, body)).await?;
                    Ok(response.into_response())
                }
            }
        })
    }
}
