#!/usr/bin/env bash
# Makes the operating system's random generator fail (no_randomness.c). The command-line tool must
# then create no key and no file. A fleet must continue with the tokens that exist already.
# src/tests/randomless.rs tests the same inside the crate.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cc -shared -fPIC -O2 -Wall -Werror -o "$dir/no_randomness.so" tests/no_randomness.c -ldl
cargo build --quiet --locked -p bulla-cli
bulla=$PWD/target/debug/bulla
export NO_RANDOMNESS=$dir/switch
failing() { LD_PRELOAD=$dir/no_randomness.so "$@"; }
held=0
holds() { held=$((held + 1)); } # counts a check; if a check fails, the script ends before this

# While the file NO_RANDOMNESS does not exist, the generator works.
failing "$bulla" ring new --ring "$dir/ring" 2>/dev/null
seal=("$bulla" seal --ring "$dir/ring" --purpose test.example/x)
open=("$bulla" open --ring "$dir/ring" --purpose test.example/x)
failing "${seal[@]}" <<<hello >"$dir/token"
cp "$dir/ring" "$dir/before"
mkdir "$dir/empty"
touch "$NO_RANDOMNESS"

refused() { # refused COMMAND…: checks that COMMAND fails, reports the reason, and prints no output
  local status=0
  failing "$@" >"$dir/out" 2>"$dir/err" <<<hello || status=$?
  [[ $status -gt 0 && $status -lt 100 ]] || { echo "$*: status $status"; exit 1; }
  [[ ! -s $dir/out ]] || { echo "$*: printed something"; exit 1; }
  grep -q "random generator failed" "$dir/err" || { echo "$*: $(cat "$dir/err")"; exit 1; }
  holds
}
refused "$bulla" key new
refused "$bulla" ring new --ring "$dir/empty/ring"
[[ -z $(ls -A "$dir/empty") ]] && holds # neither a ring nor a temporary file
refused "$bulla" ring publish --ring "$dir/ring" --spread 10m --longest 12h
cmp "$dir/ring" "$dir/before" && holds
refused "${seal[@]}"
# Reading, opening, verifying and signing need no randomness.
failing "$bulla" ring list --ring "$dir/ring" >/dev/null && holds
[[ $(failing "${open[@]}" <"$dir/token") == hello ]] && holds
signed=$(failing "${seal[@]}" --mode signed <<<hello)
[[ $(failing "${open[@]}" <<<"$signed") == hello ]] && holds
rm "$NO_RANDOMNESS"

echo "the tool: $held checks passed"
if ! failing cargo test --quiet --locked -p bulla --test it soak -- --nocapture >"$dir/soak" 2>&1; then
  cat "$dir/soak"
  exit 1
fi
grep -E "without randomness|requests$" "$dir/soak" | sed 's/^ */a fleet: /'
grep -q "a change without randomness" "$dir/soak"
