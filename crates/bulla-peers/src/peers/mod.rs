//! How each library carries a state, in the way that its documentation shows.

mod biscuit;
mod branca;
mod bulla;
mod cookie;
mod fernet;
mod jsonwebtoken;
mod jwt_simple;
mod orion;
mod pasetors;
mod rusty_paseto;
mod seshcookie;

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use crate::jobs::{Job, Size, Verb};
use crate::states::{Account, LIFETIME, State, Visit};

pub use self::bulla::{DEFAULT, FAST, SIGNED, reusing};

/// What a library's tokens are, as far as the bars ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The client cannot read them.
    Encrypts,
    /// The client can read them.
    Signs,
}

/// Who enforces the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Opening refuses what has expired.
    Enforced,
    /// The library knows none.
    None,
}

/// A library, and what is written about it.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its name, and the variant.
    pub name: &'static str,
    /// What its tokens are.
    pub kind: Kind,
    /// What it computes.
    pub suite: &'static str,
    /// How it writes values.
    pub encoding: &'static str,
    /// Who enforces the deadline.
    pub expiry: Expiry,
}

impl Peer {
    /// Whether it is bulla.
    pub fn is_ours(&self) -> bool {
        bulla::PEERS.iter().any(|ours| ours.name == self.name)
    }
}

type Seal<S> = Box<dyn Fn(&S) -> String>;
type Open<S> = Box<dyn Fn(&str) -> Option<S>>;

/// How a peer carries a state.
struct Ways<S> {
    seal: Seal<S>,
    open: Open<S>,
    /// More that only bulla has, under a name of its own.
    more: Vec<Job>,
}

impl<S> Ways<S> {
    fn new(
        seal: impl Fn(&S) -> String + 'static,
        open: impl Fn(&str) -> Option<S> + 'static,
    ) -> Ways<S> {
        Ways { seal: Box::new(seal), open: Box::new(open), more: Vec::new() }
    }
}

/// A key that is nobody's.
const KEY: [u8; 32] = *b"a key of 32 bytes, for nothing.#";

macro_rules! all {
    ($use:ident) => {
        $use! {
            bulla::PEERS[0] => bulla::fast,
            bulla::PEERS[1] => bulla::default,
            bulla::PEERS[2] => bulla::signed,
            cookie::PRIVATE_JSON => cookie::private_json,
            cookie::PRIVATE_POSTCARD => cookie::private_postcard,
            cookie::SIGNED_JSON => cookie::signed_json,
            cookie::SIGNED_POSTCARD => cookie::signed_postcard,
            jsonwebtoken::AWS_LC => jsonwebtoken::aws_lc,
            jsonwebtoken::RUST_CRYPTO => jsonwebtoken::rust_crypto,
            jwt_simple::PEER => jwt_simple::ways,
            pasetors::JSON => pasetors::json,
            pasetors::POSTCARD => pasetors::postcard,
            rusty_paseto::PEER => rusty_paseto::ways,
            branca::PEER => branca::ways,
            fernet::PEER => fernet::ways,
            orion::PEER => orion::ways,
            biscuit::PEER => biscuit::ways,
            seshcookie::PEER => seshcookie::ways,
        }
    };
}

/// Every library.
pub fn peers() -> Vec<Peer> {
    macro_rules! peers { ($($peer:expr => $ways:ident::$how:ident),+ $(,)?) => { vec![$($peer),+] }; }
    all!(peers)
}

/// Everything to measure.
pub fn jobs() -> Vec<Job> {
    let mut jobs = Vec::new();
    macro_rules! jobs {
        ($($peer:expr => $ways:ident::$how:ident),+ $(,)?) => {
            $(jobs.extend(of($peer, Size::Small, $ways::$how::<Account>(LIFETIME)));
            jobs.extend(of($peer, Size::Large, $ways::$how::<Visit>(LIFETIME)));)+
        };
    }
    all!(jobs);
    jobs
}

/// Holds every peer to what a session needs before it is measured: the value comes
/// back, what was changed or has expired does not.
///
/// # Panics
/// When one does not.
pub fn check() {
    let mut later: Vec<Box<dyn FnOnce()>> = Vec::new();
    macro_rules! check {
        ($($peer:expr => $ways:ident::$how:ident),+ $(,)?) => {
            $(check_now($peer, $ways::$how::<Account>(LIFETIME));
            check_now($peer, $ways::$how::<Visit>(LIFETIME));
            if $peer.expiry == Expiry::Enforced {
                let ways = $ways::$how::<Account>(1);
                let text = (ways.seal)(&Account::sample());
                later.push(Box::new(move || {
                    assert!((ways.open)(&text).is_none(), "{} opens what has expired", $peer.name);
                }));
            })+
        };
    }
    all!(check);
    // Some allow a second more.
    thread::sleep(Duration::from_millis(3100));
    later.into_iter().for_each(|check| check());
}

fn check_now<S: State>(peer: Peer, ways: Ways<S>) {
    let text = (ways.seal)(&S::sample());
    assert_eq!((ways.open)(&text).as_ref(), Some(&S::sample()), "{}", peer.name);
    assert!(text.is_ascii());
    // Every character but the very last, in which some encodings have bits to spare.
    for at in (0..text.len() - 1).step_by(1 + text.len() / 50) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        if forged != text {
            assert!((ways.open)(&forged).is_none(), "{} opens a forgery at {at}", peer.name);
        }
    }
}

fn of<S: State>(peer: Peer, size: Size, ways: Ways<S>) -> Vec<Job> {
    let state = S::sample();
    let text = (ways.seal)(&state);
    let (chars, who) = (text.len(), peer.name);
    let Ways { seal, open, more } = ways;
    let seal = move || drop(black_box(seal(black_box(&state))));
    let open = move || {
        drop(black_box(
            open(black_box(&text)).unwrap_or_else(|| panic!("{who} did not open its own")),
        ))
    };
    let mut jobs = vec![
        Job { who, verb: Verb::Seal, size, chars, run: Box::new(seal) },
        Job { who, verb: Verb::Open, size, chars, run: Box::new(open) },
    ];
    jobs.extend(more.into_iter().map(|job| Job { size, chars, ..job }));
    jobs
}
