//! How a session ends, alone or with the others of its subject.

use std::time::Duration;

use crate::revocation::entry::{Revocation, Subject};
use crate::revocation::list::Revocations;
use crate::revocation::moved::Move;
use crate::session::change::Draft;
use crate::session::error::SessionError;
use crate::session::judge::{Alive, Judged};
use crate::session::pending::Change;
use crate::session::record::Record;
use crate::session::session::Session;
use crate::token::error::SealError;
use crate::token::payload::Payload;
use crate::token::wire::CLOCK_SKEW;

/// How old a list may be for a session to be put after what is on it.
const CURRENT: Duration = Duration::from_secs(5);

impl<T: Payload> Session<T> {
    /// Ends the session: its tokens are removed from the client. What was
    /// copied before is revoked, if there are
    /// [`revocations`](crate::session::SessionsBuilder::revocations); otherwise it stays
    /// valid until its deadline (SECURITY.md).
    ///
    /// # Errors
    /// [`SessionError::ResponseSent`]: the client keeps its tokens. Copies are
    /// revoked all the same.
    pub fn end(&self) -> Result<(), SessionError> {
        if let Some(revocations) = &self.inner.shared.revocations {
            self.revoke_copies(revocations);
        }
        let mut pending = self.pending();
        pending.put(Change::Ended)?;
        pending.ended = true;
        Ok(())
    }

    fn revoke_copies(&self, revocations: &Revocations) {
        let now = self.now();
        // Copies from before a change of id have the same origin. A server with
        // longer timeouts may accept one for longer than this one would.
        let known = match self.judged() {
            Judged::Alive(Alive { record, token, .. }) => {
                let lifetime = Duration::from_secs(token.claims.lifetime);
                let ends = token.claims.issued_at + lifetime + CLOCK_SKEW;
                Some((record.first_id(), ends))
            }
            Judged::Refused(refused) => refused.origin.map(|origin| (origin, now)),
            Judged::Absent => None,
        };
        if let Some((id, ends)) = known {
            let until = ends.max(revocations.last(now));
            revocations.add_at(now, Revocation::Session { id, until });
        }
    }

    /// Ends this session and all others of its subject, wherever they are.
    ///
    /// # Errors
    /// As [`end`](Session::end); [`SessionError::NoSession`];
    /// [`SessionError::NoRevocations`] when the sessions were built without
    /// [`revocations`](crate::session::SessionsBuilder::revocations) or
    /// [`subject`](crate::session::SessionsBuilder::subject): nothing has ended then.
    pub fn end_everywhere(&self) -> Result<(), SessionError> {
        self.revision()?;
        let (_, state) = self.there()?;
        let (revocations, subject) = self.revocable(&state)?;
        let now = self.now();
        let before = revocations.before_of_subject(subject, now);
        let until = revocations.last(now);
        revocations.add_at(now, Revocation::Subject { subject, before, until });
        self.end()
    }

    /// Ends all other sessions of this one's subject: "sign out my other
    /// devices". This one gets a new id; its clocks go on, though it says that
    /// it started now. If the handler fails afterwards, or the response is
    /// lost, this one has ended as well. So may both of two that do it at once,
    /// which includes two requests of one session.
    ///
    /// # Errors
    /// As [`set`](Session::set), [`SessionError::NoRevocations`], and
    /// [`SessionError::NotNow`] while this server does not hear the others, and after
    /// many times in a few seconds: a session that they have ended could go on.
    /// Nothing has ended then.
    pub fn end_others(&self) -> Result<(), SessionError> {
        let revision = self.revision()?;
        let (record, state) = self.there()?;
        let (revocations, subject) = self.revocable(&state)?;
        let now = self.now();
        if !revocations.is_current(now, CURRENT) {
            return Err(SessionError::NotNow);
        }
        let earliest = revocations.earliest_start(Some(subject));
        if record.started_at < earliest {
            return Err(SessionError::NoSession); // it was ended after this request looked
        }
        let deadline = self.inner.shared.policy.deadline(record.started_at, record.ceiling);
        let from = record.started_at;
        let to = revocations.start_after_others(subject, from, now).ok_or(SessionError::NotNow)?;
        let record = record.renamed().map_err(SealError::from)?;
        let record = Record { started_at: to, ceiling: Some(deadline), ..record };
        // Two that end each other in the same second are told apart by it.
        let apart = Duration::from_secs(u64::from(record.id.as_bytes()[0]));
        let until = revocations.last(now) + apart;
        let (channel, kind) = self.renaming();
        self.write(Draft { record, state, encoded: None, channel, kind }, revision)?;
        revocations.add_move(now, subject, Move { from, to, until });
        Ok(())
    }

    fn revocable(&self, state: &T) -> Result<(&Revocations, Subject), SessionError> {
        let subject = self.subject_of(state).ok_or(SessionError::NoRevocations)?;
        let shared = &self.inner.shared;
        let revocations = shared.revocations.as_ref().ok_or(SessionError::NoRevocations)?;
        Ok((revocations, subject))
    }
}
