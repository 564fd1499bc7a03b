//! Reading, taking and setting the value of a sealed cookie in one request.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::time::UnixTime;
use crate::token::error::{OpenError, SealError};
use crate::token::payload::{self, Payload};
use crate::token::sealed::Sealing;
use crate::token::values;
use crate::token::wipe::Buffer;
use crate::token::wire::Claims;
use crate::transport::bundle::Bundle;
use crate::transport::cookie::{Cookie, Kept, Role};
use crate::transport::cross_origin::Sender;

/// The settings that all requests share.
#[derive(Clone)]
pub(super) struct Settings {
    /// The first is the cookie that is written. The others are former cookies with other names.
    pub(super) places: Arc<[(Cookie, Sealing)]>,
    pub(super) lifetime: Duration,
    pub(super) clock: Arc<dyn Fn() -> UnixTime + Send + Sync>,
    pub(super) trusted_origins: Arc<[String]>,
}

/// The value of a [`SealedCookie`](crate::SealedCookie) in one request.
///
/// Clones share one value. The cookie is opened when the handler reads it, and the response carries
/// the change to the client. If the response is a server error, a value that the handler has set is
/// not sent, but a value that it has taken stays deleted.
///
/// If a page on another origin sent the request, there is no value and nothing can change (see
/// [cross-origin requests](crate::SealedCookie#cross-origin-requests)).
///
/// | method | effect |
/// |---|---|
/// | [`get`](Sealed::get) | returns the value and keeps the cookie |
/// | [`take`](Sealed::take) | returns the value and deletes the cookie |
/// | [`set`](Sealed::set) | writes a new value |
/// | [`remove`](Sealed::remove) | deletes the cookie |
pub struct Sealed<T> {
    inner: Arc<Inner>,
    value: PhantomData<fn() -> T>,
}

struct Inner {
    settings: Settings,
    /// The time that the caller set. `None` if the clock tells the time.
    now: Option<UnixTime>,
    sender: Sender,
    pending: Mutex<Pending>,
}

/// The cookie after the changes of this request.
struct Pending {
    /// The tokens that the next read tries.
    tokens: Vec<Vec<u8>>,
    /// The index in `places` of the cookie that these tokens belong to.
    place: usize,
    change: Change,
    /// Whether the request deleted the cookie with which it arrived.
    removed: Removed,
    used: Used,
    response: Response,
}

enum Change {
    Untouched,
    Set(String),
    Removed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Removed {
    No,
    Yes,
}

/// Whether the response depends on the cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Used {
    No,
    Yes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Response {
    Open,
    Sent,
}

impl<T: Payload> Sealed<T> {
    pub(super) fn of_request(
        settings: Settings,
        now: Option<UnixTime>,
        sender: Sender,
        (place, tokens): (usize, Vec<Vec<u8>>),
    ) -> Sealed<T> {
        let pending = Pending {
            tokens,
            place,
            change: Change::Untouched,
            removed: Removed::No,
            used: Used::No,
            response: Response::Open,
        };
        let inner = Inner { settings, now, sender, pending: Mutex::new(pending) };
        Sealed { inner: Arc::new(inner), value: PhantomData }
    }

    /// Returns the value, if the request carries one, or the value that this request has set.
    #[must_use]
    pub fn get(&self) -> Option<T> {
        let mut pending = self.pending();
        pending.used = Used::Yes;
        self.open(&pending).ok()
    }

    /// Returns the value and deletes the cookie, so that the next request has no value.
    ///
    /// A second call in the same request returns `None`. A call after the headers of the response
    /// were sent also returns `None`, because the cookie can then no longer be deleted.
    ///
    /// The server does not store which cookies were taken. If a client has kept a copy of the
    /// cookie, it can send the copy again until the lifetime has passed. If that must not be
    /// possible, use a [`Sealer`](crate::Sealer) and [`open_once`](crate::Sealer::open_once).
    #[must_use = "the cookie is deleted"]
    pub fn take(&self) -> Option<T> {
        let mut pending = self.pending();
        if pending.response == Response::Sent {
            return None;
        }
        pending.used = Used::Yes;
        let opened = self.open(&pending);
        let leaves_alone = |error: &OpenError| error.may_be_valid_elsewhere();
        if !opened.as_ref().is_err_and(|error| error.as_ref().is_none_or(leaves_alone)) {
            pending.remove();
        }
        opened.ok()
    }

    /// Writes a new value, whose lifetime begins now.
    ///
    /// # Errors
    /// Any [`SetError`]. The old value is then kept.
    pub fn set(&self, value: &T) -> Result<(), SetError> {
        let token = self.inner.settings.seal(value, self.now())?;
        let mut pending = self.to_change()?;
        (pending.place, pending.tokens) = (0, vec![token.clone().into_bytes()]);
        pending.change = Change::Set(token);
        Ok(())
    }

    /// Deletes the cookie.
    ///
    /// # Errors
    /// [`SetError::ResponseSent`] if the headers of the response were already sent.
    /// [`SetError::CrossOrigin`] if a page on another origin sent the request.
    pub fn remove(&self) -> Result<(), SetError> {
        self.to_change()?.remove();
        Ok(())
    }

    /// Why the cookie of the request was refused, for logs. `None` if there is a value, if there is
    /// no cookie, or if a page on another origin sent the request.
    #[must_use]
    pub fn refused(&self) -> Option<OpenError> {
        let mut pending = self.pending();
        pending.used = Used::Yes;
        self.open(&pending).err().flatten()
    }

