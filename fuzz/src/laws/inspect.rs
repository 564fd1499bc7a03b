//! Law: for any token, the output of `bulla inspect`, as text or as JSON, contains no character
//! that controls a terminal, and says that a token opens only if the token opens.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use bulla::KeyRing;
use bulla::token::Visible;

use crate::contents::{Carrier, Contents};
use crate::fixed::{T0, at, key_bytes, ring};
use crate::independent::{Fields, Key, Mode, authenticate, deadline, make};
use crate::mutation::{mutations, rest};
use crate::page;

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
/// If the output contains a character that controls a terminal, or is wrong about whether the token
/// opens, or is not JSON.
pub fn inspect(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let world = &*WORLD;
    let Ok((text, now, role)) = token(&mut input) else { return };
    let Ok(visible) = Visible::of(&text) else { return };
    let unverified = Contents::of(&text, visible, None, at(now));
    let carrier = if role == 0 { Carrier::Alone } else { Carrier::Bearer };
    let verifying = Some((&world.ring, PURPOSE, carrier));
    let verified = Contents::of(&text, visible, verifying, at(now));
    let pages = [&unverified, &verified].map(|contents| page::of(contents, at(now)));
    let documents =
        [&unverified, &verified].map(|contents| serde_json::to_string_pretty(contents).unwrap());
    for (page, document) in pages.iter().zip(&documents) {
        let harmful = |c: char| {
            let turns = "\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
            c != '\n' && (c.is_control() || turns.contains(c))
        };
        assert!(!page.contains(harmful), "{:?}", &**page);
        // 25 lines, and 3 for each of at most 32 revocations that a session follows.
        assert!(page.lines().count() < 25 + 3 * 32, "{:?}", &**page);
        assert!(page.len() < 100_000);
        assert!(!document.contains(harmful), "{document:?}");
        let read = serde_json::from_str::<serde_json::Value>(document);
        assert!(read.is_ok_and(|read| read["key_id"].is_string()), "{document:?}");
    }
    assert!(!pages[0].contains("\nauthentic"));

    let mode = match visible.mode {
        bulla::token::Mode::Sealed => Mode::Sealed,
        bulla::token::Mode::Signed => Mode::Signed,
    };
    let tried = if role == 0 { &world.keys[..1] } else { &world.keys[1..] };
    let opens = tried.iter().any(|key| {
        authenticate(mode, std::slice::from_ref(key), text.as_bytes())
            .is_ok_and(|(key, fields)| deadline(key, &fields, u64::MAX, now).is_ok())
    });
    assert_eq!(verified.opens, Some(opens), "{}", documents[1]);
    assert_eq!(pages[1].contains("\nopens                yes"), opens);
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
