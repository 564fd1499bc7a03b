//! Starting and changing a session.
//!
//! Each method seals the changed session immediately. If that fails, the handler that makes the
//! change gets the error, and the response can still be written.

use std::sync::Arc;

use crate::revocation::known::Followed;
use crate::session::answer::{self, NewTokens};
use crate::session::error::SessionError;
use crate::session::pending::{Change, Kind, Response, Written};
use crate::session::record::Record;
use crate::session::session::Session;
use crate::session::shared::Channel;
use crate::session::start::Start;
use crate::session::tokens;
use crate::token::error::SealError;
use crate::token::id::SessionId;
use crate::token::payload::{self, Payload, PayloadError};
use crate::token::wipe::{Buffer, append_wiped};
use crate::token::wire::Claims;

impl<T: Payload> Session<T> {
    /// Starts a new session with a new id, because the user has signed in. It replaces the session
    /// in the client. Copies of the old session's tokens stay valid until their deadlines; to
    /// revoke them too, call [`end`](Session::end) first.
    ///
    /// # Errors
    /// [`SessionError::TooLarge`], [`SessionError::ResponseSent`], [`SessionError::CrossOrigin`],
    /// [`SessionError::ProofRefused`] or [`SessionError::ProofDue`] if the client's proof does not
    /// count, or [`SessionError::Seal`] if no key is primary or the random generator fails. The old
    /// session is then kept.
    pub fn start(&self, state: T) -> Result<(), SessionError> {
        self.start_with(state, Start::new())
    }

    /// Starts a new session with options. See [`start`](Session::start).
    ///
    /// # Errors
    /// The same as for [`start`](Session::start). Also [`SessionError::NoChannel`],
    /// [`SessionError::NoRememberedPolicy`], and [`SessionError::CeilingPassed`] if the ceiling is
    /// not in the future.
    pub fn start_with(&self, state: T, options: Start) -> Result<(), SessionError> {
        let revision = self.revision()?;
        let channel = options.channel.unwrap_or(self.inner.channel);
        match (self.inner.channel, channel) {
            (Channel::Bearer, Channel::Cookie) => return Err(SessionError::NoChannel),
            (Channel::Cookie, Channel::Cookie) => self.check_sender()?,
            // A browser does not send the tokens of headers by itself, so a page on another origin
            // may ask for them.
            (_, Channel::Bearer) => {}
        }
        let now = self.now();
        let record = Record {
            id: SessionId::new().map_err(SealError::from)?,
            started_at: now,
            reauthenticated_at: now,
            ceiling: options.ceiling,
            origin: None,
            ended_others: None,
            follows: self.followed(&state),
            term: options.term,
            bound: match channel {
                Channel::Bearer => self.sign_in_proof()?.map(|proof| Box::new(proof.key)),
                Channel::Cookie => None,
            },
        };
        let state = Arc::new(state);
        self.write(Draft { record, state, encoded: None, channel, kind: Kind::Started }, revision)
    }

    /// Replaces the state. If the new state has the same encoding, nothing is written.
    ///
    /// # Errors
    /// [`SessionError::NoSession`] if there is no session, [`SessionError::NotNow`] if the
    /// application's check is due and did not decide, and the errors of [`start`](Session::start).
    /// The old state is then kept.
    pub fn set(&self, state: T) -> Result<(), SessionError> {
        self.change(|_| Ok((state, ())))
    }