    /// Opens the first token that is valid. The error is `None` if there is no token. If no token
    /// is valid and one of them must be left alone, returns the error of this token, so that
    /// nothing is deleted.
    ///
    /// While the lock is held, the only code of the application that runs is `Deserialize`,
    /// `Payload::upgrade` and the clock.
    fn open(&self, pending: &Pending) -> Result<T, Option<OpenError>> {
        let settings = &self.inner.settings;
        let Some((_, keys)) = settings.places.get(pending.place) else { return Err(None) };
        let mut refused: Option<OpenError> = None;
        for token in &pending.tokens {
            let mut buf = Buffer::new();
            let opened = keys.open(token, || self.now(), settings.lifetime, &mut buf);
            match opened.and_then(values::owned) {
                Ok(opened) => return Ok(opened.payload),
                Err(error) if error.may_be_valid_elsewhere() => refused = Some(error),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused)
    }

    fn now(&self) -> UnixTime {
        self.inner.now.unwrap_or_else(|| (self.inner.settings.clock)())
    }
}

impl<T> Sealed<T> {
    /// Discards a value that this request has set. If the request has taken or removed the value
    /// before, the cookie is still deleted.
    ///
    /// Adapters call this if the response is a server error.
    pub fn discard_changes(&self) {
        let mut pending = self.pending();
        if matches!(pending.change, Change::Set(_)) {
            pending.change = match pending.removed {
                Removed::Yes => Change::Removed,
                Removed::No => Change::Untouched,
            };
        }
    }

    /// Returns the header lines for the response. After this call, changes fail with
    /// [`SetError::ResponseSent`].
    #[must_use]
    pub fn commit(&self) -> Bundle {
        let (mut bundle, mut pending) = (Bundle::default(), self.pending());
        if pending.response == Response::Sent || pending.used == Used::No {
            pending.response = Response::Sent;
            return bundle;
        }
        pending.response = Response::Sent;
        if let Some((cookie, _)) = self.inner.settings.places.first() {
            let lines = match &pending.change {
                Change::Untouched => Vec::new(),
                Change::Set(token) => {
                    let kept = Kept::AsConfigured(self.inner.settings.lifetime);
                    cookie.store(Role::State, token.clone(), kept)
                }
                Change::Removed => cookie.remove(Role::State),
            };
            if !lines.is_empty() {
                bundle.set_cookies(cookie.remove_former(Role::State));
                bundle.set_cookies(lines);
                bundle.no_store();
            }
        }
        bundle.vary("Cookie");
        bundle
    }

    /// Whether this value would be written to the cookie that has these settings.
    pub(super) fn is_written_to(&self, settings: &Settings) -> bool {
        self.inner.settings.name() == settings.name() && self.pending().response == Response::Open
    }

    /// The cookie, if this request may change it.
    fn to_change(&self) -> Result<MutexGuard<'_, Pending>, SetError> {
        let mut pending = self.pending();
        pending.used = Used::Yes;
        if pending.response == Response::Sent {
            return Err(SetError::ResponseSent);
        }
        match self.inner.sender {
            Sender::Trusted => Ok(pending),
            Sender::CrossOrigin => Err(SetError::CrossOrigin),
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn remove(&mut self) {
        self.tokens.clear();
        self.change = Change::Removed;
        self.removed = Removed::Yes;
    }
}

impl Settings {
    fn name(&self) -> Option<&str> {
        self.places.first().map(|(cookie, _)| cookie.name())
    }

    pub(super) fn seal<T: Payload>(&self, value: &T, now: UnixTime) -> Result<String, SetError> {
        let Some((cookie, keys)) = self.places.first() else {
            return Err(SetError::Seal(SealError::NoPrimaryKey));
        };
        let mut token = String::new();
        let claims = Claims::new(now, self.lifetime, T::VERSION);
        match keys.make(now, claims, &mut token, |out| payload::encode(value, out)) {
            Ok(_) => Ok(token),
            Err(SealError::TooLong { len, limit }) => {
                let name = cookie.name_len(Role::State);
                Err(SetError::TooLarge {
                    size: name.saturating_add(len),
                    limit: name.saturating_add(limit),
                })
            }
            Err(error) => Err(SetError::Seal(error)),
        }
    }
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Sealed<T> {
        Sealed { inner: Arc::clone(&self.inner), value: PhantomData }
    }
}

/// Omits the value.
impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").finish_non_exhaustive()
    }
}

/// Why the value of a sealed cookie could not be set.
///
/// If a handler returns the error, an adapter answers `CrossOrigin` with 403. It answers all other
/// errors with 500, without details, and logs them. The error converts into
/// [`SessionError`](crate::SessionError), so that handlers that also change their session need only
/// one type of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetError {
    /// The headers of the response were already sent, so a change cannot reach the client.
    ResponseSent,
    /// A page on another origin sent the request, so it cannot change the cookie. See
    /// [cross-origin requests](crate::SealedCookie#cross-origin-requests).
    CrossOrigin,
    /// The value could not be encoded or sealed.
    Seal(SealError),
    /// The value is too large for its cookie.
    TooLarge {
        /// The octets of the cookie's name and value together.
        size: usize,
        /// The maximum number of octets that a browser keeps.
        limit: usize,
    },
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::ResponseSent => {
                f.write_str("the response was already sent, so the cookie can no longer change")
            }
            SetError::CrossOrigin => f.write_str(
                "a page on another origin cannot change the cookie; if the origin is yours, call \
                 .trust_origin(…) on the sealed cookie",
            ),
            SetError::Seal(error) => error.fmt(f),
            SetError::TooLarge { size, limit } => write!(
                f,
                "the cookie would have {size} octets, but browsers keep only {limit}: store less \
                 in it or split it over several cookies"
            ),
        }
    }
}

impl std::error::Error for SetError {}
