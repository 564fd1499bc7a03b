//! This crate contains only tests, in `tests/`. `backends.sh` runs them with every backend of the
//! cipher, the MAC and the hash that this processor supports.
