//! Memory that a client's bytes can claim: so many bytes for each of theirs, and a little
//! more. A test binary of its own, since an allocator that counts is the binary's only one,
//! and with one test at a time, since it counts all threads.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bulla::revocation::Revocation;
use bulla::session::OldCookie;
use bulla::token::{MAX_TOKEN_LEN, Mode, RawTokens, Visible, read_unverified_raw};
use bulla::{Bearer, Cookie, KeyRing, Payload, Policy, Sealer, Sessions, Signer, UnixTime};
use serde::{Deserialize, Serialize};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const T0: UnixTime = UnixTime::from_secs(1_796_126_400);
const LIFETIME: Duration = Duration::from_secs(900);

/// What may be allocated however short the input is, such as a thread's buffer.
const AT_ALL: usize = 1024;

/// What a claimed length may reserve before an element of it is there: serde's limit for
/// each list or map that is being read, and a hash table's next power of two. Where the
/// encoding tells serde how many bytes are left, it is not reached.
const CLAIM: usize = 5 * 1024 * 1024 / 2;

/// What a process may have that is sent headers of 8, with its program and its stacks.
const MEGABYTES: u32 = 128;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Bytes that were asked of the allocator, all in all, for each byte of an input.
struct Ratios {
    _alone: MutexGuard<'static, ()>,
    what: &'static str,
    /// Bytes for each byte, beside `at_all`.
    limit: usize,
    at_all: usize,
    largest: (f64, String),
    most: usize,
}

impl Ratios {
    fn of(what: &'static str, limit: usize) -> Ratios {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Ratios {
            _alone: alone,
            what,
            limit,
            at_all: AT_ALL,
            largest: (0.0, String::new()),
            most: 0,
        }
    }

    fn hold<R>(&mut self, which: &str, len: usize, act: impl Fn() -> R) {
        // Three attempts, since the test's own machinery may allocate meanwhile.
        let limit = self.at_all + self.limit * len;
        let measure = || {
            let region = Region::new(ALLOCATOR);
            black_box(act());
            region.change().bytes_allocated
        };
        let mut allocated = measure();
        for _ in 0..2 {
            if allocated > limit {
                allocated = allocated.min(measure());
            }
        }
        self.most = self.most.max(allocated);
        let ratio = allocated.saturating_sub(self.at_all) as f64 / len.max(1) as f64;
        if ratio >= self.largest.0 {
            self.largest = (ratio, which.to_owned());
        }
        assert!(allocated <= limit, "{}: {which}: {allocated} bytes for {len}", self.what);
    }
}

impl Drop for Ratios {
    fn drop(&mut self) {
        let (ratio, which) = &self.largest;
        let (what, most) = (self.what, self.most);
        eprintln!("{what}: {ratio:.1} bytes for each byte, by {which}; {most} at most");
    }
}

macro_rules! payloads {
    ($($name:ident: $encoding:literal of $content:ty),+ $(,)?) => {
        $(#[derive(Serialize, Deserialize, Payload)]
        #[payload(purpose = "memory.example/hostile", encoding = $encoding)]
        struct $name($content);)+
    };
}

payloads! {
    Bytes: "postcard" of Vec<u8>,
    Numbers: "postcard" of Vec<u64>,
    Text: "postcard" of String,
    Texts: "postcard" of Vec<String>,
    Hashed: "postcard" of HashMap<String, String>,
    Sorted: "postcard" of BTreeMap<u64, Vec<u8>>,
    Nested: "postcard" of Vec<Vec<Vec<Vec<u32>>>>,
    Wide: "postcard" of Vec<[[u64; 32]; 32]>,
    HashedTwice: "postcard" of HashMap<u8, HashMap<u8, u64>>,
    Perhaps: "postcard" of Option<(Texts, Hashed)>,
    JsonTexts: "json" of Vec<String>,
    JsonHashed: "json" of HashMap<String, Vec<u64>>,
    JsonNested: "json" of Vec<Vec<Vec<Vec<u32>>>>,
}

