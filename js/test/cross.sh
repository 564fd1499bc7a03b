#!/usr/bin/env bash
# Compares the implementations of bulla in Rust, Python and TypeScript.
#
#   js/test/cross.sh                      # the table, and 20,000 inputs of the fuzzer
#   js/test/cross.sh table                # each makes tokens and sessions, and each reads them
#   js/test/cross.sh fuzz COUNT [SEED]    # TypeScript and Rust judge the same inputs
#
# Fails at the first difference. Needs cargo, npm and python3 with venv.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ -d js/node_modules ] || (cd js && npm ci --silent)
(cd js && npx tsc -p test/tsconfig.json)
# Builds with the features of the whole workspace, to reuse what its tests have built.
cargo build --quiet --locked --workspace --bin bulla-cross
cross() { target/debug/bulla-cross "$@"; }

# The packages of the Python program stay in target/, where the next run finds them.
venv=$PWD/target/python
python_packages() {
  "$venv/bin/python" -c 'import cryptography, nacl' 2>/dev/null && return
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r spec/requirements.txt
}

case "${1:-}" in
  "") python_packages && PYTHON=$venv/bin/python cross table && cross fuzz 20000 ;;
  table) python_packages && PYTHON=$venv/bin/python cross table ;;
  fuzz) cross "$@" ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
