//! The record of a session, which comes before its state (spec section 9). Also the revocations
//! that a session follows, that is, that its record names and that therefore do not end it, and the
//! payload of a renewal token.

use super::text::{take_varint, varint};

/// The last second of the year 9999. Later times count as this second.
const LAST_SECOND: u64 = 253_402_300_799;

/// A revocation that a token names. The token then counts as an exception of the revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The id under which the session that made the revocation started.
    pub origin: [u8; 16],
    /// The revocation ends sessions that started before this time.
    pub before: u64,
    /// The mark: random bytes of this revocation.
    pub mark: [u8; 8],
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The session id.
    pub id: [u8; 16],
    /// When the session began.
    pub started_at: u64,
    /// When the user last signed in or reauthenticated.
    pub reauthenticated_at: u64,
    /// The time at which the session ends at the latest, even if the policy allows more.
    pub ceiling: Option<u64>,
    /// The id under which the session began, if the session has another id now.
    pub origin: Option<[u8; 16]>,
    /// The last revocation by which this session ended the others: its time and mark.
    pub ended_others: Option<(u64, [u8; 8])>,
    /// The revocations that the server knew when it started the session.
    pub follows: Vec<Followed>,
    /// Whether the user asked to stay signed in.
    pub remembered: bool,
    /// The key of the device to which the session is bound.
    pub bound: Option<[u8; 33]>,
}

impl Record {
    /// Writes the record.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = self.id.to_vec();
        out.extend(varint(self.started_at));
        out.extend(varint(self.reauthenticated_at));
        let bits = [
            (self.ceiling.is_some(), 1),
            (self.origin.is_some(), 2),
            (self.ended_others.is_some(), 4),
            (!self.follows.is_empty(), 8),
            (self.remembered, 16),
            (self.bound.is_some(), 32),
        ];
        out.extend(varint(bits.iter().filter(|(is_there, _)| *is_there).map(|(_, bit)| bit).sum()));
        out.extend(self.ceiling.into_iter().flat_map(varint));
        out.extend(self.origin.into_iter().flatten());
        if let Some((before, mark)) = self.ended_others {
            out.extend(varint(before));
            out.extend(mark);
        }
        if !self.follows.is_empty() {
            out.extend(varint(self.follows.len() as u64));
        }
        for followed in &self.follows {
            out.extend(followed.origin);
            out.extend(varint(followed.before));
            out.extend(followed.mark);
        }
        out.extend(self.bound.into_iter().flatten());
        out
    }

    /// Takes a record off the front of a payload. Returns `None` if the payload ends within the
    /// record, or if the record has a field that the specification does not know.
    pub fn take(rest: &mut &[u8]) -> Option<Record> {
        let mut record = Record {
            id: take(rest)?,
            started_at: take_time(rest)?,
            reauthenticated_at: take_time(rest)?,
            ceiling: None,
            origin: None,
            ended_others: None,
            follows: Vec::new(),
            remembered: false,
            bound: None,
        };
        let fields = take_varint(rest)?;
        if fields > 63 {
            return None;
        }
        record.remembered = fields & 16 != 0;
        if fields & 1 != 0 {
            record.ceiling = Some(take_time(rest)?);
        }
        if fields & 2 != 0 {
            record.origin = Some(take(rest)?);
        }
        if fields & 4 != 0 {
            record.ended_others = Some((take_time(rest)?, take(rest)?));
        }
        if fields & 8 != 0 {
            let count = take_varint(rest)?;
            if !(1..=32).contains(&count) {
                return None;
            }
            for _ in 0..count {
                let (origin, before, mark) = (take(rest)?, take_time(rest)?, take(rest)?);
                record.follows.push(Followed { origin, before, mark });
            }
        }
        if fields & 32 != 0 {
            record.bound = Some(take(rest)?);
        }
        Some(record)
    }

    /// The id under which the session began.
    #[must_use]
    pub fn first_id(&self) -> [u8; 16] {
        self.origin.unwrap_or(self.id)
    }

    /// Whether the revocation does not end this session, because the token names the revocation or
    /// a later revocation of the same origin.
    #[must_use]
    pub fn follows(&self, revocation: &Followed) -> bool {
        let origin = self.first_id();
        let own = self.ended_others.map(|(before, mark)| Followed { origin, before, mark });
        self.follows.iter().copied().chain(own).any(|named| {
            named == *revocation
                || (named.origin == revocation.origin && named.before > revocation.before)
        })
    }
}

/// The payload of a renewal token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The session id.
    pub id: [u8; 16],
    /// When the application last said that the session is valid.
    pub validated_at: u64,
    /// The time of the last proof, and the key. The schema version is 2 if there is a proof.
    pub proof: Option<(u64, [u8; 33])>,
    /// The fingerprint and the copy.
    pub copy: Vec<u8>,
}

impl Renewal {
    /// Writes the payload.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = self.id.to_vec();
        out.extend(varint(self.validated_at));
        if let Some((at, key)) = self.proof {
            out.extend(varint(at));
            out.extend(key);
        }
        out.extend(&self.copy);
        out
    }

    /// Reads the payload of a token with this schema version.
    #[must_use]
    pub fn read(schema: u32, mut rest: &[u8]) -> Option<Renewal> {
        let id = take(&mut rest)?;
        let validated_at = take_time(&mut rest)?;
        let mut proof = None;
        if schema == 2 {
            proof = Some((take_time(&mut rest)?, take(&mut rest)?));
        }
        let is_whole = rest.is_empty() || rest.len() > 16;
        is_whole.then(|| Renewal { id, validated_at, proof, copy: rest.to_vec() })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let taken = rest.get(..N)?.try_into().ok()?;
    *rest = &rest[N..];
    Some(taken)
}

fn take_time(rest: &mut &[u8]) -> Option<u64> {
    take_varint(rest).map(|secs| secs.min(LAST_SECOND))
}
