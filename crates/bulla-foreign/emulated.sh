#!/usr/bin/env bash
# Tests the primitives and the tokens on another processor: emulated.sh aarch64 (ARM) or s390x
# (big-endian), which QEMU emulates, or i686 (32 bits), which runs on x86-64.
# Installs what it needs on a Debian machine with rustup.
set -euo pipefail
cd "$(dirname "$0")/../.."

arch=${1:-}
sysroot=/usr/$arch-linux-gnu
# The processors decide which instructions the libraries detect. cortex-a72 has NEON. max also has
# SVE2, with vectors of 512 bits, or of 128 bits as in most servers.
case $arch in
  aarch64) runner=qemu-aarch64 libc=libc6-dev-arm64-cross cpus="max cortex-a72 max,sve-max-vq=1" ;;
  s390x) runner=qemu-s390x libc=libc6-dev-s390x-cross cpus=max ;;
  i686) runner=$sysroot/lib/ld-linux.so.2 libc=libc6-dev-i386-cross cpus=own ;;
  *) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
esac
if ! { command -v $runner && command -v "$arch-linux-gnu-gcc"; } >/dev/null; then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "gcc-$arch-linux-gnu" $libc qemu-user >/dev/null
fi
target=$arch-unknown-linux-gnu
rustup --quiet target add "$target"
variable=CARGO_TARGET_$(tr a-z- A-Z_ <<<"$target")
export "${variable}_LINKER=$arch-linux-gnu-gcc"

on() { # on CPU OPTIONS…: cargo test, whose programs run on that processor
  local cpu=$1 options="-cpu $1 -L $sysroot"; shift
  if [ "$cpu" = own ]; then options="--library-path $sysroot/lib"; fi
  echo "== $cpu: $*"
  env "${variable}_RUNNER=$runner $options" \
    cargo test --quiet --locked --target "$target" --target-dir target/cross "$@" | grep -v '^$'
}

ran() { # ran CPU KERNEL…: dryoc's kernels of these names run on a processor
  local cpu=$1 log=target/cross/instructions; shift
  # QEMU writes each function that it translates, which it does when the function first runs.
  QEMU_LOG=in_asm QEMU_LOG_FILENAME=$PWD/$log LENGTHS="0 64 300 600 1100 2100 4096" \
    on "$cpu" -p bulla-foreign --test foreign --features detect at_every_length
  for kernel in "$@"; do
    grep -q "^IN: .*xor_chunk_${kernel}_unchecked" $log || { echo "$kernel did not run" >&2; exit 1; }
    echo "dryoc's kernel $kernel ran"
  done
  rm $log
}

for cpu in $cpus; do
  for features in "" detect aws-lc-rs; do
    on "$cpu" -p bulla-foreign --test foreign --features "$features" -- sha256 xchacha20 --skip ecdsa
  done
  EXECUTIONS=${EXECUTIONS:-3000} on "$cpu" -p bulla-foreign --test foreign \
    --features detect,aws-lc-rs -- agree --nocapture
done
for features in "" dryoc aws-lc-rs; do
  on "${cpus%% *}" -p bulla --features "$features" --lib -- vectors token::
done
if [ "$arch" = aarch64 ]; then
  on cortex-a72 -p bulla --features dryoc --lib -- vectors
  ran cortex-a72 neon
  ran max sve2 sve2_small sve2_with_block sve2_poly
fi
