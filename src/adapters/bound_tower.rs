//! How does the tower layer answer the requests that a browser sends by itself for a session that
//! is bound to its device?

#[cfg(feature = "bound")]
pub(super) use self::answers::{Own, made, own};
#[cfg(not(feature = "bound"))]
pub(super) use self::nothing::{Own, made, own};

#[cfg(feature = "bound")]
mod answers {
    use std::any::Any;
    #[cfg(feature = "axum08")]
    use std::any::TypeId;

    use http::{Request, Response, StatusCode};

    use super::super::exchange;
    use super::super::http::{uri, values};
    pub(in crate::adapters) use crate::session::DeviceBoundResponse as Own;
    use crate::{Payload, Sessions};

    /// The response of the layer, if the request is for the layer.
    pub(in crate::adapters) fn own<T: Payload, Q, B: 'static>(
        sessions: &Sessions<T>,
        request: &Request<Q>,
    ) -> Option<Own> {
        let (method, path) = (request.method().as_str(), uri(request).path());
        let own = sessions.device_bound_response(method, path, |name| values(request, name))?;
        if body::<B>(String::new()).is_none() {
            tracing::error!(
                "the layer cannot make a response of type {}: answer POST {path} with \
                 Sessions::device_bound_response",
                std::any::type_name::<B>()
            );
            return None;
        }
        Some(own)
    }

    pub(in crate::adapters) fn made<B: 'static>(own: Own) -> Option<Response<B>> {
        let mut response = Response::new(body(own.body)?);
        *response.status_mut() = StatusCode::from_u16(own.status).ok()?;
        exchange::finish(&mut response, own.headers);
        Some(response)
    }

    /// The text as a body of type `B`. `None` unless `B` is the body of axum or a string. The layer
    /// accepts services with any type of body, so the type is known only at run time.
    fn body<B: 'static>(text: String) -> Option<B> {
        let typed = |body: Box<dyn Any>| body.downcast().ok().map(|body| *body);
        #[cfg(feature = "axum08")]
        if TypeId::of::<B>() == TypeId::of::<axum_core::body::Body>() {
            return typed(Box::new(axum_core::body::Body::from(text)));
        }
        typed(Box::new(text))
    }
}

/// Without the feature `bound`, the layer leaves every request to the service.
#[cfg(not(feature = "bound"))]
mod nothing {
    use http::{Request, Response};

    use crate::Sessions;

    pub(in crate::adapters) enum Own {}

    #[expect(clippy::extra_unused_type_parameters, reason = "the other one has them too")]
    pub(in crate::adapters) fn own<T, Q, B>(_: &Sessions<T>, _: &Request<Q>) -> Option<Own> {
        None
    }

    pub(in crate::adapters) fn made<B>(own: Own) -> Option<Response<B>> {
        match own {}
    }
}
