//! The operations that are counted.

use std::hint::black_box;
use std::time::Duration;

use bulla::token::{NoPrevious, View};
use bulla::{KeyRing, Payload, Policy, Sealer, Sessions, Signer, UnixTime};
use serde::{Deserialize, Serialize};

const LIFETIME: Duration = Duration::from_secs(3600);

/// A fixed time, because reading the clock takes a different number of instructions on each
/// machine.
const NOW: UnixTime = UnixTime::from_secs(1_796_126_400);

/// The state. In postcard, a small state has 84 bytes and a large state 2.4 kB.
#[derive(Serialize, Deserialize)]
struct State {
    id: u64,
    names: Vec<String>,
}

#[derive(Deserialize)]
struct StateView<'a> {
    id: u64,
    #[serde(borrow)]
    names: [&'a str; 3],
}

impl Payload for State {
    const PURPOSE: &'static str = "shop.example/session";
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> State {
        match previous {}
    }
}

#[derive(Serialize, Deserialize)]
struct Three {
    id: u64,
    names: [String; 3],
}

impl Payload for Three {
    const PURPOSE: &'static str = "shop.example/three";
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> Three {
        match previous {}
    }
}

impl<'a> View<'a> for StateView<'a> {
    type Of = Three;
}

fn state(strings: u32) -> State {
    let names = (0..strings).map(|n| format!("a string no. {n:02} of 25 bytes"));
    State { id: 4_815_162_342, names: names.collect() }
}

const SMALL: u32 = 3;
const LARGE: u32 = 85;

type Operation = Box<dyn FnMut()>;

type Prepare = fn() -> Operation;

/// The operations: a name, and a function that prepares the operation.
pub(crate) const OPERATIONS: &[(&str, Prepare)] = &[
    ("seal into a buffer, small", || seal_into(SMALL)),
    ("seal into a buffer, large", || seal_into(LARGE)),
    ("seal, small", || seal(SMALL)),
    ("seal, large", || seal(LARGE)),
    ("open, small", || open(SMALL, 1, |token| token)),
    ("open, large", || open(LARGE, 1, |token| token)),
    ("open, small, ring of 64", || open(SMALL, 64, |token| token)),
    ("open borrowed, small", open_in),
    ("sign into a buffer, small", sign_into),
    ("verify, small", verify),
    ("request that reads the state, small", || request(SMALL, Does::Read)),
    ("request that reads the state, large", || request(LARGE, Does::Read)),
    ("request that ignores the session, small", || request(SMALL, Does::Nothing)),
    ("request that changes the state, small", || request(SMALL, Does::Change)),
    ("refuse a wrong prefix, small", || open(SMALL, 1, |token| token.replace("b1.", "c1."))),
    ("refuse a token that is too long, large", || open(LARGE, 1, |token| token.repeat(3))),
    ("refuse an invalid character, small", || open(SMALL, 1, |token| token.replace("b1.", "b1.!"))),
    ("refuse an unknown key, small", || open(SMALL, 1, |token| format!("b1.AAAAA{}", &token[8..]))),
    ("refuse a wrong tag, small", || open(SMALL, 1, |token| changed(&token))),
];

/// Changes the second last character, which encodes a part of the tag.
fn changed(token: &str) -> String {
    let (head, tail) = token.split_at(token.len() - 2);
    let other = if tail.starts_with('A') { 'B' } else { 'A' };
    format!("{head}{other}{}", &tail[1..])
}

fn ring(keys: usize) -> KeyRing {
    let text: String =
        (0..keys).map(|_| KeyRing::generate().expect("random").expose_text().to_string()).collect();
    text.parse().expect("valid text")
}

fn sealer<P: Payload>(keys: usize) -> Sealer<P> {
    Sealer::new(ring(keys), LIFETIME)
}

fn seal_into(strings: u32) -> Operation {
    let (sealer, state, mut token) = (sealer(1), state(strings), String::new());
    Box::new(move || {
        sealer.seal_into(black_box(&state), NOW, &mut token).expect("it fits");
        black_box(&token);
    })
}

fn seal(strings: u32) -> Operation {
    let (sealer, state) = (sealer(1), state(strings));
    Box::new(move || {
        black_box(sealer.seal_at(black_box(&state), NOW).expect("it fits"));
    })
}

fn open(strings: u32, keys: usize, change: fn(String) -> String) -> Operation {
    let sealer = sealer::<State>(keys);
    let token = change(sealer.seal_at(&state(strings), NOW).expect("it fits"));
    Box::new(move || {
        black_box(sealer.open_at(black_box(&token), NOW)).ok();
    })
}

enum Does {
    Nothing,
    Read,
    Change,
}

/// Handles one request as an adapter does.
fn request(strings: u32, does: Does) -> Operation {
    let sessions = Sessions::<State>::new(ring(1), Policy::default());
    let session = sessions.load_at(NOW, "POST", |_| None::<&[u8]>);
    session.start(state(strings)).expect("it fits");
    let mut lines = session.commit().into_iter().filter(|line| line.name == "set-cookie");
    let line = lines.next().expect("a session has started").value;
    let cookie = line.split(';').next().expect("a name and a value").as_bytes().to_vec();
    Box::new(move || {
        let header = black_box(&cookie[..]);
        let session = sessions.load_at(NOW, "GET", |name| (name == "cookie").then_some(header));
        match does {
            Does::Nothing => {}
            Does::Read => assert!(session.get().is_some()),
            Does::Change => session.update(|state| state.id += 1).expect("there is a session"),
        }
        black_box(session.commit());
    })
}

fn open_in() -> Operation {
    let sealer = sealer::<Three>(1);
    let names = [1, 2, 3].map(|n| format!("a string no. {n:02} of 25 bytes"));
    let token = sealer.seal_at(&Three { id: 4_815_162_342, names }, NOW).expect("it fits");
    let mut buf = Vec::new();
    Box::new(move || {
        let opened = sealer.open_in::<StateView>(black_box(&token), NOW, &mut buf);
        let view = opened.expect("it was sealed").payload;
        black_box((view.id, view.names));
    })
}

fn sign_into() -> Operation {
    let (signer, state) = (Signer::new(ring(1), LIFETIME), state(SMALL));
    let mut token = String::new();
    Box::new(move || {
        signer.sign_into(black_box(&state), NOW, &mut token).expect("it fits");
        black_box(&token);
    })
}

fn verify() -> Operation {
    let signer = Signer::<State>::new(ring(1), LIFETIME);
    let token = signer.sign_at(&state(SMALL), NOW).expect("it fits");
    Box::new(move || {
        black_box(signer.verify_at(black_box(&token), NOW)).ok();
    })
}
