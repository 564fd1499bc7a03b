//! This crate contains only tests, in `tests/`. `backends.sh` runs the tests with every backend
//! (implementation of the cipher, the MAC and the hash) that this processor supports.
