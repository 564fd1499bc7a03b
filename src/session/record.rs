//! What a session's tokens hold beside the state (spec section 9).

use crate::primitives::RandomError;
use crate::time::UnixTime;
use crate::token::id::{FINGERPRINT_LEN, Fingerprint, ID_LEN, SessionId};
use crate::token::wire::{take_varint, write_varint};

/// A time's varint, at most: the year 9999 is below 2^42.
const TIME_LEN: usize = 6;

/// The schema version of a renewal token: the version of its layout.
pub(crate) const RENEWAL_SCHEMA: u32 = 1;

/// The part of a state token's payload that goes before the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: SessionId,
    pub(crate) started_at: UnixTime,
    pub(crate) reauthenticated_at: UnixTime,
    pub(crate) ceiling: Option<UnixTime>,
    /// The id under which it started, if it has another now.
    pub(crate) origin: Option<SessionId>,
}

impl Record {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.id.as_bytes());
        write_varint(out, self.started_at.as_secs());
        write_varint(out, self.reauthenticated_at.as_secs());
        let ceiling = self.ceiling.map_or(0, UnixTime::as_secs);
        write_varint(out, ceiling << 1 | u64::from(self.origin.is_some()));
        if let Some(origin) = self.origin {
            out.extend_from_slice(origin.as_bytes());
        }
    }

    /// The id under which the session started, which copies of its tokens share.
    pub(crate) fn first_id(&self) -> SessionId {
        self.origin.unwrap_or(self.id)
    }

    /// The same session under a new id.
    pub(crate) fn renamed(self) -> Result<Record, RandomError> {
        Ok(Record { id: SessionId::new()?, origin: Some(self.first_id()), ..self })
    }

    /// Takes a record off the front of a payload.
    pub(crate) fn take(rest: &mut &[u8]) -> Option<Record> {
        let id = take_id(rest)?;
        let started_at = UnixTime::from_secs(take_varint(rest)?);
        let reauthenticated_at = UnixTime::from_secs(take_varint(rest)?);
        let limit = take_varint(rest)?;
        let ceiling = Some(limit >> 1).filter(|ceiling| *ceiling > 0).map(UnixTime::from_secs);
        let origin = if limit & 1 == 1 { Some(take_id(rest)?) } else { None };
        Some(Record { id, started_at, reauthenticated_at, ceiling, origin })
    }
}

/// The payload of a renewal token.
pub(crate) struct RenewalRecord<'a> {
    pub(crate) id: SessionId,
    /// When the application last said that the session holds; 1970 if never.
    pub(crate) validated_at: UnixTime,
    pub(crate) copy: Option<StateCopy<'a>>,
}

/// The content of a state token whose key is no longer primary.
#[derive(Clone, Copy)]
pub(crate) struct StateCopy<'a> {
    pub(crate) fingerprint: Fingerprint,
    /// The body, without padding.
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

    /// Bytes of the payload, at most.
    pub(crate) fn max_len(&self) -> usize {
        self.copy
            .map_or(ID_LEN + TIME_LEN, |copy| RenewalRecord::max_len_with_copy(copy.body.len()))
    }

    /// Bytes of a payload with a copy of a body of `len` bytes, at most.
    pub(crate) fn max_len_with_copy(len: usize) -> usize {
        len.saturating_add(ID_LEN + TIME_LEN + FINGERPRINT_LEN)
    }
}

fn take_id(rest: &mut &[u8]) -> Option<SessionId> {
    let (id, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(SessionId::from_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory that is too small would be freed with plaintext in it.
    #[test]
    fn a_renewal_record_never_outgrows_the_room_that_is_made_for_it() {
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