    /// Changes a copy of the state. If its encoding has changed, the copy becomes the new state.
    /// The closure may use the session.
    ///
    /// # Errors
    /// The same as for [`set`](Session::set). Also [`SessionError::Conflict`] if the session was
    /// changed while the closure ran.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, SessionError> {
        self.change(|encoded| {
            let mut state = payload::decode(T::VERSION, encoded)?;
            let result = change(&mut state);
            Ok((state, result))
        })
    }

    /// Records that the user has proved again who they are, or has more rights than before.
    ///
    /// The session gets a new id and counts as fresh. Its absolute timeout does not start again.
    ///
    /// # Errors
    /// The same as for [`set`](Session::set).
    pub fn reauthenticated(&self) -> Result<(), SessionError> {
        let revision = self.revision()?;
        let (record, state) = self.there()?;
        let record = record.renamed().map_err(SealError::from)?;
        let record = Record { reauthenticated_at: self.now(), ..record };
        let (channel, kind) = self.renaming();
        self.write(Draft { record, state, encoded: None, channel, kind }, revision)
    }

    /// The revocations that a session follows if it starts now.
    ///
    /// A revocation ends sessions that started before its instant, which can be up to two minutes
    /// ahead of this server's clock. Such a revocation would also end a session that starts now,
    /// although the revocation was made earlier. Therefore the session records these revocations,
    /// and they do not end it.
    fn followed(&self, state: &T) -> Vec<Followed> {
        let revocations = self.inner.shared.revocations.as_ref();
        revocations.map_or_else(Vec::new, |list| list.followed(self.subject_of(state), self.now()))
    }

    /// The channel and kind of a change that gives the session a new id. A session that this
    /// request has started or adopted keeps its kind.
    pub(crate) fn renaming(&self) -> (Channel, Kind) {
        match self.writing() {
            (channel, Kind::Changed) => (channel, Kind::Renamed),
            kept => kept,
        }
    }

    /// The channel and kind of a change. A session that this request has started or adopted keeps
    /// its kind.
    pub(crate) fn writing(&self) -> (Channel, Kind) {
        match self.changed() {
            Change::Written(written) => match written.kind {
                Kind::Borrowed => (written.tokens.channel, Kind::Adopted),
                kind => (written.tokens.channel, kind),
            },
            _ => (self.inner.channel, Kind::Changed),
        }
    }

    fn change<R>(
        &self,
        make: impl FnOnce(&[u8]) -> Result<(T, R), SessionError>,
    ) -> Result<R, SessionError> {
        let revision = self.revision()?;
        let (record, state) = self.there()?;
        let before = encode(&*state)?;
        let (state, result) = make(&before)?;
        let after = encode(&state)?;
        if *after == *before {
            return Ok(result);
        }
        let (channel, kind) = self.writing();
        let draft = Draft { record, state: Arc::new(state), encoded: Some(after), channel, kind };
        self.write(draft, revision)?;
        Ok(result)
    }

    /// Seals a draft and stores it, unless another change was stored since `revision`.
    pub(crate) fn write(&self, draft: Draft<T>, revision: u64) -> Result<(), SessionError> {
        let written = self.seal(draft)?;
        let mut pending = self.pending();
        if pending.revision != revision {
            return Err(SessionError::Conflict);
        }
        pending.put(Change::Written(Arc::new(written)))
    }

    pub(crate) fn seal(&self, draft: Draft<T>) -> Result<Written<T>, SessionError> {
        let Draft { record, state, encoded, channel, kind } = draft;
        let shared = &self.inner.shared;
        let keys = shared.keys(channel).ok_or(SessionError::NoChannel)?;
        let now = self.now();
        let policy = shared.policies.of(record.term).ok_or(SessionError::NoRememberedPolicy)?;
        let expires_at = policy.deadline(record.started_at, record.ceiling);
        if expires_at <= now {
            return Err(SessionError::CeilingPassed);
        }
        let claims = Claims::new(now, expires_at.since(now), T::VERSION);
        let sealed = tokens::state(keys, &record, claims, |out| match &encoded {
            Some(encoded) => {
                append_wiped(out, encoded);
                Ok(())
            }
            None => payload::encode(&*state, out),
        });
        let (key_id, text) = match sealed {
            Err(error @ SealError::TooLong { len, .. }) => {
                shared.check_fit(channel, &record, len)?; // its error names the cookie's limit
                return Err(error.into());
            }
            sealed => sealed?,
        };
        shared.check_fit(channel, &record, text.len())?;
        let proof = match &record.bound {
            Some(_) => self.proof_of_change(kind)?,
            None => None,
        };
        let renews = match channel {
            // A bound session needs a renewal token with its last proof, even after it got a new
            // id.
            Channel::Cookie => kind == Kind::Renamed && proof.is_some(),
            Channel::Bearer => kind != Kind::Changed,
        };
        let renewal = renews.then(|| tokens::first_renewal(keys, &policy, record.id, proof, now));
        let renewal = renewal.transpose()?;
        let kept = answer::kept(record.term, expires_at.since(now));
        let tokens = NewTokens { channel, state: text, renewal, kept };
        Ok(Written { record, state, key_id, tokens, expires_at, kind })
    }

    /// The number of changes so far, or an error if the response has been sent.
    pub(crate) fn revision(&self) -> Result<u64, SessionError> {
        let pending = self.pending();
        match pending.response {
            Response::Open => Ok(pending.revision),
            Response::Sent => Err(SessionError::ResponseSent),
        }
    }
}

/// A session that is not sealed yet.
pub(crate) struct Draft<T> {
    pub(crate) record: Record,
    pub(crate) state: Arc<T>,
    /// The encoded state, if it was already encoded.
    pub(crate) encoded: Option<Buffer>,
    pub(crate) channel: Channel,
    pub(crate) kind: Kind,
}

fn encode<T: Payload>(state: &T) -> Result<Buffer, PayloadError> {
    let mut out = Buffer::new();
    payload::encode(state, &mut out)?;
    Ok(out)
}
