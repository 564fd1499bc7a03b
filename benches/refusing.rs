//! Benchmarks of refusing a token, one for each step of opening (spec section 7). There are no
//! benchmarks for steps 7 and 13, because only an implementation that has the key and violates the
//! format can make such a token.

use std::fmt;

use bulla::keys::{Key, RingEntry};
use bulla::token::{Mode, RawTokens};
use bulla::{KeyRing, Payload, Sealer};
use divan::Bencher;

use crate::state::{EARLIER, LIFETIME, NOW, SIZES, Size, State};

type Make = fn(&Fixture) -> String;

/// A kind of invalid token. The name is the step that refuses it and the error.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    size: Size,
    make: Make,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.name, self.size)
    }
}

/// Everything that is needed to make the tokens.
struct Fixture {
    sealer: Sealer<State>,
    retired: Sealer<State>,
    raw: RawTokens,
    token: String,
    size: Size,
}

impl Fixture {
    fn new(size: Size) -> Fixture {
        let (old, new) = (Key::generate(), Key::generate());
        let (old, new) = (old.expect("randomness"), new.expect("randomness"));
        let text = old.expose_text();
        let before = KeyRing::new([RingEntry::new(old)]).expect("one key");
        let old = text.parse().expect("it reads its own text");
        let entries = [RingEntry::new(new), RingEntry::new(old).with_open_until(NOW)];
        let ring = KeyRing::new(entries).expect("two keys");
        let sealer = Sealer::new(&ring, LIFETIME);
        let token = sealer.seal_at(&size.state(), NOW).expect("it fits");
        let raw = RawTokens::new(&ring, Mode::Sealed, <State as Payload>::PURPOSE);
        Fixture { sealer, retired: Sealer::new(&before, LIFETIME), raw, token, size }
    }

    /// A token whose payload is as long as the state but does not decode.
    fn raw(&self, schema: u32) -> String {
        let payload = vec![0xff; self.size.len()];
        self.raw.make(&payload, schema, LIFETIME, NOW).expect("it fits")
    }
}

fn cases() -> Vec<Case> {
    let makes: [(&str, Make); 12] = [
        ("1 TooLong", |f| f.token.repeat(8192 / f.token.len() + 1)),
        ("2 Prefix", |f| f.token.replacen("b1.", "c1.", 1)),
        ("3 Encoding", |f| f.token.replacen("b1.", "b1.!", 1)),
        ("4 TooShort", |f| f.token[..19].to_owned()),
        ("5 UnknownKey", |f| format!("b1.AAAAA{}", &f.token[8..])),
        ("6 BadTag", |f| {
            let last = if f.token.ends_with('A') { "Q" } else { "A" };
            format!("{}{last}", &f.token[..f.token.len() - 1])
        }),
        ("8 RetiredKey", |f| f.retired.seal_at(&f.size.state(), NOW).expect("it fits")),
        ("9 NotYetValid", |f| f.sealer.seal_at(&f.size.state(), NOW + LIFETIME).expect("it fits")),
        ("10 Expired", |f| f.sealer.seal_at(&f.size.state(), EARLIER).expect("it fits")),
        ("11 NewerSchema", |f| f.raw(4)),
        ("12 RetiredSchema", |f| f.raw(2)),
        ("14 Payload", |f| f.raw(3)),
    ];
    let all = SIZES
        .into_iter()
        .flat_map(|size| makes.into_iter().map(move |(name, make)| Case { name, size, make }));
    all.collect()
}

#[divan::bench(args = cases())]
fn refuse(bencher: Bencher<'_, '_>, case: &Case) {
    let fixture = Fixture::new(case.size);
    let token = (case.make)(&fixture);
    let error = format!("{:?}", fixture.sealer.open_at(&token, NOW).expect_err("it is refused"));
    let name = case.name.split(' ').next_back().expect("the error's name");
    assert!(error.starts_with(name), "{} was refused with {error}", case.name);
    bencher.bench(|| fixture.sealer.open_at(&token, NOW).err());
}
