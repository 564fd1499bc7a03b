//! Fairing and request guard for the value of a sealed cookie, for Rocket 0.5.

use std::fmt;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::response::Responder;
use rocket::{Data, Request, Response};

use super::rocket05::{Headers, write};
use crate::adapters::MissingLayer;
use crate::transport::SetError;
use crate::{Payload, Sealed, SealedCookie, SessionError};

/// A fairing for Rocket 0.5 that gives every request the value of a [`SealedCookie`] as a
/// [`Sealed`], and writes its changes to the response. It follows the rules of
/// [`SealedLayer`](crate::SealedLayer), except that Rocket cannot mark header values sensitive. Of
/// two fairings for the same type of value, only the first is used.
///
/// ```
/// use std::time::Duration;
/// use bulla::{KeyRing, Payload, Sealed, SealedCookie, SealedFairing};
/// use rocket::{get, routes};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "shop.example/flash")]
/// struct Flash { text: String }
///
/// #[get("/")]
/// fn home(flash: Sealed<Flash>) -> String {
///     flash.take().map_or(String::new(), |flash| flash.text)
/// }
///
/// let flash = SealedCookie::<Flash>::new(KeyRing::generate()?, "flash", Duration::from_secs(60))?;
/// let rocket = rocket::build().attach(SealedFairing::from(flash)).mount("/", routes![home]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SealedFairing<T> {
    cookie: SealedCookie<T>,
}

impl<T> From<SealedCookie<T>> for SealedFairing<T> {
    fn from(cookie: SealedCookie<T>) -> SealedFairing<T> {
        SealedFairing { cookie }
    }
}

impl<T: Payload> fmt::Debug for SealedFairing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedFairing").field("cookie", &self.cookie).finish()
    }
}

/// The value in the cache of a request. `None` if no fairing is attached.
struct Slot<T>(Option<Sealed<T>>);

fn value<'r, T: Payload + 'static>(request: &'r Request<'_>) -> Option<&'r Sealed<T>> {
    request.local_cache(|| Slot::<T>(None)).0.as_ref()
}

#[rocket::async_trait]
impl<T: Payload + 'static> Fairing for SealedFairing<T> {
    fn info(&self) -> Info {
        Info { name: "bulla sealed cookie", kind: Kind::Request | Kind::Response }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        let headers = Headers::of(request);
        let (method, values) = (request.method().as_str(), |name: &str| headers.values(name));
        let mut is_mine = false;
        let slot = request.local_cache(|| {
            is_mine = true;
            Slot(Some(self.cookie.load(method, values)))
        });
        // If another fairing for this type has already filled the slot, both share its value.
        if !is_mine && self.cookie.load_unless_shared(slot.0.as_ref(), method, values).is_some() {
            tracing::error!(
                "two fairings for sealed cookies of {} with different names: only the first is used",
                std::any::type_name::<T>()
            );
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let Some(value) = value::<T>(request) else { return };
        if response.status().code >= 500 {
            value.discard_changes();
        }
        write(response, value.commit());
    }
}

/// A request guard for Rocket. It also succeeds for a request without the cookie. If the
/// [`SealedFairing`] is missing, the response is a 500, and the log names the missing fairing.
#[rocket::async_trait]
impl<'r, T: Payload + 'static> FromRequest<'r> for Sealed<T> {
    type Error = MissingLayer;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Sealed<T>, MissingLayer> {
        match value::<T>(request) {
            Some(value) => Outcome::Success(value.clone()),
            None => Outcome::Error((Status::InternalServerError, MissingLayer::of_cookie::<T>())),
        }
    }
}

/// The response of a handler that returns a [`SetError`], for example with `?`. The response to
/// `CrossOrigin` is a 403. Every other error is logged, and the application's 500 catcher answers.
impl<'r> Responder<'r, 'static> for SetError {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        if self == SetError::CrossOrigin {
            return SessionError::from(self).respond_to(request);
        }
        tracing::error!(error = %self, "a sealed cookie could not be set");
        Err(Status::InternalServerError)
    }
}
