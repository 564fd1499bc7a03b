#!/usr/bin/env bash
# Runs the fuzz targets one after another and prints the results. Fails on any crash.
#   fuzz/run.sh --short            every target for 8 seconds
#   fuzz/run.sh SECONDS [TARGET…]  every target, or only the named ones, for SECONDS each
# New inputs are stored in fuzz/found, and inputs that violate a law in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:---short}
[ "$seconds" = --short ] && seconds=8
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
shift || true
targets=("$@")
[ $# -gt 0 ] || targets=(token open ring cookie pieces payload inspect differential record revocation proof bound dpop)

# With RUSTC_BOOTSTRAP, cargo-fuzz works on a stable toolchain. By default no sanitizer is used,
# because neither the library nor the laws have unsafe code, and fuzzing is three times as fast
# without a sanitizer. SANITIZER=address checks the dependencies.
export RUSTC_BOOTSTRAP=1
command -v cargo-fuzz >/dev/null || cargo install --quiet --locked --debug cargo-fuzz
cargo fuzz build --sanitizer "${SANITIZER:-none}" >&2
binaries=fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release

# The maximum length of an input, in bytes. The limits keep each execution fast.
longest() {
  case $1 in
    token | proof) echo 1024 ;;
    ring) echo 2048 ;;
    pieces) echo 64 ;;
    *) echo 512 ;;
  esac
}

failed=0
printf '%-13s %12s %9s %7s %9s %9s %8s\n' target executions per-sec edges features new-units crashes
for target in "${targets[@]}"; do
  mkdir -p "fuzz/found/$target" "fuzz/artifacts/$target"
  log=fuzz/found/$target.log
  before=$(find "fuzz/artifacts/$target" -type f | wc -l)
  status=0
  "$binaries/$target" -max_total_time="$seconds" -print_final_stats=1 -timeout=10 \
    -rss_limit_mb=1024 -max_len="$(longest "$target")" \
    -artifact_prefix="fuzz/artifacts/$target/" \
    "fuzz/found/$target" "fuzz/corpus/$target" >"$log" 2>&1 || status=$?
  stat() { sed -n "s/^stat::$1: *//p" "$log" | tail -1; }
  covered() { grep -ao " $1: [0-9]*" "$log" | tail -1 | grep -o '[0-9]*$' || echo 0; }
  crashes=$(($(find "fuzz/artifacts/$target" -type f | wc -l) - before))
  [ "$status" = 0 ] || { failed=1; [ "$crashes" -gt 0 ] || crashes='?'; }
  printf '%-13s %12s %9s %7s %9s %9s %8s\n' "$target" "$(stat number_of_executed_units)" \
    "$(stat average_exec_per_sec)" "$(covered cov)" "$(covered ft)" "$(stat new_units_added)" "$crashes"
  [ "$status" = 0 ] || grep -a -m1 -A2 'panicked at\|ERROR' "$log" >&2 || true
done
exit $failed
