//! Guards for whole applications and scopes of actix-web 4.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::body::EitherBody;
use actix_web::dev::{self, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, FromRequest};

use super::extract::Condition;
use crate::adapters::GuardMiddleware;

/// Middleware for actix-web. Add it with `wrap` to a scope inside the scope of the
/// [`SessionMiddleware`](crate::SessionMiddleware). If both are on one scope, call `wrap` for this
/// middleware first. This middleware turns a refusal into a response at once, so the
/// `SessionMiddleware` can write the session to that response. A function in `from_fn` that takes
/// `G` would return an error instead.
///
/// ```
/// use actix_web::{App, web};
/// use bulla::session::User;
/// use bulla::{Fresh, GuardMiddleware, KeyRing, Payload, Policy, SessionMiddleware, SignedIn};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session")]
/// # struct Account { id: u64 }
/// struct Customer { is_clerk: bool }
///
/// impl User for Customer { type State = Account; }
///
/// # async fn page() -> &'static str { "" }
/// # let sessions = SessionMiddleware::<Account>::new(KeyRing::generate()?, Policy::default());
/// let clerks = web::scope("/clerks")
///     .wrap(GuardMiddleware::<SignedIn<Customer>>::only_if(|customer| customer.is_clerk))
///     .route("/customers", web::get().to(page));
/// let sensitive = web::scope("/sensitive")
///     .wrap(GuardMiddleware::<Fresh<Account, 300>>::new())
///     .route("/transfer", web::get().to(page));
/// let app = App::new().wrap(sessions).service(clerks).service(sensitive);
/// # Ok::<(), bulla::keys::RandomError>(())
/// ```
impl<S, G, B> Transform<S, ServiceRequest> for GuardMiddleware<G>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    G: FromRequest + Deref + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = ActixGuardService<S, G>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(ActixGuardService { inner: Rc::new(inner), condition: self.condition.clone() }))
    }
}

/// The service that a [`GuardMiddleware`] makes.
pub struct ActixGuardService<S, G: Deref> {
    inner: Rc<S>,
    condition: Condition<G>,
}

impl<S, G: Deref> fmt::Debug for ActixGuardService<S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixGuardService").finish_non_exhaustive()
    }
}

impl<S, G, B> Service<ServiceRequest> for ActixGuardService<S, G>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    G: FromRequest + Deref + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    dev::forward_ready!(inner);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let (inner, condition) = (Rc::clone(&self.inner), self.condition.clone());
        Box::pin(async move {
            let refused: Option<Error> = match request.extract::<G>().await {
                Ok(guard) => condition.check(&guard).err().map(Into::into),
                Err(rejection) => Some(rejection.into()),
            };
            match refused {
                Some(error) => Ok(request.error_response(error).map_into_right_body()),
                None => Ok(inner.call(request).await?.map_into_left_body()),
            }
        })
    }
}
