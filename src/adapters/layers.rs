//! Why does a route have no sessions of a type? Its layer (middleware, fairing) is missing, or an
//! outer layer uses the same cookie for another type of state.
//!
//! Layers for the same type share a session instead. See [`Sessions::load_unless_shared`].

use std::any::type_name;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Sessions;

/// The cookie of a layer: its name, and the type of its state.
type Used = (String, &'static str);

/// The cookies of all layers of this process.
static USED: Mutex<Vec<Used>> = Mutex::new(Vec::new());

/// Whether two types of state use one cookie in this process. Two applications for two hosts may do
/// this. Only then does each request record the layers that handle it, because the record is an
/// allocation.
static CONTESTED: AtomicBool = AtomicBool::new(false);

/// Every layer calls this function when it is created.
pub(crate) fn register<T>(sessions: &Sessions<T>) {
    let Some(cookie) = sessions.cookie_name() else { return };
    let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
    match used.iter().find(|(name, _)| name == cookie) {
        None => used.push((cookie.to_owned(), type_name::<T>())),
        Some((_, state)) if *state == type_name::<T>() => {}
        Some(_) => CONTESTED.store(true, Ordering::Relaxed),
    }
}

/// Whether requests must record the layers that handle them.
pub(crate) fn are_contested() -> bool {
    CONTESTED.load(Ordering::Relaxed)
}

/// The cookies of the layers that handle a request, the outermost layer first.
#[derive(Clone, Default)]
pub(crate) struct Layers(Vec<Used>);

impl Layers {
    /// Adds the cookie and the type of these sessions to the layers of the request.
    ///
    /// If an outer layer uses the same cookie for another type, each of the two layers would treat
    /// the other's token as forged and delete it. So the inner layer does not give the request a
    /// session. The error says why, and is also logged.
    pub(crate) fn add<T>(&mut self, sessions: &Sessions<T>) -> Result<(), MissingLayer> {
        let Some(cookie) = sessions.cookie_name() else { return Ok(()) };
        let (cookie, inner) = (cookie.to_owned(), type_name::<T>());
        let outer = self.0.iter().find(|(name, state)| *name == cookie && *state != inner);
        if let Some((_, outer)) = outer {
            let error = MissingLayer { why: Why::SharedCookie { cookie, outer, inner } };
            tracing::error!("{error}");
            return Err(error);
        }
        self.0.push((cookie, inner));
        Ok(())
    }
}

/// The error of an extractor if the route has no usable session layer (middleware, fairing) for
/// this type of state, or no layer for a sealed cookie with this type of value.
///
/// If the layer is missing, the response names it (in Rocket, the log). If an outer layer uses the
/// same cookie for another type of state, the response is a 500 without details, and the log names
/// both types.
#[derive(Clone, Debug)]
pub struct MissingLayer {
    why: Why,
}

#[derive(Clone, Debug)]
enum Why {
    #[cfg(any(feature = "actix4", feature = "axum08", feature = "poem3", feature = "rocket05"))]
    NoLayer {
        state: &'static str,
    },
    #[cfg(any(feature = "actix4", feature = "axum08", feature = "poem3", feature = "rocket05"))]
    NoSealedLayer {
        value: &'static str,
    },
    SharedCookie {
        cookie: String,
        outer: &'static str,
        inner: &'static str,
    },
}

#[cfg(any(feature = "actix4", feature = "axum08", feature = "poem3", feature = "rocket05"))]
impl MissingLayer {
    /// The layer for this type is missing. This is also logged, because actix-web, poem and
    /// Rocket turn the error of an `Option` into `None`.
    pub(crate) fn of<T>() -> MissingLayer {
        MissingLayer::logged(Why::NoLayer { state: type_name::<T>() })
    }

    /// The layer for the sealed cookie with this type of value is missing.
    pub(crate) fn of_cookie<T>() -> MissingLayer {
        MissingLayer::logged(Why::NoSealedLayer { value: type_name::<T>() })
    }

    fn logged(why: Why) -> MissingLayer {
        let error = MissingLayer { why };
        tracing::error!("{error}");
        error
    }

    /// The body of the response.
    #[cfg(any(feature = "actix4", feature = "axum08", feature = "poem3"))]
    pub(crate) fn body(&self) -> String {
        match self.why {
            Why::NoLayer { .. } | Why::NoSealedLayer { .. } => self.to_string(),
            Why::SharedCookie { .. } => super::extract::OPAQUE.to_owned(),
        }
    }
}

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            #[cfg(any(
                feature = "actix4",
                feature = "axum08",
                feature = "poem3",
                feature = "rocket05"
            ))]
            Why::NoLayer { state } => write!(
                f,
                "this route has no sessions of {state}: add SessionLayer::<{state}> after the \
                 routes (axum), SessionMiddleware::<{state}> (actix-web, poem) or \
                 SessionFairing::<{state}> (Rocket)"
            ),
            #[cfg(any(
                feature = "actix4",
                feature = "axum08",
                feature = "poem3",
                feature = "rocket05"
            ))]
            Why::NoSealedLayer { value } => write!(
                f,
                "this route has no sealed cookie of {value}: add SealedLayer::<{value}> after the \
                 routes (axum), SealedMiddleware::<{value}> (actix-web, poem) or \
                 SealedFairing::<{value}> (Rocket)"
            ),
            Why::SharedCookie { cookie, outer, inner } => write!(
                f,
                "sessions of {outer} and, in an inner layer, sessions of {inner} use one cookie, \
                 {cookie}: give one of them another name with Cookie::new"
            ),
        }
    }
}

impl std::error::Error for MissingLayer {}

/// An entry in the extensions of a request: its layer for the type `T` gave it no session.
#[cfg(any(feature = "actix4", feature = "axum08", feature = "poem3"))]
pub(crate) struct Unusable<T> {
    pub(crate) why: MissingLayer,
    state: std::marker::PhantomData<fn() -> T>,
}

#[cfg(any(feature = "actix4", feature = "axum08", feature = "poem3"))]
impl<T> Unusable<T> {
    pub(crate) fn new(why: MissingLayer) -> Unusable<T> {
        Unusable { why, state: std::marker::PhantomData }
    }
}

// A derive would require `T: Clone`.
#[cfg(any(feature = "actix4", feature = "axum08", feature = "poem3"))]
impl<T> Clone for Unusable<T> {
    fn clone(&self) -> Unusable<T> {
        Unusable::new(self.why.clone())
    }
}
