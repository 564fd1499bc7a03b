//! What a request has done to its session so far.

use std::sync::Arc;

use crate::keys::key::KeyId;
use crate::session::answer::NewTokens;
use crate::session::error::SessionError;
use crate::session::record::Record;
use crate::time::UnixTime;

/// The changes of this request.
pub(crate) struct Pending<T> {
    pub(crate) change: Change<T>,
    /// Whether the request ended the session that it arrived with, even if it then started another
    /// session.
    pub(crate) ended: bool,
    /// Counts changes, so that an update can find out whether another change was made meanwhile.
    pub(crate) revision: u64,
    pub(crate) activity: Activity,
    pub(crate) response: Response,
}

pub(crate) enum Change<T> {
    Untouched,
    Written(Arc<Written<T>>),
    Ended,
}

pub(crate) struct Written<T> {
    pub(crate) record: Record,
    pub(crate) state: Arc<T>,
    pub(crate) key_id: KeyId,
    pub(crate) tokens: NewTokens,
    pub(crate) expires_at: UnixTime,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A new session.
    Started,
    /// The same session with a new id.
    Renamed,
    Changed,
    /// A session from the old library.
    Adopted,
    /// A session from the old library, which stays in the old library's cookie until the state
    /// changes.
    Borrowed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    Counts,
    Ignored,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Response {
    Open,
    Sent,
}

impl<T> Pending<T> {
    pub(crate) fn new() -> Pending<T> {
        Pending {
            change: Change::Untouched,
            ended: false,
            revision: 0,
            activity: Activity::Counts,
            response: Response::Open,
        }
    }

    pub(crate) fn put(&mut self, change: Change<T>) -> Result<(), SessionError> {
        if self.response == Response::Sent {
            return Err(SessionError::ResponseSent);
        }
        self.change = change;
        self.revision = self.revision.wrapping_add(1);
        Ok(())
    }
}

// A derive would require `T: Clone`.
impl<T> Clone for Change<T> {
    fn clone(&self) -> Change<T> {
        match self {
            Change::Untouched => Change::Untouched,
            Change::Written(written) => Change::Written(Arc::clone(written)),
            Change::Ended => Change::Ended,
        }
    }
}
