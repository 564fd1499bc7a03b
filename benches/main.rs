//! `cargo bench`: what one operation takes, with the backend that is switched on.
//!
//! ```sh
//! cargo bench                                 # everything, in about a minute
//! cargo bench -- refuse                       # what has this in its name
//! cargo bench --features aws-lc-rs            # the other backend
//! ```
//!
//! Times depend on the machine and on what else it does. To see whether a change made the
//! library slower, count instructions: `cargo run --release -p bulla-counts`. To compare
//! with other libraries: `cargo peers`.

mod making;
mod opening;
mod refusing;
mod requests;
mod state;

fn main() {
    let backend = if cfg!(feature = "aws-lc-rs") { "aws-lc-rs" } else { "chacha20poly1305" };
    eprintln!("XChaCha20-Poly1305 by {backend}, HMAC-SHA256 by hmac and sha2");
    // One iteration of a sample would be mostly the timer.
    divan::Divan::default().sample_size(64).config_with_args().main();
}
