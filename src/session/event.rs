//! What happens to sessions, for logs and metrics.

use std::fmt;

use crate::keys::key::KeyId;
use crate::session::error::SessionError;
use crate::session::judge::Refusal;
use crate::token::error::SealError;
use crate::token::id::SessionId;

/// What became of the session of one request. None of it is secret: no token,
/// no key, no state.
///
/// A hook gets them: [`SessionsBuilder::on_event`](crate::session::SessionsBuilder::on_event).
/// With the feature `tracing`, which every adapter brings, each is also an
/// event of the target `bulla` at the level `debug`: a scanner that sends
/// forged tokens fills no disk.
///
/// A request gives at most one of `Opened` and `Refused` (both, if its tokens
/// open and the application's check says no), perhaps `NotAdopted`, and at most
/// one of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session was opened. Counted by key id, it tells when an old key is no
    /// longer used.
    Opened {
        /// The session.
        id: SessionId,
        /// The key of the token that held the state.
        key_id: KeyId,
    },
    /// The request carried tokens that made no session.
    Refused(Refusal),
    /// A session was started, or got a new id.
    Started {
        /// The session.
        id: SessionId,
    },
    /// The state was changed.
    Changed {
        /// The session.
        id: SessionId,
    },
    /// Activity was recorded, or the session moved to the primary key.
    Renewed {
        /// The session.
        id: SessionId,
    },
    /// The session was ended by the application.
    Ended,
    /// A session of the library before goes on. When none does any more, the
    /// migration is over.
    Adopted {
        /// The session.
        id: SessionId,
    },
    /// One could not be sealed: it is past its end, or too large.
    NotAdopted(SessionError),
    /// Activity could not be recorded: what is wrong is the ring or the
    /// cookie's settings. It is logged as an error.
    NotRenewed(SealError),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Opened { id, key_id } => write!(f, "session {id} opened under key {key_id}"),
            Event::Refused(refusal) => write!(f, "no session: {refusal}"),
            Event::Started { id } => write!(f, "session {id} started"),
            Event::Changed { id } => write!(f, "session {id} changed"),
            Event::Renewed { id } => write!(f, "session {id} renewed"),
            Event::Ended => f.write_str("session ended"),
            Event::Adopted { id } => write!(f, "session {id} adopted"),
            Event::NotRenewed(error) => write!(f, "a session could not be renewed: {error}"),
            Event::NotAdopted(error) => write!(f, "an old session was not adopted: {error}"),
        }
    }
}

/// Receives events; cheap, since it runs within the request.
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
