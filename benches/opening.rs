//! Benchmarks of opening and verifying.

use bulla::token::View;
use bulla::{Sealer, Signer};
use divan::Bencher;
use serde::Deserialize;

use crate::state::{LIFETIME, NOW, RINGS, SIZES, SMALL, Size, State, StateV1, ring};

#[divan::bench(args = SIZES)]
fn open(bencher: Bencher<'_, '_>, size: Size) {
    let sealer = Sealer::new(ring(1), LIFETIME);
    let token = sealer.seal_at(&size.state(), NOW).expect("it fits");
    bencher.bench(|| sealer.open_at(&token, NOW));
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only decoding is measured")]
struct StateView<'a> {
    id: u64,
    #[serde(borrow)]
    names: Vec<&'a str>,
}

impl<'a> View<'a> for StateView<'a> {
    type Of = State;
}

#[divan::bench(args = SIZES)]
fn open_borrowed(bencher: Bencher<'_, '_>, size: Size) {
    let sealer = Sealer::new(ring(1), LIFETIME);
    let token = sealer.seal_at(&size.state(), NOW).expect("it fits");
    let mut buf = Vec::new();
    bencher.bench_local(|| {
        let opened = sealer.open_in::<StateView<'_>>(&token, NOW, &mut buf);
        divan::black_box(opened.expect("it was sealed"));
    });
}

#[divan::bench(args = RINGS)]
fn open_with_a_ring_of(bencher: Bencher<'_, '_>, keys: usize) {
    let sealer = Sealer::new(ring(keys), LIFETIME);
    let token = sealer.seal_at(&SMALL.state(), NOW).expect("it fits");
    bencher.bench(|| sealer.open_at(&token, NOW));
}

/// Decodes the previous type and converts it.
#[divan::bench]
fn open_an_older_schema(bencher: Bencher<'_, '_>) {
    let ring = ring(1);
    let old = Sealer::<StateV1>::new(&ring, LIFETIME);
    let token = old.seal_at(&StateV1 { id: 7 }, NOW).expect("it fits");
    let sealer = Sealer::<State>::new(&ring, LIFETIME);
    bencher.bench(|| sealer.open_at(&token, NOW));
}

#[divan::bench(args = SIZES)]
fn verify(bencher: Bencher<'_, '_>, size: Size) {
    let signer = Signer::new(ring(1), LIFETIME);
    let token = signer.sign_at(&size.state(), NOW).expect("it fits");
    bencher.bench(|| signer.verify_at(&token, NOW));
}
