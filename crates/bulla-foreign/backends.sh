#!/usr/bin/env bash
# Runs the test vectors of other projects with every backend (implementation of the primitives) that
# this processor supports.
set -euo pipefail
cd "$(dirname "$0")/../.."

run() { # run NAME FLAGS…
  local name=$1; shift
  echo "== $name"
  RUSTFLAGS="$*" cargo test --quiet --locked -p bulla-foreign --test foreign --target-dir target/backends \
    $features -- --nocapture --test-threads=1 2>&1 | grep -v '^$'
}

features=
run "default"
features="--features aws-lc-rs" run "aws-lc-rs"
features="--features detect" run "dryoc"
features="--features dryoc" run "dryoc, portable"
# The tests of src/primitives/agreement.rs compare all backends.
features="--features detect,aws-lc-rs" run "all backends"
run "portable" --cfg 'chacha20_backend="soft"' --cfg 'poly1305_backend="soft"' --cfg 'sha2_backend="soft"'
if [ "$(uname -m)" = x86_64 ]; then
  run "SSE2" --cfg 'chacha20_backend="sse2"'
  if grep -qw avx2 /proc/cpuinfo 2>/dev/null; then
    run "AVX2" --cfg 'chacha20_backend="avx2"' -C target-feature=+avx2
    features="--features dryoc" run "dryoc, AVX2" -C target-feature=+avx2
  fi
  if grep -qw avx512f /proc/cpuinfo 2>/dev/null; then
    features="--features dryoc" run "dryoc, AVX-512" -C target-feature=+avx512f
  fi
  if grep -qw sha_ni /proc/cpuinfo 2>/dev/null; then
    run "SHA extensions" --cfg 'sha2_256_backend="x86-sha"' -C target-feature=+sha,+sse4.1,+ssse3
  fi
fi
