//! Input of a client makes the library allocate at most a fixed number of bytes for each byte of
//! input, plus a constant.
//!
//! These tests are in a separate binary, because they replace the global allocator with one that
//! counts bytes. They run one at a time, because this allocator counts the bytes of all threads.

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

/// How many bytes may be allocated even for the shortest input, for example for a buffer of the
/// thread.
const CONSTANT: usize = 1024;

/// How many bytes may be reserved because a payload claims a length, before the first element is
/// read. serde limits this number for each list or map, and a hash table rounds it up to the next
/// power of two. If the encoding tells serde how many bytes are left, serde reserves less.
const CLAIM: usize = 5 * 1024 * 1024 / 2;

/// The memory limit, in MiB, of a process that gets headers of 8 MiB. The limit includes the
/// program and the stacks.
const MEGABYTES: u32 = 128;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Checks how many bytes are allocated for an input, and records the largest number of bytes for
/// each byte of input.
struct Ratios {
    _alone: MutexGuard<'static, ()>,
    what: &'static str,
    /// The largest allowed number of bytes for each byte of input, in addition to `constant`.
    limit: usize,
    constant: usize,
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
            constant: CONSTANT,
            largest: (0.0, String::new()),
            most: 0,
        }
    }

    fn check<R>(&mut self, which: &str, len: usize, act: impl Fn() -> R) {
        // Up to 20 attempts, because the test harness may allocate at the same time.
        let limit = self.constant + self.limit * len;
        let measure = || {
            let region = Region::new(ALLOCATOR);
            black_box(act());
            region.change().bytes_allocated
        };
        let mut allocated = measure();
        for _ in 0..19 {
            if allocated > limit {
                allocated = allocated.min(measure());
            }
        }
        self.most = self.most.max(allocated);
        let ratio = allocated.saturating_sub(self.constant) as f64 / len.max(1) as f64;
        if ratio >= self.largest.0 {
            self.largest = (ratio, which.to_owned());
        }
        assert!(allocated <= limit, "{}: {which}: allocated {allocated} for {len}", self.what);
    }
}

impl Drop for Ratios {
    fn drop(&mut self) {
        let (ratio, which) = &self.largest;
        let (what, most) = (self.what, self.most);
        eprintln!("{what}: at most {ratio:.1} bytes for each byte ({which}), {most} in total");
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

/// Payloads that claim various lengths. Most of the claims are false.
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
                let name = format!("claims {claimed}, has {filled} bytes of {filling}");
                payloads.push((name, payload));
            }
        }
        // The claim is repeated, as in nested lists.
        let again: Vec<u8> = varint.iter().copied().cycle().take(room).collect();
        payloads.push((format!("claims {claimed}, repeatedly"), again));
        let tagged = [&[1], &varint[..]].concat();
        payloads.push((format!("claims {claimed}, in an option"), tagged));
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

/// Opens hostile payloads in valid tokens. An attacker who has a key can make such tokens, but they
/// must not exhaust the memory.
fn open_hostile<P: Payload>(ring: &KeyRing, ratios: &mut Ratios, claims: usize) {
    ratios.constant = CONSTANT + claims * CLAIM;
    let name = std::any::type_name::<P>();
    let raw = [Mode::Sealed, Mode::Signed].map(|mode| RawTokens::new(ring, mode, P::PURPOSE));
    let (sealer, signer) = (Sealer::<P>::new(ring, LIFETIME), Signer::<P>::new(ring, LIFETIME));
    for (which, payload) in hostile() {
        let [sealed, signed] =
            &raw.each_ref().map(|raw| raw.make(&payload, 1, LIFETIME, T0).unwrap());
        let which = format!("{name}, {which}");
        ratios.check(&which, sealed.len(), || sealer.open_at(sealed, T0).is_ok());
        ratios.check(&which, signed.len(), || signer.verify_at(signed, T0).is_ok());
    }
}

