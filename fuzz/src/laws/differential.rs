//! Law: the library and the independent implementation accept the same tokens, refuse the others
//! at the same step, and make the same tokens.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use bulla::token::{Opened, RawTokens};
use bulla::{KeyRing, SealError, Sealer, Signer};

use crate::fixed::{MAX_LIFETIME, PURPOSE, T0, Three, at, keys, name, ring, ring_text, secs};
use crate::independent::{
    Fields, Key, Mode, Reader, authenticate, deadline, make, open, read_ring, varint,
};
use crate::mutation::{mutations, rest};

struct World {
    keys: [Key; 4],
    for_another_purpose: [Key; 4],
    sealer: Sealer<Three>,
    signer: Signer<Three>,
    raw: [RawTokens; 2],
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let ring: KeyRing = ring();
    World {
        keys: keys(PURPOSE.as_bytes()),
        for_another_purpose: keys(b"fuzz.example/other"),
        sealer: Sealer::new(&ring, secs(MAX_LIFETIME)).limited_to(LIMIT),
        signer: Signer::new(&ring, secs(MAX_LIFETIME)).limited_to(LIMIT),
        raw: [bulla::token::Mode::Sealed, bulla::token::Mode::Signed]
            .map(|mode| RawTokens::new(&ring, mode, PURPOSE)),
    }
});

/// The maximum length of the tokens of the sealer and the signer.
const LIMIT: usize = 4_000;

/// `data` contains a body (which may be malformed), the mode, the key, the changes to the token,
/// and the time at which the token is opened.
///
/// # Panics
/// If the two implementations differ.
pub fn differential(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok((mode, now, text, fields)) = token(&mut input) else { return };
    let world = &*WORLD;
    let known = &world.keys[..3];

    let schemas = &[1, 3];
    let reader =
        Reader { mode, keys: known, now, max_lifetime: MAX_LIFETIME, max_length: LIMIT, schemas };
    let there = open(&reader, &text).and_then(|opened| {
        let wanted = opened.fields.schema as usize; // a type of version N has N bytes
        if opened.fields.payload.len() == wanted { Ok(opened) } else { Err("payload") }
    });
    let here: Result<Opened<Three>, _> = match mode {
        Mode::Sealed => world.sealer.open_at(&text, at(now)),
        Mode::Signed => world.signer.verify_at(&text, at(now)),
    };
    match (here, there) {
        (Ok(here), Ok(there)) => {
            assert_eq!(here.expires_at, at(there.expires_at));
            assert_eq!(here.issued_at, at(there.fields.issued_at));
            assert_eq!(here.key_id.to_string(), hex(&there.key_id));
            let Three { a, b, c } = here.payload;
            let mut bytes = there.fields.payload;
            bytes.resize(3, 0); // the upgrade from version 1 adds two zeros
            assert_eq!(bytes, [a, b, c]);
        }
        (Err(here), Err(there)) => assert_eq!(name(&here), there),
        (here, there) => panic!("{here:?} here, {there:?} there"),
    }

    let raw = &world.raw[usize::from(mode == Mode::Signed)];
    match (raw.authenticate(&text), authenticate(mode, known, &text)) {
        (Ok(here), Ok((key, there))) => {
            assert_eq!(*here.payload, there.payload);
            assert_eq!((here.schema, here.issued_at), (there.schema, at(there.issued_at)));
            assert_eq!(here.expires_at, at(there.issued_at + there.lifetime));
            let (here, there) = (here.check_at(at(now)), deadline(key, &there, u64::MAX, now));
            assert_eq!(here.err().as_ref().map(name), there.err());
        }
        (Err(here), Err(there)) => assert_eq!(name(&here), there),
        (here, there) => panic!("{here:?} here, {there:?} there"),
    }
    if let Some(fields) = fields {
        made_alike(mode, raw, &fields, now);
    }
}

/// Checks that the library makes the token that the format requires. A signed token must have the
/// same bytes.
fn made_alike(mode: Mode, raw: &RawTokens, fields: &Fields, now: u64) {
    static RING: LazyLock<crate::independent::RingText> =
        LazyLock::new(|| read_ring(ring_text().as_bytes()).expect("the text is a ring"));
    let fields = Fields { issued_at: now, ..fields.clone() };
    let made = raw.make(&fields.payload, fields.schema, secs(fields.lifetime), at(now));
    let token = match made {
        Ok(token) => token,
        Err(SealError::TooLong { .. }) => return assert!(fields.payload.len() > 6_000),
        Err(error) => return assert_eq!(fields.schema, 0, "{error}"),
    };
    let keys = &WORLD.keys;
    let (key, read) = authenticate(mode, keys, token.as_bytes()).expect("it opens there");
    assert_eq!(read, fields);
    assert_eq!(Some(key.id), RING.primary_at(now));
    if mode == Mode::Signed {
        assert_eq!(token, make(mode, key, &[0; 24], &fields.body(1)));
    }
}

type Case = (Mode, u64, Vec<u8>, Option<Fields>);

/// Makes a token with the independent implementation and changes it.
fn token(input: &mut Unstructured<'_>) -> arbitrary::Result<Case> {
    let (flags, key): (u8, u8) = input.arbitrary()?;
    let flag = |bit: u8| flags & 1 << bit != 0;
    let made_as = if flag(0) { Mode::Signed } else { Mode::Sealed };
    let read_as = match (made_as, flag(1)) {
        (mode, false) => mode,
        (Mode::Sealed, true) => Mode::Signed,
        (Mode::Signed, true) => Mode::Sealed,
    };
    let world = &*WORLD;
    let keys = if flag(2) { &world.for_another_purpose } else { &world.keys };
    let key = &keys[usize::from(key % 4)];
    let mut now = T0 + u64::from(input.arbitrary::<u16>()?);
    let nonce = [input.arbitrary()?; 24];
    let mutations = mutations(input)?;
    let (body, fields) = if flag(3) {
        now = input.arbitrary::<u64>()? % (1 << 38);
        let body = rest(input)?;
        (body[..body.len().min(6_100)].to_vec(), None)
    } else {
        let (issued_at, lifetime, schema): (u16, u16, u8) = input.arbitrary()?;
        let (more, zeros, last): (i8, u8, u8) = input.arbitrary()?;
        let payload = rest(input)?;
        let fields = Fields {
            issued_at: T0 + u64::from(issued_at),
            lifetime: lifetime.into(),
            schema: schema.into(),
            payload: payload[..payload.len().min(6_100)].to_vec(),
        };
        let mut body = varint(fields.issued_at);
        body.extend(varint(fields.lifetime));
        body.extend(varint(fields.schema.into()));
        // In most cases, this is the true length.
        let length = (fields.payload.len() as u64).saturating_add_signed((more / 32).into());
        body.extend(varint(length));
        body.extend(&fields.payload);
        body.resize(body.len() + usize::from(zeros % 64), 0);
        if zeros > 64 {
            body.push(last);
        }
        (body, Some(fields))
    };
    let made = make(made_as, key, &nonce, &body);
    let other = make(made_as, &keys[0], &nonce, &varint(T0));
    let text = mutations
        .iter()
        .fold(made.into_bytes(), |text, mutation| mutation.apply(text, other.as_bytes()));
    Ok((read_as, now, text, fields))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
