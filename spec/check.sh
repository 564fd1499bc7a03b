#!/usr/bin/env bash
# Writes the vectors anew with the independent implementation and compares;
# then opens with each implementation what the other has made.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check -r spec/requirements.txt
py() { "$dir/venv/bin/python" spec/bulla_v1.py "$@"; }

mkdir "$dir/vectors"
py vectors --out "$dir/vectors"
diff -r spec/vectors "$dir/vectors"
echo "the vectors are those that the independent implementation writes"
py check --vectors spec/vectors

cargo build --quiet -p bulla --example interop
interop() { target/debug/examples/interop "$@"; }

target/debug/examples/interop ring >"$dir/ring"
for mode in sealed signed; do
  printf 'from the library' | interop seal "$dir/ring" "$mode" >"$dir/token"
  [ "$(py open --ring "$dir/ring" --purpose interop.example/text --mode "$mode" <"$dir/token")" = "from the library" ]
  printf 'from Python' | py seal --ring "$dir/ring" --purpose interop.example/text --mode "$mode" --lifetime 600 >"$dir/token"
  [ "$(interop open "$dir/ring" "$mode" <"$dir/token")" = "from Python" ]
  echo "a $mode token of each implementation opens in the other"
done
