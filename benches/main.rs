//! `cargo bench`: measures how long one operation takes with the selected backend.
//!
//! ```sh
//! cargo bench                                 # all benchmarks, in about a minute
//! cargo bench -- refuse                       # benchmarks with "refuse" in the name
//! cargo bench --features aws-lc-rs            # with the other backend
//! ```
//!
//! Times depend on the computer and on other programs that run on it. To check whether a change
//! made the library slower, count instructions with `cargo run --release -p bulla-counts`. To
//! compare bulla with other libraries, run `cargo peers`.

mod making;
mod opening;
mod refusing;
mod requests;
mod state;

fn main() {
    let backend = if cfg!(feature = "aws-lc-rs") { "aws-lc-rs" } else { "chacha20poly1305" };
    eprintln!("XChaCha20-Poly1305 by {backend}, HMAC-SHA256 by hmac and sha2");
    // With a sample size of 1, the timer would dominate the result.
    divan::Divan::default().sample_size(64).config_with_args().main();
}
