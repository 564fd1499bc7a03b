//! How a session ends, alone or with the others of its subject.

use crate::error::{SealError, SessionError};
use crate::judge::{Alive, Judged};
use crate::payload::Payload;
use crate::record::Record;
use crate::revocation::{Revocation, Revocations};
use crate::session::{Change, Kind, Session};
use crate::time::UnixTime;
use crate::wire::CLOCK_SKEW;

impl<T: Payload> Session<T> {
    /// Ends the session: its tokens are removed from the client. What was
    /// copied before is revoked, if there are
    /// [`revocations`](crate::SessionsBuilder::revocations); otherwise it stays
    /// valid until its deadline (SECURITY.md).
    ///
    /// # Errors
    /// [`SessionError::ResponseSent`].
    pub fn end(&self) -> Result<(), SessionError> {
        if let Some(revocations) = &self.inner.shared.revocations
            && let Judged::Alive(Alive { record, expires_at, .. }) = self.judged()
        {
            // Another server's clock may be behind.
            let until = *expires_at + CLOCK_SKEW;
            revocations.add_at(self.now(), Revocation::Session { id: record.id, until });
        }
        let mut pending = self.pending();
        pending.put(Change::Ended)?;
        pending.ended = true;
        Ok(())
    }

    /// Ends this session and all others of its subject, wherever they are.
    ///
    /// # Errors
    /// As [`end`](Session::end); [`SessionError::NoSession`];
    /// [`SessionError::NoRevocations`] when the sessions were built without
    /// [`revocations`](crate::SessionsBuilder::revocations) or
    /// [`subject`](crate::SessionsBuilder::subject): nothing has ended then.
    pub fn end_everywhere(&self) -> Result<(), SessionError> {
        self.revision()?;
        let (_, state) = self.current().ok_or(SessionError::NoSession)?;
        let (revocations, revocation, _) = self.revocation_of_subject(&state)?;
        revocations.add_at(self.now(), revocation);
        self.end()
    }

    /// Ends all other sessions of this one's subject: "sign out my other
    /// devices". This one gets a new id; its clocks go on, though it says that
    /// it started now. If the handler fails afterwards, or the response is
    /// lost, this one has ended as well.
    ///
    /// # Errors
    /// As [`set`](Session::set), and [`SessionError::NoRevocations`]: nothing
    /// has ended then.
    pub fn end_others(&self) -> Result<(), SessionError> {
        let revision = self.revision()?;
        let (record, state) = self.current().ok_or(SessionError::NoSession)?;
        let (revocations, revocation, before) = self.revocation_of_subject(&state)?;
        let deadline = self.inner.shared.policy.deadline(record.started_at, record.ceiling);
        let record = record.renamed().map_err(SealError::from)?;
        let record = Record { started_at: before, ceiling: Some(deadline), ..record };
        let (channel, _) = self.writing();
        self.write(record, state, channel, Kind::Renamed, revision)?;
        revocations.add_at(self.now(), revocation);
        Ok(())
    }

    /// What ends the sessions of this one's subject; and those that start at
    /// the instant given, and later, live.
    fn revocation_of_subject(
        &self,
        state: &T,
    ) -> Result<(&Revocations, Revocation, UnixTime), SessionError> {
        let subject = self.subject_of(state).ok_or(SessionError::NoRevocations)?;
        let shared = &self.inner.shared;
        let revocations = shared.revocations.as_ref().ok_or(SessionError::NoRevocations)?;
        let now = self.now();
        let before = revocations.before_of_subject(subject, now);
        let until = now + shared.policy.absolute_timeout() + CLOCK_SKEW;
        Ok((revocations, Revocation::Subject { subject, before, until }, before))
    }
}
