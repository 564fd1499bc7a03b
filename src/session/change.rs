//! How a request starts and changes its session. Each change is sealed on the line that
//! makes it, so that whatever can fail fails there.

use std::sync::Arc;

use crate::revocation::known::Followed;
use crate::session::answer::NewTokens;
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
    /// Starts a new session with a new id: the user has signed in. What the
    /// client had before is replaced.
    ///
    /// # Errors
    /// [`SessionError::TooLarge`], with the old session kept; and when the
    /// response has left, no key is primary, or there is no randomness.
    pub fn start(&self, state: T) -> Result<(), SessionError> {
        self.start_with(state, Start::new())
    }

    /// Starts a new session with options. See [`start`](Session::start).
    ///
    /// # Errors
    /// As [`start`](Session::start), and [`SessionError::NoChannel`].
    pub fn start_with(&self, state: T, options: Start) -> Result<(), SessionError> {
        let revision = self.revision()?;
        let now = self.now();
        let record = Record {
            id: SessionId::new().map_err(SealError::from)?,
            started_at: now,
            reauthenticated_at: now,
            ceiling: options.ceiling,
            origin: None,
            ended_others: None,
            follows: self.followed(&state),
        };
        let channel = options.channel.unwrap_or(self.inner.channel);
        if (self.inner.channel, channel) == (Channel::Bearer, Channel::Cookie) {
            return Err(SessionError::NoChannel);
        }
        let state = Arc::new(state);
        self.write(Draft { record, state, encoded: None, channel, kind: Kind::Started }, revision)
    }

    /// Replaces the state. A state that encodes equal writes nothing.
    ///
    /// # Errors
    /// [`SessionError::NoSession`]; [`SessionError::TooLarge`], with the old
    /// state kept; and as for [`start`](Session::start).
    pub fn set(&self, state: T) -> Result<(), SessionError> {
        self.change(|_| Ok((state, ())))
    }

    /// Changes the state in place: a copy of it, which takes its place if it
    /// encodes differently afterwards. The closure may use the session.
    ///
    /// # Errors
    /// As [`set`](Session::set), and [`SessionError::Conflict`] when the
    /// session was changed while the closure ran.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, SessionError> {
        self.change(|encoded| {
            let mut state = payload::decode(T::VERSION, encoded)?;
            let result = change(&mut state);
            Ok((state, result))
        })
    }

    /// The user has proved again who they are, or was given more rights: the
    /// session gets a new id and counts as fresh. Its clocks go on.
    ///
    /// # Errors
    /// As [`set`](Session::set).
    pub fn reauthenticated(&self) -> Result<(), SessionError> {
        let revision = self.revision()?;
        let (record, state) = self.there()?;
        let record = record.renamed().map_err(SealError::from)?;
        let record = Record { reauthenticated_at: self.now(), ..record };
        let (channel, kind) = self.renaming();
        self.write(Draft { record, state, encoded: None, channel, kind }, revision)
    }

    /// The revocations that a session follows if it starts now: they were made before, though
    /// they reach a minute past the clock, and must not end it.
    fn followed(&self, state: &T) -> Vec<Followed> {
        let revocations = self.inner.shared.revocations.as_ref();
        revocations.map_or_else(Vec::new, |list| list.followed(self.subject_of(state), self.now()))
    }

    /// As what a session under a new id is written: one that this request has
    /// started stays one that was started.
    pub(crate) fn renaming(&self) -> (Channel, Kind) {
        match self.writing() {
            (channel, Kind::Started) => (channel, Kind::Started),
            (channel, _) => (channel, Kind::Renamed),
        }
    }

    /// Where a change is written to, and as what: a session that this request
    /// has started or adopted stays one.
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

    /// Seals a draft and puts it in place, unless another change came between.
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
        let expires_at = shared.policy.deadline(record.started_at, record.ceiling);
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
                shared.check_fit(channel, len)?; // names the cookie's limit, not the format's
                return Err(error.into());
            }
            sealed => sealed?,
        };
        shared.check_fit(channel, text.len())?;
        let renewal = match (channel, kind) {
            (Channel::Cookie, _) | (Channel::Bearer, Kind::Changed) => None,
            (Channel::Bearer, _) => {
                Some(tokens::first_renewal(keys, &shared.policy, record.id, now)?)
            }
        };
        let age = expires_at.since(now);
        let tokens = NewTokens { channel, state: text, renewal, age };
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
    /// The state as it goes into the token, if it was encoded already.
    pub(crate) encoded: Option<Buffer>,
    pub(crate) channel: Channel,
    pub(crate) kind: Kind,
}

fn encode<T: Payload>(state: &T) -> Result<Buffer, PayloadError> {
    let mut out = Buffer::new();
    payload::encode(state, &mut out)?;
    Ok(out)
}
