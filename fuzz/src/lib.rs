//! The code that the fuzzer runs: the laws of bulla, and an independent implementation of the
//! format to compare with.
//!
//! A law is a property that must hold for every input. Each law is a function of bytes that panics
//! if the law is violated. `fuzz_targets` has a program for each law; `tests/corpus.rs` runs the
//! laws over the corpus without a fuzzer.

pub mod fixed;
pub mod independent;
pub mod laws;
pub mod mutation;

// Source files of the command-line tool, which are included here because the tool is no library.
#[allow(dead_code)]
#[path = "../../crates/bulla-cli/src/page.rs"]
mod page;
#[allow(dead_code)]
#[path = "../../crates/bulla-cli/src/values.rs"]
mod values;
