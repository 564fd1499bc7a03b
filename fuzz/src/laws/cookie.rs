//! Law: in any `Cookie` header, the library finds the same values of a cookie as the independent
//! implementation and the `cookie` crate, and nothing else.

use std::cell::RefCell;
use std::sync::LazyLock;

use bulla::session::OldCookie;
use bulla::{Cookie, Policy, Sessions, UnixTime};

use super::sessions::{Planted, State, planted};
use crate::fixed::{T0, at, ring};
use crate::independent::values;

const NAME: &str = "__Host-session";
/// The name of an old cookie. Its values are recorded in [`FOUND`].
const SEEN: &str = "seen";

thread_local! {
    static FOUND: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct World {
    sessions: Sessions<State>,
    planted: [Planted; 2],
}

static WORLD: LazyLock<World> = LazyLock::new(|| World {
    sessions: Sessions::builder(ring(), Policy::default())
        .cookie(Cookie::default())
        .adopt_cookie(OldCookie::new(SEEN).expect("a valid name"), UnixTime::MAX, |value| {
            FOUND.with_borrow_mut(|found| found.push(value.to_owned()));
            None
        })
        .build(),
    planted: [planted(NAME, 1, 3), planted(NAME, 2, 40)],
});

/// `data` is a `Cookie` header in which the bytes 1 to 4 stand for two tokens and two names.
///
/// # Panics
/// If the session does not come from the first valid value. Also if the values of the old cookie
/// that the library finds differ from those of the independent implementation or of the `cookie`
/// crate.
pub fn cookie(data: &[u8]) {
    let world = &*WORLD;
    let header = expand(data, world);
    FOUND.with_borrow_mut(Vec::clear);
    let session = world
        .sessions
        .load_at(at(T0 + 1), "GET", |name| (name == "cookie").then_some(header.as_slice()));

    let mine = values(&header, NAME);
    let expected = mine.iter().find_map(|value| {
        world.planted.iter().find(|planted| planted.token.as_bytes() == &value[..])
    });
    assert_eq!(session.info().map(|info| info.id), expected.map(|planted| planted.id));
    if session.get().is_none() && mine.is_empty() {
        seen(&header, &FOUND.take());
    }
}

fn seen(header: &[u8], found: &[String]) {
    let expected: Vec<String> = values(header, SEEN)
        .into_iter()
        .filter_map(|value| String::from_utf8(value).ok())
        .filter(|value| !value.starts_with("b1."))
        .collect();
    assert_eq!(found, expected);
    for value in found {
        assert!(header.windows(value.len()).any(|part| part == value.as_bytes()));
        assert!(!value.contains(';'));
    }
    // The `cookie` crate reads only strings. It treats white space in the same way as the library
    // only if the header has no other characters than visible ASCII and spaces.
    let text = std::str::from_utf8(header).ok().filter(|text| {
        text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !text.contains("b1.")
    });
    let Some(text) = text else { return };
    let there: Vec<String> = cookie::Cookie::split_parse(text)
        .flatten()
        .filter(|cookie| cookie.name() == SEEN && !cookie.value().is_empty())
        .map(|cookie| cookie.value().to_owned())
        .take(4)
        .collect();
    assert_eq!(found, there);
}

fn expand(data: &[u8], world: &World) -> Vec<u8> {
    let mut header = Vec::new();
    for byte in &data[..data.len().min(2_000)] {
        match byte {
            1 | 2 => {
                let planted = &world.planted[usize::from(*byte) - 1];
                header.extend_from_slice(planted.token.as_bytes());
            }
            3 => header.extend_from_slice(NAME.as_bytes()),
            4 => header.extend_from_slice(SEEN.as_bytes()),
            byte => header.push(*byte),
        }
    }
    header
}
