//! How does an adapter give a request of `http` 1 its session or sealed cookie, and write them to
//! the response? The adapters for tower and poem share these steps.

use http::header::HeaderValue;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode};

use super::http::{uri, values};
use super::layers::{self, Layers};
use crate::session::Channel;
use crate::transport::Bundle;
use crate::{Payload, Sealed, SealedCookie, Session, Sessions};

/// Gives the request a session. Returns the session if this layer must write it. `None` if an outer
/// layer writes it, or uses its cookie for another type of state.
pub(super) fn enter<T, B>(sessions: &Sessions<T>, request: &mut Request<B>) -> Option<Session<T>>
where
    T: Payload + Send + Sync + 'static,
{
    let outer = request.extensions().get::<Session<T>>();
    let method = request.method().as_str();
    let session = sessions.load_unless_shared(outer, method, |name| values(request, name))?;
    if layers::are_contested() && session.channel() == Channel::Cookie {
        let added = request.extensions_mut().get_or_insert_default::<Layers>().add(sessions);
        if let Err(_why) = added {
            #[cfg(any(feature = "axum08", feature = "poem3"))] // the extractors look for it
            request.extensions_mut().insert(layers::Unusable::<T>::new(_why));
            return None;
        }
    }
    let target = uri(request).path_and_query().map_or("/", PathAndQuery::as_str);
    session.set_target(request.method().as_str(), target);
    request.extensions_mut().insert(session.clone());
    Some(session)
}

/// Gives the request the value of a sealed cookie. Returns the value if this layer must write it.
/// `None` if an outer layer writes it.
pub(super) fn enter_sealed<T, B>(
    cookie: &SealedCookie<T>,
    request: &mut Request<B>,
) -> Option<Sealed<T>>
where
    T: Payload + 'static,
{
    let (method, outer) = (request.method().as_str(), request.extensions().get::<Sealed<T>>());
    let value = cookie.load_unless_shared(outer, method, |name| values(request, name))?;
    request.extensions_mut().insert(value.clone());
    Some(value)
}

/// Closes the session and writes its lines to the response.
pub(super) fn close<T: Payload, B>(session: &Session<T>, response: &mut Response<B>) {
    #[cfg(any(feature = "axum08", feature = "poem3"))]
    super::refusal::complete(session, response);
    if is_server_error(response) {
        session.discard_changes();
    }
    finish(response, session.commit());
}

/// Closes the value of a sealed cookie and writes its lines to the response.
pub(super) fn close_sealed<T, B>(value: &Sealed<T>, response: &mut Response<B>) {
    if is_server_error(response) {
        value.discard_changes();
    }
    finish(response, value.commit());
}

/// The gRPC status codes that `google.rpc.Code` maps to 500 and above: UNKNOWN,
/// DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS.
const GRPC_SERVER_ERRORS: [&[u8]; 6] = [b"2", b"4", b"12", b"13", b"14", b"15"];

/// Whether the response is a server error. A failed unary gRPC call has the HTTP status 200 and
/// the header `grpc-status`.
fn is_server_error<B>(response: &Response<B>) -> bool {
    let grpc = response.headers().get("grpc-status").map(HeaderValue::as_bytes);
    response.status().is_server_error()
        || grpc.is_some_and(|code| GRPC_SERVER_ERRORS.contains(&code))
}

/// Writes the lines of a session or a sealed cookie.
pub(super) fn finish<B>(response: &mut Response<B>, bundle: Bundle) {
    if let Err(error) = bundle.write_headers(response.headers_mut()) {
        // This code should be unreachable, because cookie names and paths are checked when they are
        // configured. A 500 is better than a token that is lost silently.
        tracing::error!(%error, "the tokens could not be written to the response");
        response.headers_mut().clear();
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
}
