//! Benchmarks of sealing and signing.

use bulla::{Sealer, Signer};
use divan::Bencher;

use crate::state::{LIFETIME, NOW, RINGS, SIZES, SMALL, Size, State, ring};

#[divan::bench(args = SIZES)]
fn seal(bencher: Bencher<'_, '_>, size: Size) {
    let (sealer, state) = (Sealer::new(ring(1), LIFETIME), size.state());
    bencher.bench(|| sealer.seal_at(&state, NOW));
}

#[divan::bench(args = SIZES)]
fn seal_into_a_buffer(bencher: Bencher<'_, '_>, size: Size) {
    let (sealer, state) = (Sealer::new(ring(1), LIFETIME), size.state());
    let mut token = String::new();
    bencher.bench_local(|| sealer.seal_into(&state, NOW, &mut token));
}

#[divan::bench(args = RINGS)]
fn seal_with_a_ring_of(bencher: Bencher<'_, '_>, keys: usize) {
    let (sealer, state) = (Sealer::new(ring(keys), LIFETIME), SMALL.state());
    bencher.bench(|| sealer.seal_at(&state, NOW));
}

#[divan::bench(args = SIZES)]
fn sign(bencher: Bencher<'_, '_>, size: Size) {
    let (signer, state) = (Signer::new(ring(1), LIFETIME), size.state());
    bencher.bench(|| signer.sign_at(&state, NOW));
}

/// Derives the subkeys of a ring, which each [`Sealer::new`] does once.
#[divan::bench(args = RINGS)]
fn new_sealer_with_a_ring_of(bencher: Bencher<'_, '_>, keys: usize) {
    let text = ring(keys).expose_text();
    let read = || -> bulla::KeyRing { text.parse().expect("it reads its own text") };
    bencher.with_inputs(read).bench_values(|ring| Sealer::<State>::new(ring, LIFETIME));
}
