#!/usr/bin/env bash
# Writes the vectors with the independent implementation and compares them with spec/vectors.
# Then opens the tokens of each implementation with the other.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check -r spec/requirements.txt
py() { "$dir/venv/bin/python" -B spec/bulla_v1.py "$@"; }

mkdir "$dir/vectors"
py vectors --out "$dir/vectors"
diff -r spec/vectors "$dir/vectors"
echo "the independent implementation writes the same vectors"
py check --vectors spec/vectors

# Builds with the features of the whole workspace, to reuse what its tests have built.
cargo build --quiet --locked --workspace --bin bulla --example interop
interop() { target/debug/examples/interop "$@"; }
interop ring >"$dir/ring"
interop make "$dir/ring" 250 >"$dir/made"

# Library to Python: every token opens with its payload.
py open-lines <"$dir/made" >"$dir/opened"
python3 - "$dir/made" "$dir/opened" <<'END'
import json, sys
made, opened = ([json.loads(line) for line in open(name)] for name in sys.argv[1:])
assert len(made) == len(opened) > 0
for here, there in zip(made, opened):
    assert there["expect"] == "ok", there
    assert there["payload"] == here["payload"]
print(f"{len(made)} tokens of the library open in Python")
END

# Python to library: the same payloads, sealed and signed by Python.
py seal-lines <"$dir/made" >"$dir/sealed"
python3 - "$dir/made" "$dir/sealed" <<'END' >"$dir/remade"
import json, sys
made, sealed = ([json.loads(line) for line in open(name)] for name in sys.argv[1:])
for here, there in zip(made, sealed, strict=True):
    assert here["mode"] == "signed" or here["token"] != there["token"]
    print(json.dumps(here | there))
END
interop open "$dir/ring" <"$dir/remade"

# The command-line tool and the Python program open each other's tokens, as scripts would use them.
bulla() { target/debug/bulla "$@"; }
unset BULLA_RING
bulla ring new --ring "$dir/tool" >/dev/null 2>&1
purpose=shop.example/reset-link
for mode in sealed signed; do
  payload="account 4711, $mode"
  printf %s "$payload" | bulla seal --ring "$dir/tool" --purpose $purpose --mode $mode --lifetime 15m >"$dir/token"
  opened=$(py open --ring "$dir/tool" --purpose $purpose --mode $mode <"$dir/token")
  [ "$opened" = "$payload" ] || { echo "Python does not open a $mode token of the tool: $opened" >&2; exit 1; }
  printf %s "$payload" | py seal --ring "$dir/tool" --purpose $purpose --mode $mode --lifetime 900 >"$dir/token"
  opened=$(bulla open --ring "$dir/tool" --purpose $purpose <"$dir/token")
  [ "$opened" = "$payload" ] || { echo "the tool does not open a $mode token of Python: $opened" >&2; exit 1; }
done
echo "the tool and Python open each other's tokens, sealed and signed"
