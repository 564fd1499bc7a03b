//! Tests that need to see inside the crate: chosen nonces, example keys, and a random
//! generator that fails.

mod randomless;
mod vectors;