/// Payloads that claim lengths which they do not have, and some that do.
fn hostile() -> Vec<(String, Vec<u8>)> {
    let mut payloads = Vec::new();
    let room = 6_000;
    for claimed in [0, 1, 7, 127, 128, 5_000, 1 << 20, 1 << 31, 1 << 47, u64::MAX >> 1, u64::MAX] {
        let mut varint = Vec::new();
        let mut rest = claimed;
        while rest >= 0x80 {
            varint.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        varint.push(rest as u8);
        for filled in [0, 1, 40, room] {
            for filling in [0_u8, 1, b'a', 0xff] {
                let mut payload = varint.clone();
                payload.resize(varint.len() + filled, filling);
                payloads.push((format!("{claimed} claimed, {filled} of {filling}"), payload));
            }
        }
        // The claim again and again, as of lists within lists.
        let again: Vec<u8> = varint.iter().copied().cycle().take(room).collect();
        payloads.push((format!("{claimed} claimed, again and again"), again));
        let tagged = [&[1], &varint[..]].concat();
        payloads.push((format!("some {claimed} claimed"), tagged));
    }
    for (open, times) in
        [("[", 6_000), ("[[[[", 1_000), ("{\"a\":[", 500), ("[\"", 1), ("[1,", 2_000)]
    {
        payloads.push((format!("JSON {open}"), open.repeat(times).into_bytes()));
    }
    payloads
        .push(("JSON of short texts".into(), format!("[{}\"\"]", "\"\",".repeat(1_990)).into()));
    payloads.push(("JSON of empty lists".into(), format!("[{}[]]", "[],".repeat(1_990)).into()));
    let pairs: Vec<String> = (0..500).map(|n| format!("\"{n}\":[{n}]")).collect();
    payloads.push(("JSON of pairs".into(), format!("{{{}}}", pairs.join(",")).into()));
    payloads
}

/// A leaked key, or one that is shared with somebody, must not claim memory without end.
fn opens<P: Payload>(ring: &KeyRing, ratios: &mut Ratios, claims: usize) {
    ratios.at_all = AT_ALL + claims * CLAIM;
    let name = std::any::type_name::<P>();
    let raw = [Mode::Sealed, Mode::Signed].map(|mode| RawTokens::new(ring, mode, P::PURPOSE));
    let (sealer, signer) = (Sealer::<P>::new(ring, LIFETIME), Signer::<P>::new(ring, LIFETIME));
    for (which, payload) in hostile() {
        let [sealed, signed] =
            &raw.each_ref().map(|raw| raw.make(&payload, 1, LIFETIME, T0).unwrap());
        let which = format!("{name}, {which}");
        ratios.hold(&which, sealed.len(), || sealer.open_at(sealed, T0).is_ok());
        ratios.hold(&which, signed.len(), || signer.verify_at(signed, T0).is_ok());
    }
}

#[test]
fn no_payload_claims_more_than_some_bytes_for_each_of_its_own() {
    let ring = KeyRing::generate().unwrap();
    let mut ratios = Ratios::of("hostile payloads", 64);
    opens::<Bytes>(&ring, &mut ratios, 0);
    opens::<Numbers>(&ring, &mut ratios, 0);
    opens::<Text>(&ring, &mut ratios, 0);
    opens::<Texts>(&ring, &mut ratios, 0);
    opens::<Sorted>(&ring, &mut ratios, 0);
    opens::<Nested>(&ring, &mut ratios, 0);
    opens::<JsonTexts>(&ring, &mut ratios, 0);
    opens::<JsonHashed>(&ring, &mut ratios, 0);
    opens::<JsonNested>(&ring, &mut ratios, 0);
}

/// Postcard says of a map what it claims, and of a list's elements not how large they are.
#[test]
fn a_claim_reserves_a_megabyte_or_two_for_each_map_that_is_being_read_and_no_more() {
    let ring = KeyRing::generate().unwrap();
    let mut ratios = Ratios::of("hostile maps and large elements", 64);
    opens::<Hashed>(&ring, &mut ratios, 1);
    opens::<HashedTwice>(&ring, &mut ratios, 2);
    opens::<Perhaps>(&ring, &mut ratios, 1);
    opens::<Wide>(&ring, &mut ratios, 1);
}

#[derive(Clone, Serialize, Deserialize, Payload)]
#[payload(purpose = "memory.example/session")]
struct Account {
    id: u64,
    name: String,
}

fn account(name: usize) -> Account {
    Account { id: 1815, name: "x".repeat(name) }
}

/// Tokens of every length, as they are and refused at every step.
#[test]
fn no_token_claims_more_than_some_bytes_for_each_of_its_own() {
    let ring = KeyRing::generate().unwrap();
    let other = KeyRing::generate().unwrap();
    let mut ratios = Ratios::of("tokens, opened and refused", 8);
    let (sealer, signer) = (Sealer::new(&ring, LIFETIME), Signer::new(&ring, LIFETIME));
    let raw =
        [Mode::Sealed, Mode::Signed].map(|mode| RawTokens::new(&ring, mode, Account::PURPOSE));
    let elsewhere = Sealer::new(&other, LIFETIME);
    for name in [0, 1, 100, 1_000, 6_000] {
        let account = account(name);
        let sealed = sealer.seal_at(&account, T0).unwrap();
        let signed = signer.sign_at(&account, T0).unwrap();
        let mut changed = sealed.clone().into_bytes();
        let last = changed.len() - 4;
        changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
        let tokens = [
            ("sealed", sealed.clone().into_bytes()),
            ("signed", signed.into_bytes()),
            ("of another ring", elsewhere.seal_at(&account, T0).unwrap().into_bytes()),
            ("changed", changed),
            ("cut", sealed.as_bytes()[..sealed.len() / 2].to_vec()),
            ("of another version", raw[0].make(b"x", 2, LIFETIME, T0).unwrap().into_bytes()),
            ("no base64url", [b"b1.", &[b'='; 100][..]].concat()),
            ("as long as can be", [b"b1.", &[b'A'; MAX_TOKEN_LEN - 3][..]].concat()),
            ("too long", vec![b'A'; MAX_TOKEN_LEN + 1]),
            ("of 8 MB", [b"b1.", &vec![b'A'; 8 << 20][..]].concat()),
        ];
        for (which, token) in tokens {
            for at in [T0, T0 + LIFETIME] {
                ratios.hold(which, token.len(), || sealer.open_at(&token, at).is_ok());
                ratios.hold(which, token.len(), || signer.verify_at(&token, at).is_ok());
            }
            for raw in &raw {
                ratios.hold(which, token.len(), || raw.authenticate(&token).is_ok());
            }
            ratios.hold(which, token.len(), || Visible::of(&token).is_ok());
            ratios.hold(which, token.len(), || read_unverified_raw(&token).is_ok());
        }
    }
}

fn sessions() -> Sessions<Account> {
    Sessions::builder(KeyRing::generate().unwrap(), Policy::default())
        .cookie(Cookie::default().split())
        .bearer(Bearer::default())
        .adopt_cookie(OldCookie::new("old").unwrap(), UnixTime::MAX, |_| None)
        .build()
}

const STATE: &str = "__Host-session";

/// Headers of some megabytes, such as no server lets in by itself.
fn headers(megabytes: usize) -> Vec<(String, &'static str, Vec<u8>)> {
    let mut headers: Vec<(String, &'static str, Vec<u8>)> = [
        ("a value", format!("{STATE}=").into_bytes(), vec![b'A'; megabytes]),
        ("a token", format!("{STATE}=b1.").into_bytes(), vec![b'A'; megabytes]),
        (
            "a renewal",
            format!("{STATE}=b1.A; {STATE}-renewal=b1.").into_bytes(),
            vec![b'A'; megabytes],
        ),
        ("a name", vec![], vec![b'A'; megabytes]),
        ("an old cookie", b"old=".to_vec(), vec![b'A'; megabytes]),
        ("semicolons", vec![], vec![b';'; megabytes]),
        ("equals signs", vec![], vec![b'='; megabytes]),
        ("no text", format!("{STATE}=").into_bytes(), vec![0xff; megabytes]),
    ]
    .map(|(what, begins, goes_on)| (what.to_owned(), "cookie", [begins, goes_on].concat()))
    .into();
    let of =
        |name: &str, value: &str, times| format!("{name}={value}; ").repeat(times).into_bytes();
    headers.push(("10,000 cookies".into(), "cookie", of("a", "b", 10_000)));
    headers.push(("10,000 tokens".into(), "cookie", of(STATE, "b1.AAAA", 10_000)));
    headers.push(("10,000 pieces".into(), "cookie", of(STATE, "p1.02.AAAAAAAA.A", 10_000)));
    // Four first pieces, each to be put together with what is large.
    let mut pieces = of(STATE, "p1.04.AAAAAAAA.A", 4);
    for index in 1..4 {
        let large = "A".repeat(megabytes / 4);
        pieces.extend(format!("{STATE}-{index}=p1.{index}4.AAAAAAAA.{large}; ").into_bytes());
    }
    headers.push(("large pieces".into(), "cookie", pieces));
    headers.push((
        "a bearer".into(),
        "authorization",
        [b"Bearer b1.", &vec![b'A'; megabytes][..]].concat(),
    ));
    headers.push((
        "spaces".into(),
        "authorization",
        [b"Bearer ", &vec![b' '; megabytes][..]].concat(),
    ));
    headers
}

#[test]
fn no_header_claims_more_than_some_bytes_for_each_of_its_own() {
    let sessions = sessions();
    let headers = headers(1 << 20);
    let mut ratios = Ratios::of("headers", 12);
    for (which, name, header) in &headers {
        ratios.hold(which, header.len(), || {
            let session = sessions.load_at(T0, |asked| (asked == *name).then_some(&header[..]));
            assert!(session.get().is_none());
            session.commit()
        });
    }
}

#[test]
fn no_text_of_an_operator_claims_more_than_some_bytes_for_each_of_its_own() {
    let ring = KeyRing::generate().unwrap().expose_text().to_string();
    let keys: String =
        (0..64).map(|_| KeyRing::generate().unwrap().expose_text().to_string()).collect();
    let mut ratios = Ratios::of("rings and revocations", 32);
    for (which, text) in [
        ("a ring", ring.clone()),
        ("64 keys", keys),
        ("a ring of 8 MB", ring.repeat(100_000)),
        ("words", "a ".repeat(30_000)),
        ("lines", "\n".repeat(60_000)),
        ("semicolons", ";".repeat(65_000)),
        ("a line", "x".repeat(8 << 20)),
    ] {
        ratios.hold(which, text.len(), || text.parse::<KeyRing>().is_ok());
        ratios.hold(which, text.len(), || KeyRing::try_from(text.as_bytes()).is_ok());
        ratios.hold(which, text.len(), || text.parse::<bulla::keys::Key>().is_ok());
        ratios.hold(which, text.len(), || text.parse::<Revocation>().is_ok());
        ratios.hold(which, text.len(), || text.parse::<UnixTime>().is_ok());
    }
}

#[test]
#[ignore = "the next one runs it in a process with little memory"]
fn headers_of_megabytes_are_answered() {
    let sessions = sessions();
    for (which, name, header) in headers(8 << 20) {
        let session = sessions.load_at(T0, |asked| (asked == name).then_some(&header[..]));
        assert!(session.get().is_none(), "{which}");
        drop(session.commit());
    }
}

/// What allocates in vain ends the whole process.
#[cfg(unix)]
#[test]
fn a_process_with_little_memory_answers_headers_of_megabytes() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let limited = |kilobytes: u32| {
        let command = format!(
            "ulimit -v {kilobytes} && exec \"$0\" --exact headers_of_megabytes_are_answered \
             --ignored --test-threads=1"
        );
        let exe = std::env::current_exe().unwrap();
        let mut shell = std::process::Command::new("sh");
        shell.env("MALLOC_ARENA_MAX", "1").arg("-c").arg(command).arg(exe).output().unwrap()
    };
    let output = limited(MEGABYTES << 10);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    assert!(!limited(24 << 10).status.success(), "the limit limits");
}
