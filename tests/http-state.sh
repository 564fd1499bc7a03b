#!/usr/bin/env bash
# Runs the test cases of the IETF's http-state working group. A case says what a server sent, and what
# a browser must then send. The cases come from the test data of an npm package, whose code does not
# run.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v npm >/dev/null || { echo "needs npm to fetch the cases (package tough-cookie)" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(cd "$dir" && npm pack --silent tough-cookie@2.0.0 >/dev/null && tar xzf tough-cookie-*.tgz 2>/dev/null)
cases=$dir/package/test/ietf_data/parser.json
echo "15003f5272e0b4c59218c59d4e45c65dc18878fb38da652f75c5d5fc4d3fe106  $cases" | sha256sum --quiet -c
HTTP_STATE=$cases \
  cargo test --locked --workspace --test it http_state -- --ignored --nocapture
