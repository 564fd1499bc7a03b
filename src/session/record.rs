//! Records: the data that a session's tokens contain in addition to the state (spec section 9).

use crate::primitives::RandomError;
use crate::revocation::entry::Exception;
use crate::revocation::known::{Followed, Follows, MAX_FOLLOWS};
use crate::session::policy::Term;
use crate::time::UnixTime;
use crate::token::id::{FINGERPRINT_LEN, Fingerprint, ID_LEN, Mark, SessionId};
use crate::token::payload::PayloadError;
use crate::token::wire::{take_varint, write_varint};

/// The maximum length of a time as a varint, in bytes. The last second of the year 9999 is below
/// 2^42, and a byte has 7 bits of a varint.
const TIME_LEN: usize = 6;

/// The schema version of a renewal token, which is the version of its layout.
pub(crate) const RENEWAL_SCHEMA: u32 = 1;

/// The part of a state token's payload that precedes the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: SessionId,
    pub(crate) started_at: UnixTime,
    pub(crate) reauthenticated_at: UnixTime,
    pub(crate) ceiling: Option<UnixTime>,
    /// The id under which the session started, if it has a different id now.
    pub(crate) origin: Option<SessionId>,
    /// The instant and the mark of the last revocation by which the session ended the other
    /// sessions of its subject.
    pub(crate) ended_others: Option<(UnixTime, Mark)>,
    /// The revocations that the server knew when the session started. They do not end the session.
    pub(crate) follows: Vec<Followed>,
    /// Whether the user asked to be remembered.
    pub(crate) term: Term,
}

/// Bits for the optional fields of a record, in the order of the fields. A set bit means that the
/// field is present. Remembered has no bytes. Bit 32 is reserved for a future field.
const CEILING: u64 = 1;
const ORIGIN: u64 = 2;
const ENDED_OTHERS: u64 = 4;
const FOLLOWS: u64 = 8;
const REMEMBERED: u64 = 16;

impl Record {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.id.as_bytes());
        write_varint(out, self.started_at.as_secs());
        write_varint(out, self.reauthenticated_at.as_secs());
        let bit = |field: u64, is_there: bool| if is_there { field } else { 0 };
        let fields = bit(CEILING, self.ceiling.is_some())
            | bit(ORIGIN, self.origin.is_some())
            | bit(ENDED_OTHERS, self.ended_others.is_some())
            | bit(FOLLOWS, !self.follows.is_empty())
            | bit(REMEMBERED, self.term == Term::Remembered);
        write_varint(out, fields);
        if let Some(ceiling) = self.ceiling {
            write_varint(out, ceiling.as_secs());
        }
        if let Some(origin) = self.origin {
            out.extend_from_slice(origin.as_bytes());
        }
        if let Some((before, mark)) = self.ended_others {
            write_varint(out, before.as_secs());
            out.extend_from_slice(&mark);
        }
        if !self.follows.is_empty() {
            write_varint(out, self.follows.len().try_into().unwrap_or(u64::MAX));
        }
        for Followed { before, except: Exception { origin, mark } } in &self.follows {
            out.extend_from_slice(origin.as_bytes());
            write_varint(out, before.as_secs());
            out.extend_from_slice(mark);
        }
    }

    /// The id under which the session started. It does not change when the session gets a new id.
    pub(crate) fn first_id(&self) -> SessionId {
        self.origin.unwrap_or(self.id)
    }

    /// The revocations that the session follows. They do not end it (see `revocation::known`).
    pub(crate) fn follows(&self) -> Follows<'_> {
        let origin = self.first_id();
        let own = self
            .ended_others
            .map(|(before, mark)| Followed { before, except: Exception { origin, mark } });
        Follows { own, earlier: &self.follows }
    }

    /// The same session with a new id.
    pub(crate) fn renamed(self) -> Result<Record, RandomError> {
        Ok(Record { id: SessionId::new()?, origin: Some(self.first_id()), ..self })
    }

    /// Takes a record off the front of a payload.
    pub(crate) fn take(rest: &mut &[u8]) -> Result<Record, PayloadError> {
        let cut = || PayloadError("the session's record is too short");
        let id = take_id(rest).ok_or_else(cut)?;
        let started_at = take_time(rest).ok_or_else(cut)?;
        let reauthenticated_at = take_time(rest).ok_or_else(cut)?;
        let fields = take_varint(rest).ok_or_else(cut)?;
        if fields > (CEILING | ORIGIN | ENDED_OTHERS | FOLLOWS | REMEMBERED) {
            return Err(PayloadError("the session has a field that this version does not know"));
        }
        let has = |field| fields & field != 0;
        let mut record = Record {
            id,
            started_at,
            reauthenticated_at,
            ceiling: None,
            origin: None,
            ended_others: None,
            follows: Vec::new(),
            term: if has(REMEMBERED) { Term::Remembered } else { Term::Ordinary },
        };
        if has(CEILING) {
            record.ceiling = Some(take_time(rest).ok_or_else(cut)?);
        }
        if has(ORIGIN) {
            record.origin = Some(take_id(rest).ok_or_else(cut)?);
        }
        if has(ENDED_OTHERS) {
            let before = take_time(rest).ok_or_else(cut)?;
            record.ended_others = Some((before, take_mark(rest).ok_or_else(cut)?));
        }
        let follows = if has(FOLLOWS) { take_varint(rest).ok_or_else(cut)? } else { 0 };
        let most = u64::try_from(MAX_FOLLOWS).unwrap_or(u64::MAX);
        if has(FOLLOWS) && !(1..=most).contains(&follows) {
            return Err(PayloadError("the session follows no revocation or too many"));
        }
        for _ in 0..follows {
            let origin = take_id(rest).ok_or_else(cut)?;
            let before = take_time(rest).ok_or_else(cut)?;
            let mark = take_mark(rest).ok_or_else(cut)?;
            record.follows.push(Followed { before, except: Exception { origin, mark } });
        }
        Ok(record)
    }
}

