//! Requests and responses with the types of the `http` crate, for any server.

use http::Request;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::transport::{Bundle, Rule};
use crate::{Payload, Sealed, SealedCookie, Session, Sessions};

#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl<T: Payload> Sessions<T> {
    /// Loads the session of a request. See [`Sessions::load`].
    ///
    /// ```
    /// use bulla::{KeyRing, Payload, Policy, Sessions};
    /// use http::{Request, Response};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Payload)]
    /// #[payload(purpose = "bank.example/session")]
    /// struct Account { id: u64 }
    ///
    /// fn handle(
    ///     sessions: &Sessions<Account>,
    ///     request: &Request<String>,
    /// ) -> Result<Response<String>, Box<dyn std::error::Error>> {
    ///     let session = sessions.load_request(request);
    ///     session.start(Account { id: 7 })?;
    ///     let mut response = Response::new("welcome".to_owned());
    ///     if response.status().is_server_error() {
    ///         session.discard_changes();
    ///     }
    ///     session.commit().write_headers(response.headers_mut())?;
    ///     Ok(response)
    /// }
    ///
    /// let sessions = Sessions::new(KeyRing::generate()?, Policy::default());
    /// let response = handle(&sessions, &Request::new(String::new()))?;
    /// assert!(response.headers().contains_key("set-cookie"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_request<B>(&self, request: &Request<B>) -> Session<T> {
        self.load(request.method().as_str(), |name| values(request, name))
    }
}

/// The URI of a request, before `Router::nest` of axum removed a prefix from it.
#[cfg(any(feature = "poem3", feature = "tower"))]
pub(crate) fn uri<B>(request: &Request<B>) -> &http::Uri {
    #[cfg(feature = "axum08")]
    if let Some(original) = request.extensions().get::<axum::extract::OriginalUri>() {
        return &original.0;
    }
    request.uri()
}

/// The values of a header. For `host`, the `:authority` of HTTP/2 comes first. It is in the URI,
/// and takes precedence over a header `Host` (RFC 9113 section 8.3.1).
pub(crate) fn values<'r, B>(
    request: &'r Request<B>,
    name: &str,
) -> impl Iterator<Item = &'r [u8]> + use<'r, B> {
    let authority = request.uri().authority().filter(|_| name == "host");
    let authority = authority.map(|authority| authority.as_str().as_bytes());
    let lines = request.headers().get_all(name).iter().map(HeaderValue::as_bytes);
    authority.into_iter().chain(lines)
}

#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl<T: Payload> SealedCookie<T> {
    /// Loads the value of a request. See [`SealedCookie::load`].
    pub fn load_request<B>(&self, request: &Request<B>) -> Sealed<T> {
        self.load(request.method().as_str(), |name| values(request, name))
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl Bundle {
    /// Writes the lines to the headers of a response. The [`Rule`] of a line says how. Tokens are
    /// marked sensitive, so that HTTP/2 does not index them and `Debug` does not show them.
    ///
    /// # Errors
    /// If a line is not a valid header. This does not happen with names and paths that
    /// [`Cookie`](crate::Cookie) and [`Bearer`](crate::Bearer) accept.
    pub fn write_headers(self, headers: &mut HeaderMap) -> Result<(), http::Error> {
        for line in self {
            let name = HeaderName::from_bytes(line.name.as_bytes())?;
            let mut value = HeaderValue::try_from(line.value)?;
            value.set_sensitive(line.sensitive);
            match line.rule {
                Rule::Append => {
                    headers.append(name, value);
                }
                Rule::Replace => {
                    headers.insert(name, value);
                }
                Rule::IfAbsent => {
                    headers.entry(name).or_insert(value);
                }
            }
        }
        Ok(())
    }
}
