//! Ending a session, alone or with the other sessions of its subject.

use std::time::Duration;

use crate::primitives;
use crate::revocation::entry::{Exception, REACH, Revocation, Subject};
use crate::revocation::list::Revocations;
use crate::session::change::Draft;
use crate::session::error::SessionError;
use crate::session::judge::{Alive, Judged};
use crate::session::pending::Change;
use crate::session::record::Record;
use crate::session::session::Session;
use crate::session::shared::Channel;
use crate::token::error::SealError;
use crate::token::payload::Payload;
use crate::token::wire::CLOCK_SKEW;

impl<T: Payload> Session<T> {
    /// Ends the session. The response deletes its tokens from the client.
    ///
    /// With [`revocations`](crate::session::SessionsBuilder::revocations), copies of the tokens are
    /// also revoked. Without a revocation list, copies stay valid until their deadline
    /// (SECURITY.md).
    ///
    /// # Errors
    /// [`SessionError::ResponseSent`] if the response was already sent. The client then keeps its
    /// tokens. With a revocation list, these tokens and all copies are still revoked.
    /// [`SessionError::CrossOrigin`] if a page on another origin sent the request.
    /// [`SessionError::ProofDue`] or [`SessionError::ProofRefused`] if the session would be revoked,
    /// and is bound to a key (or is refused because it is not) of which the request has no proof
    /// that counts. Then nothing ends.
    pub fn end(&self) -> Result<(), SessionError> {
        self.check_sender()?;
        self.check_right_to_end()?;
        if let Some(revocations) = &self.inner.shared.revocations {
            self.revoke_copies(revocations);
        }
        let mut pending = self.pending();
        pending.put(Change::Ended)?;
        pending.ended = true;
        Ok(())
    }

    /// Fails if the session of a client without cookies is bound to a key, or must be by now, and the
    /// request does not show that the client has the key. Otherwise a copy of the tokens that is
    /// worthless could still revoke the session. Without a list, nothing is revoked.
    fn check_right_to_end(&self) -> Result<(), SessionError> {
        let shared = &self.inner.shared;
        if self.channel() == Channel::Cookie
            || shared.bound_in_headers.is_none()
            || shared.revocations.is_none()
        {
            return Ok(());
        }
        let Judged::Alive(alive) = self.judged() else { return Ok(()) };
        self.proven(alive).map_err(|refusal| self.proof_error(refusal))
    }

    fn revoke_copies(&self, revocations: &Revocations) {
        let now = self.now();
        // The session is revoked by its origin, the id under which it started. So copies that were
        // made before it got a new id are revoked too. The revocation lasts as long as the token
        // can live, because a server with longer timeouts may accept a copy for longer than this
        // server would.
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

    /// Ends this session and all others of its subject, on every server.
    ///
    /// # Errors
    /// The same as for [`end`](Session::end). Also [`SessionError::NoSession`], and
    /// [`SessionError::NoRevocations`] or [`SessionError::NoSubject`] if the sessions were built
    /// without [`revocations`](crate::session::SessionsBuilder::revocations) or
    /// [`subject`](crate::session::SessionsBuilder::subject). With an error, no session has ended.
    pub fn end_everywhere(&self) -> Result<(), SessionError> {
        self.revision()?;
        let (_, state) = self.there()?;
        let (revocations, subject) = self.revocable(&state)?;
        revocations.revoke_subject(subject, self.now());
        self.end()
    }

    /// Ends all other sessions of this session's subject, on every server: "sign out my other
    /// devices". This session gets a new id. Its absolute timeout does not start again.
    ///
    /// Only the new token stays valid. So if the handler fails afterwards, or if the response is
    /// lost, this session has ended too. The same happens if the user sends the form twice: both
    /// requests carry the old token, and the browser drops the response of the first. Therefore
    /// disable the button after the first click. If two sessions of the subject end the others in
    /// the same second, both end.
    ///
    /// # Errors
    /// The same as for [`set`](Session::set). Also [`SessionError::NoRevocations`],
    /// [`SessionError::NoSubject`], and [`SessionError::NotNow`] if this session has already ended
    /// the others in this second. If the session did so on a server whose clock is ahead, the error
    /// lasts until this server's clock has caught up. With an error, no session has ended.
    pub fn end_others(&self) -> Result<(), SessionError> {
        let revision = self.revision()?;
        let (record, state) = self.there()?;
        let (revocations, subject) = self.revocable(&state)?;
        if self.is_revoked(&record, &state, None) {
            return Err(SessionError::NoSession); // revoked after this request read it
        }
        let now = self.now();
        let before = now + REACH;
        if record.ended_others.is_some_and(|(last, _)| before <= last) {
            return Err(SessionError::NotNow);
        }
        let mark = primitives::random().map_err(SealError::from)?;
        let record = record.renamed().map_err(SealError::from)?;
        let except = Some(Exception { origin: record.first_id(), mark });
        let record = Record { ended_others: Some((before, mark)), ..record };
        let (channel, kind) = self.renaming();
        self.write(Draft { record, state, encoded: None, channel, kind }, revision)?;
        let until = revocations.last(now);
        revocations.add_at(now, Revocation::Subject { subject, before, except, until });
        Ok(())
    }

    fn revocable(&self, state: &T) -> Result<(&Revocations, Subject), SessionError> {
        let shared = &self.inner.shared;
        let revocations = shared.revocations.as_ref().ok_or(SessionError::NoRevocations)?;
        let subject = self.subject_of(state).ok_or(SessionError::NoSubject)?;
        Ok((revocations, subject))
    }
}
