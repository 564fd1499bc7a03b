//! What the fuzzer runs: laws of bulla, each a function of bytes that panics when it
//! does not hold, and an implementation of the format to compare with.
//!
//! `fuzz_targets` has a program for each; `tests/corpus.rs` runs them over the corpus
//! without a fuzzer.

pub mod fixed;
pub mod independent;
pub mod laws;
pub mod mutation;

// The tool's own files: they need nothing else of it.
#[allow(dead_code)]
#[path = "../../crates/bulla-cli/src/page.rs"]
mod page;
#[allow(dead_code)]
#[path = "../../crates/bulla-cli/src/values.rs"]
mod values;
