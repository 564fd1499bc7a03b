//! Events of sessions, for logs and metrics.

use std::fmt;

use crate::keys::key::KeyId;
#[cfg(feature = "bound")]
use crate::session::bound_error::BoundError;
use crate::session::error::SessionError;
use crate::session::refusal::Refusal;
use crate::token::error::SealError;
use crate::token::id::SessionId;

/// An event of the session of one request. It contains no token, no key and no state.
///
/// [`SessionsBuilder::on_event`](crate::session::SessionsBuilder::on_event) sets a hook for events.
/// With the feature `tracing`, which every adapter switches on, each event is also logged with
/// target `bulla` and level `debug`, so that a scanner that sends forged tokens does not fill the
/// log. `NotRenewed` has level `error`.
///
/// When its tokens are read, a request emits `Opened` or `Refused`. It emits both if the tokens
/// open and the application's check then refuses the session. After that, it emits at most one of
/// the other events, except that `NotAdopted` can precede another event, `Ended` can precede
/// `Started`, and `NotRenewed` can follow `Changed`.
///
/// `id` is the id that the session has now. `origin` is the id under which it started, and does not
/// change ([`Info::origin`](crate::session::Info::origin)). Use `origin` to join the events of one
/// session, or to find its row in a list of devices (docs/devices.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session was opened. If you count these events by key id, they show when an old key is no
    /// longer used.
    Opened {
        /// The session.
        id: SessionId,
        /// Its first id.
        origin: SessionId,
        /// The key that opened the state token, or the copy of it in the renewal token.
        key_id: KeyId,
    },
    /// The request carried tokens, but its session was refused, or a page on another origin sent
    /// the request.
    Refused(Refusal),
    /// A session was started: a user has signed in.
    Started {
        /// The session.
        id: SessionId,
        /// Its first id. It differs from `id` only if the same request gave the session a new id.
        origin: SessionId,
    },
    /// A session got a new id, because the user reauthenticated or ended the other sessions.
    Renamed {
        /// The new id.
        id: SessionId,
        /// The first id.
        origin: SessionId,
    },
    /// The state was changed.
    Changed {
        /// The session.
        id: SessionId,
        /// Its first id.
        origin: SessionId,
    },
    /// A renewal token was written, to record activity or a successful check, or to move the
    /// session to the primary key.
    Renewed {
        /// The session.
        id: SessionId,
        /// Its first id.
        origin: SessionId,
    },
    /// The application ended the session of the request.
    Ended {
        /// Its first id. `None` if the request had no session of bulla, or if its tokens were not
        /// read, because the sessions have no list of revocations.
        origin: Option<SessionId>,
    },
    /// A session from the old library was adopted. When these events no longer occur, the migration
    /// is complete.
    Adopted {
        /// The session. If it is [borrowed](crate::session::Info::borrowed), its ids are valid only
        /// in this request.
        id: SessionId,
        /// Its first id.
        origin: SessionId,
    },
    /// A session from the old library could not be adopted, for example because it is past its
    /// ceiling or too large.
    NotAdopted(SessionError),
    /// The session was bound to the device of the client.
    Bound {
        /// The session.
        id: SessionId,
        /// Its first id.
        origin: SessionId,
    },
    /// The device of a bound session proved again that it has the key.
    Proved {
        /// The session.
        id: SessionId,
        /// Its first id.
        origin: SessionId,
    },
    /// The registration of a key, or a proof, was refused.
    #[cfg(feature = "bound")]
    #[cfg_attr(docsrs, doc(cfg(feature = "bound")))]
    ProofRefused(BoundError),
    /// The renewal token could not be sealed, so activity was not recorded. Possible causes are the
    /// key ring, the random generator, and the cookie's settings.
    NotRenewed(SealError),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Opened { id, key_id, .. } => {
                write!(f, "session {id} opened under key {key_id}")
            }
            Event::Refused(refusal) => write!(f, "no session: {refusal}"),
            Event::Started { id, .. } => write!(f, "session {id} started"),
            Event::Renamed { id, origin } => write!(f, "session {origin} got the new id {id}"),
            Event::Changed { id, .. } => write!(f, "session {id} changed"),
            Event::Renewed { id, .. } => write!(f, "session {id} renewed"),
            Event::Ended { origin: Some(origin) } => write!(f, "session {origin} ended"),
            Event::Ended { origin: None } => f.write_str("session ended"),
            Event::Adopted { id, .. } => write!(f, "session {id} adopted"),
            Event::Bound { id, .. } => write!(f, "session {id} bound to the device"),
            Event::Proved { id, .. } => write!(f, "the device of session {id} sent a proof"),
            #[cfg(feature = "bound")]
            Event::ProofRefused(error) => write!(f, "a proof was refused: {error}"),
            Event::NotRenewed(error) => write!(f, "a session could not be renewed: {error}"),
            Event::NotAdopted(error) => write!(f, "an old session was not adopted: {error}"),
        }
    }
}

/// Logs that the user of a session could not be loaded.
pub(crate) fn not_loaded(error: &dyn fmt::Display) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: "bulla", "the user of a session could not be loaded: {error}");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// Logs that the store of used proofs failed.
#[cfg(feature = "bound")]
pub(crate) fn not_claimed(error: &dyn fmt::Display) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: "bulla", "the store of used proofs failed: {error}");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// The application's function that receives events, within the request.
pub(crate) type Hook = Box<dyn Fn(&Event) + Send + Sync>;

pub(crate) fn emit(hook: Option<&Hook>, event: Event) {
    #[cfg(feature = "tracing")]
    match event {
        Event::NotRenewed(_) => tracing::error!(target: "bulla", "{event}"),
        _ => tracing::debug!(target: "bulla", "{event}"),
    }
    if let Some(hook) = hook {
        hook(&event);
    }
}
