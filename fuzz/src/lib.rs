//! The code that the fuzzer runs: the laws of bulla, and an independent implementation of the
//! format, with which the laws compare the library.
//!
//! A law is a property that must hold for every input. Each law is a function that takes bytes and
//! panics if they violate the law. `fuzz_targets` contains a program for each law.
//! `tests/corpus.rs` runs the laws over the corpus without a fuzzer.

pub mod fixed;
pub mod independent;
pub mod laws;
pub mod mutation;

// Source files of the command-line tool. They are included here because the tool is not a library.
#[allow(dead_code)]
#[path = "../../crates/bulla-cli/src/contents.rs"]
mod contents;
#[allow(dead_code)]
#[path = "../../crates/bulla-cli/src/json.rs"]
mod json;
#[allow(dead_code)]
#[path = "../../crates/bulla-cli/src/page.rs"]
mod page;
#[allow(dead_code)]
#[path = "../../crates/bulla-cli/src/values.rs"]
mod values;

// Source files of the library that are private to it. `proof` uses the others.
#[allow(dead_code, unexpected_cfgs)]
#[path = "../../src/primitives"]
mod primitives {
    pub(crate) mod p256;

    pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
        sha2::Digest::finalize(parts.iter().fold(sha2::Sha256::default(), |mut hash, part| {
            sha2::Digest::update(&mut hash, part);
            hash
        }))
        .into()
    }
}
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/proof/mod.rs"]
mod proof;
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/time.rs"]
mod time;
#[path = "../../src/token"]
mod token {
    pub(crate) mod text;
}
