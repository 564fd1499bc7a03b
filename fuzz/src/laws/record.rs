//! Law: any bytes of a session's record (the ids and times before its state) are read as the
//! specification says. A revocation ends exactly the older sessions that do not follow it (see
//! [`Record::follows`]). A change of the state keeps the record.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arbitrary::Unstructured;
use bulla::revocation::{Exception, Revocation, Subject};
use bulla::session::{DeviceBound, Refusal, SessionId, Status};
use bulla::{OpenError, Policy, Revocations, Sessions};

use super::sessions::{NAME, State, key, sealed};
use crate::fixed::{T0, at, ring, secs};
use crate::independent::{Followed, Mode, Record, authenticate};

/// The time of the request.
const NOW: u64 = T0 + 1;
const ABSOLUTE: u64 = 12 * 3_600;
const REMEMBERED: u64 = 30 * 86_400;

static POLICY: LazyLock<Policy> = LazyLock::new(Policy::default);

/// `data` describes the bytes of a record, the state after it, and the revocations that a server
/// knows.
///
/// # Panics
/// If the two implementations differ, or if a change of the state changes the record.
pub fn record(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok((server, payload, known)) = read(&mut input) else { return };

    let revocations = Revocations::new();
    for of in &known {
        let except = of.mark.map(|mark| Exception { origin: session_id(of.origin), mark });
        let (before, until) = (at(of.before), at(T0 + 2 * ABSOLUTE));
        revocations.add(match of.scope {
            Scope::All => Revocation::All { before, except, until },
            Scope::Subject => {
                let subject = Subject::of("fuzz.example/session", "subject");
                Revocation::Subject { subject, before, except, until }
            }
        });
    }
    let mut sessions = Sessions::<State>::builder(ring(), *POLICY);
    if server.remembers {
        sessions = sessions.remembered(Policy::new(secs(REMEMBERED), secs(REMEMBERED)));
    }
    if server.binds {
        sessions = sessions.device_bound(DeviceBound::default());
    }
    let sessions = sessions.revocations(&revocations).subject(|_| "subject".to_owned()).build();
    let header = format!("{NAME}={}", sealed(NAME, 1, payload.clone()));
    let session =
        sessions.load_at(at(NOW), "GET", |name| (name == "cookie").then_some(header.as_bytes()));

    let mut rest = &payload[..];
    let record = Record::take(&mut rest).filter(|_| is_state(rest));
    let record = record.filter(|record| server.binds || record.bound.is_none());
    let Some(record) = record.filter(|record| server.remembers || !record.remembered) else {
        let refused =
            matches!(session.status(), Status::Refused(Refusal::Token(OpenError::Payload(_))));
        assert!(refused, "{:?}", session.status());
        // The token is left alone, because a newer release may be able to read it.
        assert!(session.commit().into_iter().all(|line| line.name != "set-cookie"));
        return;
    };
    if is_revoked(&record, &known) {
        assert_eq!(session.status(), Status::Refused(Refusal::Revoked));
        return;
    }
    let absolute = if record.remembered { REMEMBERED } else { ABSOLUTE };
    let deadline = (record.started_at + absolute).min(record.ceiling.unwrap_or(u64::MAX));
    if deadline <= NOW {
        assert_eq!(session.status(), Status::Refused(Refusal::AbsoluteTimeout));
        return;
    }
    if record.bound.is_some() {
        assert_eq!(session.status(), Status::Refused(Refusal::ProofDue));
        return;
    }
    let info = session.info().expect("a living session");
    assert_eq!(
        (info.id, info.origin, info.started_at, info.reauthenticated_at, info.remembered),
        (
            session_id(record.id),
            session_id(record.first_id()),
            at(record.started_at),
            at(record.reauthenticated_at),
            record.remembered
        )
    );
    session.set(State { text: "changed".to_owned() }).expect("it fits");
    let lines: Vec<_> = session.commit().into_iter().collect();
    let token = lines.iter().find_map(|line| line.value.strip_prefix("__Host-session="));
    let token = token.and_then(|rest| rest.split(';').next()).expect("a state token");
    let keys = [key(NAME)];
    let (_, fields) = authenticate(Mode::Sealed, &keys, token.as_bytes()).expect("authentic");
    let mut payload = &fields.payload[..];
    assert_eq!(Record::take(&mut payload), Some(record));
    assert_eq!(payload, b"\x07changed");
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Subject,
    All,
}

/// A revocation that the server knows.
#[derive(Clone, Copy)]
struct Known {
    scope: Scope,
    before: u64,
    origin: [u8; 16],
    /// The mark in the tokens that the revocation does not end. `None` if it ends all.
    mark: Option<[u8; 8]>,
}

