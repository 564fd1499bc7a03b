//! Records: the data that a session's tokens contain in addition to the state (spec section 9).

use crate::primitives::RandomError;
use crate::revocation::entry::Exception;
use crate::revocation::known::{Followed, Follows, MAX_FOLLOWS};
use crate::session::policy::Term;
use crate::time::UnixTime;
use crate::token::id::{
    BOUND_KEY_LEN, BoundKey, FINGERPRINT_LEN, Fingerprint, ID_LEN, Mark, SessionId,
};
use crate::token::payload::PayloadError;
use crate::token::wire::{take_varint, write_varint};

/// The maximum length of a time as a varint, in bytes. The last second of the year 9999 is below
/// 2^42, and a byte has 7 bits of a varint.
const TIME_LEN: usize = 6;

/// The newest schema version of a renewal token, which is the version of its layout. The renewal
/// tokens of a session that is bound to a device have this version, and all others have version 1.
pub(crate) const RENEWAL_SCHEMA: u32 = 2;

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
    /// The key of the device to which the session is bound. In a box, because the records of all
    /// other sessions would be copied with 34 empty bytes.
    pub(crate) bound: Option<Box<BoundKey>>,
}

/// Bits for the optional fields of a record, in the order of the fields. A set bit means that the
/// field is present. The field `remembered` has no bytes.
const CEILING: u64 = 1;
const ORIGIN: u64 = 2;
const ENDED_OTHERS: u64 = 4;
const FOLLOWS: u64 = 8;
const REMEMBERED: u64 = 16;
const BOUND: u64 = 32;

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
            | bit(REMEMBERED, self.term == Term::Remembered)
            | bit(BOUND, self.bound.is_some());
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
        if let Some(key) = &self.bound {
            out.extend_from_slice(&key[..]);
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
        if fields > (CEILING | ORIGIN | ENDED_OTHERS | FOLLOWS | REMEMBERED | BOUND) {
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
            bound: None,
        };
        if has(CEILING) {
            record.ceiling = Some(take_time(rest).ok_or_else(cut)?);
        }
        if has(ORIGIN) {
            record.origin = Some(take_id(rest).ok_or_else(cut)?);
        }
        if has(ENDED_OTHERS) {
            let before = take_time(rest).ok_or_else(cut)?;
            record.ended_others = Some((before, take_bytes(rest).ok_or_else(cut)?));
        }
        let follows = if has(FOLLOWS) { take_varint(rest).ok_or_else(cut)? } else { 0 };
        let most = u64::try_from(MAX_FOLLOWS).unwrap_or(u64::MAX);
        if has(FOLLOWS) && !(1..=most).contains(&follows) {
            return Err(PayloadError("the session follows no revocation or too many"));
        }
        for _ in 0..follows {
            let origin = take_id(rest).ok_or_else(cut)?;
            let before = take_time(rest).ok_or_else(cut)?;
            let mark = take_bytes(rest).ok_or_else(cut)?;
            record.follows.push(Followed { before, except: Exception { origin, mark } });
        }
        if has(BOUND) {
            record.bound = Some(Box::new(take_bytes(rest).ok_or_else(cut)?));
        }
        Ok(record)
    }
}

/// The payload of a renewal token.
pub(crate) struct RenewalRecord<'a> {
    pub(crate) id: SessionId,
    /// When the application's check last returned `Holds`; 1970 if never.
    pub(crate) validated_at: UnixTime,
    /// Present if the session is bound to a device.
    pub(crate) proof: Option<Proof>,
    pub(crate) copy: Option<StateCopy<'a>>,
}

/// The additional data in the renewal token of a bound session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// When the device last proved that it has the key.
    pub(crate) at: UnixTime,
    /// The key of the device. The state token contains it only after the first proof, and a
    /// response that was on its way can replace that state token with one without the key.
    pub(crate) key: BoundKey,
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
        if let Some(Proof { at, key }) = &self.proof {
            write_varint(out, at.as_secs());
            out.extend_from_slice(key);
        }
        if let Some(copy) = self.copy {
            out.extend_from_slice(&copy.fingerprint);
            out.extend_from_slice(copy.body);
        }
    }

    /// The schema version of the token.
    pub(crate) fn schema(&self) -> u32 {
        if self.proof.is_some() { RENEWAL_SCHEMA } else { 1 }
    }

    /// `schema` is the schema version of the token.
    pub(crate) fn read(schema: u32, mut payload: &'a [u8]) -> Option<RenewalRecord<'a>> {
        let id = take_id(&mut payload)?;
        let validated_at = take_time(&mut payload)?;
        let proof = if schema == 1 { None } else { Some(take_proof(&mut payload)?) };
        if payload.is_empty() {
            return Some(RenewalRecord { id, validated_at, proof, copy: None });
        }
        let (fingerprint, body) = payload.split_first_chunk()?;
        if body.is_empty() {
            return None;
        }
        let copy = Some(StateCopy { fingerprint: *fingerprint, body });
        Some(RenewalRecord { id, validated_at, proof, copy })
    }

    /// The maximum length of the payload in bytes.
    pub(crate) fn max_len(&self) -> usize {
        let proof = self.proof.map_or(0, |_| PROOF_LEN);
        let copy = self.copy.map_or(0, |copy| copy.body.len().saturating_add(FINGERPRINT_LEN));
        copy.saturating_add(proof).saturating_add(ID_LEN + TIME_LEN)
    }

    /// The maximum length in bytes of a payload that contains a copy of a body of `len` bytes.
    /// `record` is the record of the session.
    pub(crate) fn max_len_with_copy(record: &Record, len: usize) -> usize {
        let proof = if record.bound.is_some() { PROOF_LEN } else { 0 };
        len.saturating_add(proof).saturating_add(ID_LEN + TIME_LEN + FINGERPRINT_LEN)
    }
}

/// The maximum length of a proof in bytes.
const PROOF_LEN: usize = TIME_LEN + BOUND_KEY_LEN;

fn take_proof(rest: &mut &[u8]) -> Option<Proof> {
    let at = take_time(rest)?;
    let key = take_bytes(rest)?;
    Some(Proof { at, key })
}

fn take_bytes<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*bytes)
}

fn take_time(rest: &mut &[u8]) -> Option<UnixTime> {
    take_varint(rest).map(UnixTime::from_secs)
}

fn take_id(rest: &mut &[u8]) -> Option<SessionId> {
    take_bytes(rest).map(SessionId::from_bytes)
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
            let proof = Proof { at: UnixTime::MAX, key: [3; BOUND_KEY_LEN] };
            for proof in [None, Some(proof)] {
                let record = RenewalRecord { id, validated_at: UnixTime::MAX, proof, copy };
                let mut out = Vec::new();
                record.write(&mut out);
                assert_eq!(record.max_len(), out.len(), "{len}");
            }
        }
    }
}
