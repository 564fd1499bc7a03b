//! `cargo bench`: measures how long one operation takes with the selected backend.
//!
//! ```sh
//! cargo bench                                 # all benchmarks, in about a minute
//! cargo bench -- refuse                       # benchmarks with "refuse" in the name
//! cargo bench --features dryoc                # with another backend: dryoc or aws-lc-rs
//! cargo bench --features bound -- proof       # proofs of devices, with either backend
//! cargo bench --features bound -- bound:: headers:: # requests in bound sessions
//! ```
//!
//! Times depend on the computer and on other programs that run on it. To check whether a change
//! made the library slower, count instructions with `cargo run --release -p bulla-counts`. To
//! compare bulla with other libraries, run `cargo peers`.

#[cfg(feature = "bound")]
mod bound;
#[cfg(feature = "bound")]
mod headers;
mod making;
mod opening;
#[cfg(feature = "bound")]
mod proofs;
mod refusing;
mod requests;
mod state;

// Source files of the library that are private to it, with their unit tests, which do not run here.
// `proof` uses the others.
#[cfg(feature = "bound")]
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../src/primitives/mod.rs"]
mod primitives;
#[cfg(feature = "bound")]
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../src/proof/mod.rs"]
mod proof;
#[cfg(feature = "bound")]
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../src/time.rs"]
mod time;
#[cfg(feature = "bound")]
#[allow(dead_code, unused_imports)]
#[path = "../src/token"]
mod token {
    pub(crate) mod text;
}

fn main() {
    let backend = match () {
        () if cfg!(feature = "aws-lc-rs") => "aws-lc-rs",
        () if cfg!(feature = "dryoc") => "dryoc",
        () => "chacha20poly1305",
    };
    eprintln!("XChaCha20-Poly1305 by {backend}, HMAC-SHA256 by hmac and sha2");
    // With a sample size of 1, the timer would dominate the result.
    divan::Divan::default().sample_size(64).config_with_args().main();
}
