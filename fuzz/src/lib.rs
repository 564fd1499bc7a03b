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
