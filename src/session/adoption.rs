//! Adopting a session: if a request carries a session from the old library, the user gets a bulla
//! session with the same state.

use std::sync::Arc;

use crate::revocation::known::Follows;
use crate::revocation::set::Asked;
use crate::session::change::Draft;
use crate::session::error::SessionError;
use crate::session::event::Event;
use crate::session::migration::{Adopted, OldServers};
use crate::session::pending::{Kind, Written};
use crate::session::policy::Term;
use crate::session::record::Record;
use crate::session::refusal::Refusal;
use crate::session::session::Session;
use crate::time::UnixTime;
use crate::token::error::SealError;
use crate::token::id::SessionId;
use crate::token::payload::Payload;

impl<T: Payload> Session<T> {
    /// The adopted session. `None` if there is none, or if the application's check does not accept
    /// it.
    pub(crate) fn adopted_and_holds(&self) -> Option<Arc<Written<T>>> {
        self.adopted().filter(|_| self.verdict().is_ok())
    }

    /// The session adopted from the old library. `None` if the request carries a bulla
    /// state token, even if that token is not valid.
    pub(crate) fn adopted(&self) -> Option<Arc<Written<T>>> {
        let old = self.inner.old.as_ref()?;
        let adopt = || {
            self.judged(); // emits `Event::Refused` if the tokens are refused
            if self.inner.carried.has_ours() {
                return None;
            }
            let (adopted, servers) = old.adopt(self.now())?;
            if self.is_revoked_before(&adopted) {
                self.inner.shared.emit(Event::Refused(Refusal::Revoked));
                return None;
            }
            if self.comes_too_late_to_be_bound(&adopted) {
                self.inner.shared.emit(Event::Refused(Refusal::NotBound));
                return None;
            }
            let kind = match servers {
                OldServers::Gone => Kind::Adopted,
                OldServers::Running => Kind::Borrowed,
            };
            match self.adopt(adopted, kind) {
                Ok(written) => Some(Arc::new(written)),
                Err(error) => {
                    self.inner.shared.emit(Event::NotAdopted(error));
                    None
                }
            }
        };
        self.inner.adopted.get_or_init(adopt).clone()
    }

    /// Whether the old session was revoked. A revocation of a subject, or of all sessions, also
    /// revokes sessions from the old library. If it is not known when the session started, 1970
    /// counts as its start.
    fn is_revoked_before(&self, adopted: &Adopted<T>) -> bool {
        let Some(revocations) = &self.inner.shared.revocations else { return false };
        revocations.has(&Asked {
            id: SessionId::from_bytes([0; 16]),
            origin: SessionId::from_bytes([0; 16]),
            subject: &|| self.subject_of(&adopted.state),
            started_at: adopted.started_at.unwrap_or(UnixTime::EPOCH),
            follows: Follows { own: None, earlier: &[] },
            keys: None,
        })
    }

    /// Whether the application requires keys of sessions that are as old. The old library's client
    /// has no key.
    fn comes_too_late_to_be_bound(&self, adopted: &Adopted<T>) -> bool {
        let binding = self.inner.shared.binding(self.inner.channel);
        let started_at = adopted.started_at.unwrap_or(self.now());
        binding.is_some_and(|binding| binding.requires_key(started_at, self.now()))
    }

    fn adopt(&self, adopted: Adopted<T>, kind: Kind) -> Result<Written<T>, SessionError> {
        let now = self.now();
        let record = Record {
            id: SessionId::new().map_err(SealError::from)?,
            started_at: adopted.started_at.unwrap_or(now).min(now),
            reauthenticated_at: adopted.started_at.unwrap_or(UnixTime::EPOCH).min(now),
            ceiling: adopted.ceiling,
            origin: None,
            ended_others: None,
            follows: Vec::new(),
            term: Term::Ordinary,
            bound: None,
        };
        let (state, channel) = (Arc::new(adopted.state), self.inner.channel);
        self.seal(Draft { record, state, encoded: None, channel, kind })
    }
}