fn is_revoked(record: &Record, known: &[Known]) -> bool {
    // If one session makes two revocations in the same second, with different marks, both tokens
    // are revoked. A token with a mark of zeros is also revoked.
    let mut marks: BTreeMap<_, Vec<[u8; 8]>> = BTreeMap::new();
    for of in known {
        marks.entry((of.scope, of.origin, of.before)).or_default().extend(of.mark);
    }
    known.iter().filter(|of| record.started_at < of.before).any(|of| {
        let Some(mark) = of.mark else { return true };
        let ambiguous = marks[&(of.scope, of.origin, of.before)].iter().any(|other| *other != mark);
        let named = Followed { origin: of.origin, before: of.before, mark };
        // No token can name a revocation with two marks, but it can name a later one.
        let named = if ambiguous || mark == [0; 8] {
            Followed { before: of.before, mark: [0xff; 8], ..named }
        } else {
            named
        };
        !record.follows(&named)
    })
}

/// The settings of a server.
struct Server {
    remembers: bool,
    binds: bool,
}

/// Reads the settings of the server, the payload of a state token, and up to four revocations.
fn read(input: &mut Unstructured<'_>) -> arbitrary::Result<(Server, Vec<u8>, Vec<Known>)> {
    let settings: u8 = input.arbitrary()?;
    let server = Server { remembers: settings & 1 != 0, binds: settings & 2 != 0 };
    let mut known = Vec::new();
    for _ in 0..input.arbitrary::<u8>()? % 5 {
        let scope = if input.arbitrary()? { Scope::Subject } else { Scope::All };
        let Followed { origin, before, mark } = followed(input)?;
        let mark = if input.ratio(1, 5)? { None } else { Some(mark) };
        known.push(Known { scope, before, origin, mark });
    }
    let mut record = Record {
        id: id(input)?,
        started_at: time(input)?,
        reauthenticated_at: time(input)?,
        ceiling: None,
        origin: None,
        ended_others: None,
        follows: Vec::new(),
        remembered: false,
        bound: None,
    };
    let fields: u8 = input.arbitrary()?;
    record.remembered = fields & 16 != 0;
    if fields & 1 != 0 {
        record.ceiling = Some(time(input)? + 600);
    }
    if fields & 2 != 0 {
        record.origin = Some(id(input)?);
    }
    if fields & 4 != 0 {
        let Followed { before, mark, .. } = followed(input)?;
        record.ended_others = Some((before, mark));
    }
    if fields & 8 != 0 {
        let count = input.arbitrary::<u8>()? % 36;
        record.follows = (0..count).map(|_| followed(input)).collect::<arbitrary::Result<_>>()?;
    }
    if fields & 32 != 0 {
        record.bound = Some([input.arbitrary()?; 33]);
    }
    let mut payload = [&record.write()[..], b"\x05state"].concat();
    for _ in 0..input.arbitrary::<u8>()? % 4 {
        let (kind, place, byte): (u8, u16, u8) = input.arbitrary()?;
        let place = usize::from(place) % payload.len().max(1);
        match kind % 5 {
            _ if payload.is_empty() => payload.push(byte),
            0 => payload[place] = byte,
            1 => payload[place] ^= 1 << (byte % 8),
            2 => payload.insert(place, byte),
            3 => drop(payload.remove(place)),
            _ => payload.truncate(place),
        }
    }
    Ok((server, payload, known))
}

/// One of four ids, so that records and revocations often have the same id.
fn id(input: &mut Unstructured<'_>) -> arbitrary::Result<[u8; 16]> {
    Ok([input.arbitrary::<u8>()? % 4; 16])
}

/// In most cases a time near [`T0`], and otherwise any time.
fn time(input: &mut Unstructured<'_>) -> arbitrary::Result<u64> {
    if input.ratio(1, 16)? {
        return Ok(input.arbitrary::<u64>()? % (1 << 37));
    }
    Ok(T0 - 8 + u64::from(input.arbitrary::<u8>()? % 16))
}

fn followed(input: &mut Unstructured<'_>) -> arbitrary::Result<Followed> {
    let (origin, before) = (id(input)?, time(input)?);
    Ok(Followed { origin, before, mark: [input.arbitrary::<u8>()? % 3; 8] })
}

/// Whether `rest` is a state (a text in postcard), without further bytes.
fn is_state(mut rest: &[u8]) -> bool {
    // Postcard also accepts lengths with leading zero groups.
    let mut len = 0_u128;
    for group in 0..10 {
        let Some((byte, tail)) = rest.split_first() else { return false };
        rest = tail;
        len |= u128::from(byte & 0x7f) << (7 * group);
        if *byte < 0x80 {
            return len <= u128::from(u64::MAX)
                && len == rest.len() as u128
                && std::str::from_utf8(rest).is_ok();
        }
    }
    false
}

fn session_id(bytes: [u8; 16]) -> SessionId {
    SessionId::from_bytes(bytes)
}
