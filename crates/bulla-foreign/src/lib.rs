//! Tests only: see `tests/`. `backends.sh` runs them over every backend of the cipher,
//! the mac and the hash that this machine has.
