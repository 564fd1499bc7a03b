//! Tests that need private items: chosen nonces, example keys, and a random generator that can
//! be made to fail.

#[cfg(feature = "bound")]
mod bound;
#[cfg(feature = "bound")]
mod dpop;
mod randomless;
mod vectors;
