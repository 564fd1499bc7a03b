#!/usr/bin/env bash
# Runs tests of the cipher and of tokens under Miri, which finds undefined behaviour in `unsafe` code
# of dependencies. Needs rustup.
set -euo pipefail
cd "$(dirname "$0")/../.."
rustup toolchain list | grep -q ^nightly || rustup toolchain install --profile minimal nightly >/dev/null
rustup --quiet component add --toolchain nightly miri rust-src

miri() { # miri NAME INSTRUCTIONS OPTIONS…
  local name=$1 instructions=$2; shift 2
  echo "== $name"
  # The tests read files and environment variables.
  MIRIFLAGS=-Zmiri-disable-isolation RUSTFLAGS="-C target-feature=$instructions" \
    cargo +nightly miri test --quiet --locked "$@" 2>&1 | grep -v '^$'
}

# In Miri, libraries detect only the instructions that the compiler's flags allow. Miri runs neither
# inline assembly, which dryoc's AVX-512 code uses from 1,024 bytes, nor the instructions of IFMA.
agreement="-p bulla-foreign --features detect --test foreign at_every_length"
LENGTHS="0 1 64 300" miri "dryoc and RustCrypto, portable" "" $agreement
LENGTHS="0 300 600 1100" miri "dryoc and RustCrypto, AVX2" +avx2 $agreement
LENGTHS="300 600 900" miri "dryoc and RustCrypto, AVX-512" +avx512f,+avx512vl,+avx2 $agreement
# Whole tokens, with base64 and SHA-256 too. The other vectors take minutes.
tests="vectors::opening vectors::sealing vectors::signing vectors::decrypting wipe::"
for features in "" dryoc; do
  miri "tokens, ${features:-RustCrypto}, AVX2 and SHA" +avx2,+sha -p bulla --features "$features" --lib -- $tests
done
