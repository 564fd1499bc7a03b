//! Law: a token opens if and only if its text is unchanged and the key, the purpose and the mode
//! are those with which the token was made, and its lifetime has not passed.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use bulla::KeyRing;
use bulla::token::RawTokens;

use crate::fixed::{T0, at, key_bytes, key_text, ring};
use crate::independent::{Fields, Key, Mode, make};
use crate::mutation::{mutations, rest};

const PURPOSE: &str = "fuzz.example/open";

struct World {
    key: Key,
    right: [RawTokens; 2],
    other_purpose: [RawTokens; 2],
    /// Tokens under rings that do not contain `key`.
    other_keys: [RawTokens; 2],
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let others: KeyRing = [2, 3, 4].map(key_text).join("\n").parse().expect("the keys are valid");
    let both = |ring: &KeyRing, purpose| {
        [bulla::token::Mode::Sealed, bulla::token::Mode::Signed]
            .map(|mode| RawTokens::new(ring, mode, purpose))
    };
    World {
        key: Key::new(&key_bytes(1), PURPOSE.as_bytes()),
        right: both(&ring(), PURPOSE),
        other_purpose: both(&ring(), "fuzz.example/other"),
        other_keys: both(&others, PURPOSE),
    }
});

/// `data` contains the fields of a token, the time at which it is opened, and changes to its text.
///
/// # Panics
/// If a changed token opens, or if an unchanged token does not.
pub fn open(data: &[u8]) {
    let _ = run(&mut Unstructured::new(data));
}

fn run(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let world = &*WORLD;
    let (signed, bucket): (bool, u8) = input.arbitrary()?;
    let mode = if signed { Mode::Signed } else { Mode::Sealed };
    let (age, lifetime): (i16, u16) = input.arbitrary()?;
    let now = T0.saturating_add_signed(age.into());
    let nonce = [input.arbitrary()?; 24];
    let mutations = mutations(input)?;
    let payload = rest(input)?;
    let fields = Fields {
        issued_at: T0,
        lifetime: lifetime.into(),
        schema: 1 + u32::from(nonce[0]),
        payload: payload[..payload.len().min(5_000)].to_vec(),
    };
    let body = fields.body(usize::from(bucket.max(1)));
    let made = make(mode, &world.key, &nonce, &body);
    // Another valid token, because some changes insert parts of another token.
    let other_fields = Fields { payload: b"other".to_vec(), ..fields.clone() };
    let other_body = other_fields.body(usize::from(bucket.max(1)));
    let other = make(mode, &world.key, &[!nonce[0]; 24], &other_body);

    let text = mutations
        .iter()
        .fold(made.clone().into_bytes(), |text, mutation| mutation.apply(text, other.as_bytes()));
    let expected = [(&made, &fields), (&other, &other_fields)]
        .into_iter()
        .find_map(|(token, fields)| (token.as_bytes() == text).then_some(fields));

    let (same, cross) = (usize::from(signed), usize::from(!signed));
    match (world.right[same].authenticate(&text), expected) {
        (Ok(opened), Some(fields)) => {
            assert_eq!(*opened.payload, fields.payload);
            assert_eq!((opened.schema, opened.issued_at), (fields.schema, at(T0)));
            let in_time = now + 60 >= T0 && now < T0 + fields.lifetime;
            assert_eq!(opened.check_at(at(now)).is_ok(), in_time, "{age} {lifetime}");
        }
        (Err(_), None) => {}
        (opened, _) => panic!("{opened:?} of {}", String::from_utf8_lossy(&text)),
    }
    // The other mode refuses the token, even if a change has replaced the prefix with that of the
    // other mode.
    assert!(world.right[cross].authenticate(&text).is_err());
    for tokens in world.other_purpose.iter().chain(&world.other_keys) {
        assert!(tokens.authenticate(&text).is_err());
    }
    Ok(())
}