/// The payload of a renewal token.
pub(crate) struct RenewalRecord<'a> {
    pub(crate) id: SessionId,
    /// When the application's check last returned `Holds`; 1970 if never.
    pub(crate) validated_at: UnixTime,
    pub(crate) copy: Option<StateCopy<'a>>,
}

/// A copy of the state in a state token whose key is no longer primary. With it, the session can be
/// opened after that key has retired.
#[derive(Clone, Copy)]
pub(crate) struct StateCopy<'a> {
    pub(crate) fingerprint: Fingerprint,
    /// The body without padding.
    pub(crate) body: &'a [u8],
}

impl<'a> RenewalRecord<'a> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.id.as_bytes());
        write_varint(out, self.validated_at.as_secs());
        if let Some(copy) = self.copy {
            out.extend_from_slice(&copy.fingerprint);
            out.extend_from_slice(copy.body);
        }
    }

    pub(crate) fn read(mut payload: &'a [u8]) -> Option<RenewalRecord<'a>> {
        let id = take_id(&mut payload)?;
        let validated_at = UnixTime::from_secs(take_varint(&mut payload)?);
        if payload.is_empty() {
            return Some(RenewalRecord { id, validated_at, copy: None });
        }
        let (fingerprint, body) = payload.split_first_chunk()?;
        if body.is_empty() {
            return None;
        }
        let copy = Some(StateCopy { fingerprint: *fingerprint, body });
        Some(RenewalRecord { id, validated_at, copy })
    }

    /// The maximum length of the payload in bytes.
    pub(crate) fn max_len(&self) -> usize {
        self.copy
            .map_or(ID_LEN + TIME_LEN, |copy| RenewalRecord::max_len_with_copy(copy.body.len()))
    }

    /// The maximum length in bytes of a payload that contains a copy of a body of `len` bytes.
    pub(crate) fn max_len_with_copy(len: usize) -> usize {
        len.saturating_add(ID_LEN + TIME_LEN + FINGERPRINT_LEN)
    }
}

fn take_mark(rest: &mut &[u8]) -> Option<Mark> {
    let (mark, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*mark)
}

fn take_time(rest: &mut &[u8]) -> Option<UnixTime> {
    take_varint(rest).map(UnixTime::from_secs)
}

fn take_id(rest: &mut &[u8]) -> Option<SessionId> {
    let (id, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(SessionId::from_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If the buffer were too small, it would grow, and its old memory would be freed with
    /// plaintext in it.
    #[test]
    fn a_renewal_record_fills_exactly_the_capacity_reserved_for_it() {
        let id = SessionId::from_bytes([7; ID_LEN]);
        let fingerprint = [9; FINGERPRINT_LEN];
        for len in [0, 1, 100, 3000] {
            let body = vec![5; len];
            let copy = Some(StateCopy { fingerprint, body: &body }).filter(|_| len > 0);
            let record = RenewalRecord { id, validated_at: UnixTime::MAX, copy };
            let mut out = Vec::new();
            record.write(&mut out);
            assert_eq!(record.max_len(), out.len(), "{len}");
        }
    }
}