#[test]
fn decoding_a_payload_allocates_a_bounded_multiple_of_its_length() {
    let ring = KeyRing::generate().unwrap();
    let mut ratios = Ratios::of("hostile payloads", 64);
    open_hostile::<Bytes>(&ring, &mut ratios, 0);
    open_hostile::<Numbers>(&ring, &mut ratios, 0);
    open_hostile::<Text>(&ring, &mut ratios, 0);
    open_hostile::<Texts>(&ring, &mut ratios, 0);
    open_hostile::<Sorted>(&ring, &mut ratios, 0);
    open_hostile::<Nested>(&ring, &mut ratios, 0);
    open_hostile::<JsonTexts>(&ring, &mut ratios, 0);
    open_hostile::<JsonHashed>(&ring, &mut ratios, 0);
    open_hostile::<JsonNested>(&ring, &mut ratios, 0);
}

/// For a map, postcard passes the claimed length to serde without a check. For a list, postcard
/// knows how many bytes are left, but not how large one element is in memory.
#[test]
fn a_claimed_length_reserves_a_bounded_amount_for_each_map() {
    let ring = KeyRing::generate().unwrap();
    let mut ratios = Ratios::of("hostile maps and large elements", 64);
    open_hostile::<Hashed>(&ring, &mut ratios, 1);
    open_hostile::<HashedTwice>(&ring, &mut ratios, 2);
    open_hostile::<Perhaps>(&ring, &mut ratios, 1);
    open_hostile::<Wide>(&ring, &mut ratios, 1);
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

/// Opens tokens of several lengths: valid tokens, and tokens that are refused at each step.
#[test]
fn opening_a_token_allocates_a_bounded_multiple_of_its_length() {
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
            ("under an unknown key", elsewhere.seal_at(&account, T0).unwrap().into_bytes()),
            ("changed", changed),
            ("cut", sealed.as_bytes()[..sealed.len() / 2].to_vec()),
            ("of a newer schema", raw[0].make(b"x", 2, LIFETIME, T0).unwrap().into_bytes()),
            ("not base64url", [b"b1.", &[b'='; 100][..]].concat()),
            ("of the maximum length", [b"b1.", &[b'A'; MAX_TOKEN_LEN - 3][..]].concat()),
            ("too long", vec![b'A'; MAX_TOKEN_LEN + 1]),
            ("of 8 MiB", [b"b1.", &vec![b'A'; 8 << 20][..]].concat()),
        ];
        for (which, token) in tokens {
            for at in [T0, T0 + LIFETIME] {
                ratios.check(which, token.len(), || sealer.open_at(&token, at).is_ok());
                ratios.check(which, token.len(), || signer.verify_at(&token, at).is_ok());
            }
            for raw in &raw {
                ratios.check(which, token.len(), || raw.authenticate(&token).is_ok());
            }
            ratios.check(which, token.len(), || Visible::of(&token).is_ok());
            ratios.check(which, token.len(), || read_unverified_raw(&token).is_ok());
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

/// Headers of at least `len` bytes. By default, HTTP servers refuse such headers.
fn headers(len: usize) -> Vec<(String, &'static str, Vec<u8>)> {
    let mut headers: Vec<(String, &'static str, Vec<u8>)> = [
        ("a value", format!("{STATE}=").into_bytes(), vec![b'A'; len]),
        ("a token", format!("{STATE}=b1.").into_bytes(), vec![b'A'; len]),
        ("a renewal", format!("{STATE}=b1.A; {STATE}-renewal=b1.").into_bytes(), vec![b'A'; len]),
        ("a name", vec![], vec![b'A'; len]),
        ("an old cookie", b"old=".to_vec(), vec![b'A'; len]),
        ("semicolons", vec![], vec![b';'; len]),
        ("equals signs", vec![], vec![b'='; len]),
        ("not UTF-8", format!("{STATE}=").into_bytes(), vec![0xff; len]),
    ]
    .map(|(what, start, rest)| (what.to_owned(), "cookie", [start, rest].concat()))
    .into();
    let of =
        |name: &str, value: &str, times| format!("{name}={value}; ").repeat(times).into_bytes();
    headers.push(("10,000 cookies".into(), "cookie", of("a", "b", 10_000)));
    headers.push(("10,000 tokens".into(), "cookie", of(STATE, "b1.AAAA", 10_000)));
    headers.push(("10,000 pieces".into(), "cookie", of(STATE, "p1.02.AAAAAAAA.A", 10_000)));
    // Four first pieces, each of which could be joined with the large pieces.
    let mut pieces = of(STATE, "p1.04.AAAAAAAA.A", 4);
    for index in 1..4 {
        let large = "A".repeat(len / 4);
        pieces.extend(format!("{STATE}-{index}=p1.{index}4.AAAAAAAA.{large}; ").into_bytes());
    }
    headers.push(("large pieces".into(), "cookie", pieces));
    headers.push((
        "a bearer".into(),
        "authorization",
        [b"Bearer b1.", &vec![b'A'; len][..]].concat(),
    ));
    headers.push(("an origin".into(), "origin", [b"https://", &vec![b'A'; len][..]].concat()));
    headers.push(("spaces".into(), "authorization", [b"Bearer ", &vec![b' '; len][..]].concat()));
    headers
}

#[test]
fn reading_a_header_allocates_a_bounded_multiple_of_its_length() {
    let sessions = sessions();
    let headers = headers(1 << 20);
    let mut ratios = Ratios::of("headers", 12);
    for (which, name, header) in &headers {
        ratios.check(which, header.len(), || {
            let session =
                sessions.load_at(T0, "POST", |asked| (asked == *name).then_some(&header[..]));
            assert!(session.get().is_none());
            session.commit()
        });
    }
}

#[test]
fn parsing_operator_input_allocates_a_bounded_multiple_of_its_length() {
    let ring = KeyRing::generate().unwrap().expose_text().to_string();
    let keys: String =
        (0..64).map(|_| KeyRing::generate().unwrap().expose_text().to_string()).collect();
    let mut ratios = Ratios::of("rings and revocations", 32);
    for (which, text) in [
        ("a ring", ring.clone()),
        ("64 keys", keys),
        ("a ring of 8 MiB", ring.repeat(100_000)),
        ("words", "a ".repeat(30_000)),
        ("lines", "\n".repeat(60_000)),
        ("semicolons", ";".repeat(65_000)),
        ("a line", "x".repeat(8 << 20)),
    ] {
        ratios.check(which, text.len(), || text.parse::<KeyRing>().is_ok());
        ratios.check(which, text.len(), || KeyRing::try_from(text.as_bytes()).is_ok());
        ratios.check(which, text.len(), || text.parse::<bulla::keys::Key>().is_ok());
        ratios.check(which, text.len(), || text.parse::<Revocation>().is_ok());
        ratios.check(which, text.len(), || text.parse::<UnixTime>().is_ok());
    }
}

#[test]
#[ignore = "the next test runs it in a process with little memory"]
fn requests_with_headers_of_8_megabytes_are_handled() {
    let sessions = sessions();
    for (which, name, header) in headers(8 << 20) {
        let session = sessions.load_at(T0, "POST", |asked| (asked == name).then_some(&header[..]));
        assert!(session.get().is_none(), "{which}");
        drop(session.commit());
    }
}

/// If an allocation fails, the process aborts, so this test would notice.
#[cfg(unix)]
#[test]
fn a_process_with_128_megabytes_handles_headers_of_8_megabytes() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let limited = |kilobytes: u32| {
        let command = format!(
            "ulimit -v {kilobytes} && \
             exec \"$0\" --exact requests_with_headers_of_8_megabytes_are_handled \
             --ignored --test-threads=1"
        );
        let exe = std::env::current_exe().unwrap();
        let mut shell = std::process::Command::new("sh");
        shell.env("MALLOC_ARENA_MAX", "1").arg("-c").arg(command).arg(exe).output().unwrap()
    };
    let output = limited(MEGABYTES << 10);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    assert!(!limited(24 << 10).status.success(), "a limit of 24 MiB takes effect");
}
