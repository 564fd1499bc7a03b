//! Law: the pieces of a split token are joined to the same token. Other combinations of pieces
//! never give a token.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use bulla::{Cookie, Policy, Sessions};

use super::sessions::{NAME, Planted, State, planted};
use crate::fixed::{T0, at, ring};
use crate::independent::{Found, find, split};

struct World {
    sessions: Sessions<State>,
    planted: Vec<Planted>,
    /// The cookies of each session.
    cookies: Vec<Vec<(String, String)>>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    // The first token needs one cookie, the next two need two cookies each, and the last needs
    // three.
    let all = [(1, 10), (2, 4_000), (3, 4_000), (4, 5_800)];
    let planted: Vec<Planted> =
        all.iter().map(|(number, len)| planted(NAME, *number, *len)).collect();
    let cookies = planted.iter().map(|planted| split(NAME, &planted.token).expect("it fits"));
    World {
        sessions: Sessions::builder(ring(), Policy::default())
            .cookie(Cookie::default().split())
            .build(),
        cookies: cookies.collect(),
        planted,
    }
});

/// `data` says which pieces are sent, in which order, under which names and with which changes.
///
/// # Panics
/// If the session does not come from the first complete set of pieces, or if the response deletes
/// or overwrites incomplete pieces.
pub fn pieces(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let header = header(&mut input).unwrap_or_default();
    let world = &*WORLD;
    let session = world
        .sessions
        .load_at(at(T0 + 1), "GET", |name| (name == "cookie").then_some(header.as_slice()));
    let Found(tokens) = find(&header, NAME);
    let expected = tokens.iter().find_map(|token| {
        world.planted.iter().find(|planted| planted.token.as_bytes() == &token[..])
    });
    assert_eq!(session.info().map(|info| info.id), expected.map(|planted| planted.id));
    if tokens.is_empty() {
        // Another server may be able to read the pieces.
        let writes = session.commit().into_iter().any(|line| line.name == "set-cookie");
        assert!(!writes, "incomplete pieces must be left alone");
    }

    if data.len() >= 2 && data[0] == 0xff {
        let len = usize::from(u16::from_le_bytes([data[1], data.get(2).copied().unwrap_or(0)]));
        splits_and_joins(len % 5_900);
    }
}

/// Checks that both implementations split a token in the same way, and that both join it.
fn splits_and_joins(len: usize) {
    let world = &*WORLD;
    let session = world.sessions.load_at(at(T0), "POST", |_| None::<&[u8]>);
    session.start(State { text: "x".repeat(len) }).expect("it fits");
    let cookies: Vec<(String, String)> = session
        .commit()
        .into_iter()
        .filter(|line| line.name == "set-cookie")
        .map(|line| {
            let (name, rest) = line.value.split_once('=').expect("a pair");
            (name.to_owned(), rest.split(';').next().unwrap_or_default().to_owned())
        })
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let pairs: Vec<String> =
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let header = pairs.join("; ");
    let Found(tokens) = find(header.as_bytes(), NAME);
    let token = String::from_utf8(tokens[0].clone()).expect("a token is ASCII");
    assert_eq!(tokens.len(), 1);
    assert_eq!(split(NAME, &token), Some(cookies));
    let session = world
        .sessions
        .load_at(at(T0), "GET", |name| (name == "cookie").then_some(header.as_bytes()));
    assert_eq!(session.get().map(|state| state.text.len()), Some(len));
}

fn header(input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let world = &*WORLD;
    let mut header = Vec::new();
    for _ in 0..input.arbitrary::<u8>()? % 12 {
        let (which, index, kind): (u8, u8, u8) = input.arbitrary()?;
        let set = &world.cookies[usize::from(which) % world.cookies.len()];
        let (name, value) = &set[usize::from(index) % set.len()];
        let (mut name, mut value) = (name.clone(), value.clone().into_bytes());
        match kind % 8 {
            0..=3 => {}
            // Changes a byte in the head of the piece, where every byte has a meaning.
            4 => {
                let (at, byte): (u8, u8) = input.arbitrary()?;
                value[usize::from(at) % 16] = byte;
            }
            5 => {
                let (at, byte): (u16, u8) = input.arbitrary()?;
                let at = usize::from(at) % value.len();
                value[at] = byte;
            }
            6 => value.truncate(usize::from(input.arbitrary::<u16>()?) % value.len()),
            _ => {
                let other = input.arbitrary::<u8>()? % 4;
                name = if other == 0 { NAME.to_owned() } else { format!("{NAME}-{other}") };
            }
        }
        header.extend_from_slice(name.as_bytes());
        header.push(b'=');
        header.extend(value);
        header.extend_from_slice(b"; ");
    }
    Ok(header)
}
