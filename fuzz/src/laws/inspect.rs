//! Law: for any token, the page (the output) of `bulla inspect` has no character that controls a
//! terminal, and says that a token opens only if the token opens.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use bulla::KeyRing;
use bulla::token::Visible;

use crate::fixed::{T0, at, key_bytes, ring};
use crate::independent::{Fields, Key, Mode, authenticate, deadline, make};
use crate::mutation::{mutations, rest};
use crate::page::{self, Carrier};

const PURPOSE: &str = "fuzz.example/inspect";

struct World {
    ring: KeyRing,
    /// The keys for a plain token, for the state token of a session, and for its renewal token.
    keys: [Key; 3],
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let purposes = ["", "\0state\0bearer", "\0renewal\0bearer"];
    let keys = purposes.map(|role| Key::new(&key_bytes(1), format!("{PURPOSE}{role}").as_bytes()));
    World { ring: ring(), keys }
});

/// `data` is the text of a token, or the parts from which a token is made.
///
/// # Panics
/// If the page has a character that controls a terminal, or is wrong about whether the token
/// opens.
pub fn inspect(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let world = &*WORLD;
    let Ok((text, now, role)) = token(&mut input) else { return };
    let Ok(visible) = Visible::of(&text) else { return };
    let unverified = page::of_token(&text, visible, None, at(now));
    let carrier = if role == 0 { Carrier::Alone } else { Carrier::Bearer };
    let verifying = Some((&world.ring, PURPOSE, carrier));
    let verified = page::of_token(&text, visible, verifying, at(now));
    for shown in [&unverified, &verified] {
        let harmful = |c: char| {
            let turns = "\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
            c != '\n' && (c.is_control() || turns.contains(c))
        };
        assert!(!shown.text.contains(harmful), "{:?}", &*shown.text);
        assert!(shown.text.lines().count() < 24, "{:?}", &*shown.text);
        assert!(shown.text.len() < 100_000);
    }
    assert!(!unverified.text.contains("\nauthentic"));

    let mode = match visible.mode {
        bulla::token::Mode::Sealed => Mode::Sealed,
        bulla::token::Mode::Signed => Mode::Signed,
    };
    let tried = if role == 0 { &world.keys[..1] } else { &world.keys[1..] };
    let opens = tried.iter().any(|key| {
        authenticate(mode, std::slice::from_ref(key), text.as_bytes())
            .is_ok_and(|(key, fields)| deadline(key, &fields, u64::MAX, now).is_ok())
    });
    assert_eq!(verified.opens, Some(opens), "{}", &*verified.text);
    assert_eq!(verified.text.contains("\nopens                yes"), opens);
}

fn token(input: &mut Unstructured<'_>) -> arbitrary::Result<(String, u64, u8)> {
    let (kind, role): (u8, u8) = input.arbitrary()?;
    let role = role % 3;
    let (age, lifetime): (i16, u16) = input.arbitrary()?;
    let now = T0.saturating_add_signed(age.into());
    if kind % 4 == 3 {
        return Ok((String::from_utf8_lossy(rest(input)?).into_owned(), now, role));
    }
    let mode = if kind % 2 == 0 { Mode::Sealed } else { Mode::Signed };
    let mutations = mutations(input)?;
    let payload = rest(input)?;
    let payload = payload[..payload.len().min(5_000)].to_vec();
    let fields = Fields { issued_at: T0, lifetime: lifetime.into(), schema: 1, payload };
    let key = &WORLD.keys[usize::from(role)];
    let made = make(mode, key, &[7; 24], &fields.body(1)).into_bytes();
    let text = mutations.iter().fold(made, |text, mutation| mutation.apply(text, b"b1.AAAA"));
    Ok((String::from_utf8_lossy(&text).into_owned(), now, role))
}
