//! How each library seals and opens a state. The code follows the documentation of the library.

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

pub use self::bulla::{AWS_LC, DEFAULT, DRYOC, SIGNED, reusing};

/// Whether the tokens of a library are encrypted or signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The client cannot read them.
    Encrypts,
    /// The client can read them.
    Signs,
}

/// Whether a library enforces the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Opening refuses an expired token.
    Enforced,
    /// The library has no deadline.
    None,
}

/// A library, as the report describes it.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The name of the library and of the variant.
    pub name: &'static str,
    /// Whether its tokens are encrypted or signed.
    pub kind: Kind,
    /// The cryptographic algorithms.
    pub suite: &'static str,
    /// The encoding of values.
    pub encoding: &'static str,
    /// Whether it enforces the deadline.
    pub expiry: Expiry,
}

impl Peer {
    /// Whether the library is bulla.
    pub fn is_ours(&self) -> bool {
        bulla::PEERS.iter().any(|ours| ours.name == self.name)
    }
}

type Seal<S> = Box<dyn Fn(&S) -> String>;
type Open<S> = Box<dyn Fn(&str) -> Option<S>>;

/// The operations of a library.
struct Ways<S> {
    seal: Seal<S>,
    open: Open<S>,
    /// More jobs, which only bulla has.
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

/// A key for this benchmark only.
const KEY: [u8; 32] = *b"a key of 32 bytes, for nothing.#";

macro_rules! all {
    ($use:ident) => {
        $use! {
            bulla::PEERS[0] => bulla::aws_lc,
            bulla::PEERS[1] => bulla::dryoc,
            bulla::PEERS[2] => bulla::default,
            bulla::PEERS[3] => bulla::signed,
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

/// All libraries.
pub fn peers() -> Vec<Peer> {
    macro_rules! peers { ($($peer:expr => $ways:ident::$how:ident),+ $(,)?) => { vec![$($peer),+] }; }
    all!(peers)
}

/// The jobs of all libraries.
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

/// Checks every library before the measurement. A library must return the value, and it must refuse
/// a token that was changed or has expired.
///
/// # Panics
/// If a check fails.
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
                    assert!((ways.open)(&text).is_none(), "{} opens an expired token", $peer.name);
                }));
            })+
        };
    }
    all!(check);
    // Some libraries tolerate an additional second.
    thread::sleep(Duration::from_millis(3100));
    later.into_iter().for_each(|check| check());
}

fn check_now<S: State>(peer: Peer, ways: Ways<S>) {
    let text = (ways.seal)(&S::sample());
    assert_eq!((ways.open)(&text).as_ref(), Some(&S::sample()), "{}", peer.name);
    assert!(text.is_ascii());
    // The last character is not changed, because some encodings ignore a part of its bits.
    for at in (0..text.len() - 1).step_by(1 + text.len() / 50) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        if forged != text {
            assert!(
                (ways.open)(&forged).is_none(),
                "{} opens a token that was changed at {at}",
                peer.name
            );
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
            open(black_box(&text)).unwrap_or_else(|| panic!("{who} did not open its own token")),
        ))
    };
    let mut jobs = vec![
        Job { who, verb: Verb::Seal, size, chars, run: Box::new(seal) },
        Job { who, verb: Verb::Open, size, chars, run: Box::new(open) },
    ];
    jobs.extend(more.into_iter().map(|job| Job { size, chars, ..job }));
    jobs
}
