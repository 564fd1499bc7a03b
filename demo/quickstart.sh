#!/usr/bin/env bash
# Copies the quick start of README.md into a new package, builds it, and signs in with curl.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# block LANGUAGE: the first block of README.md in that language.
block() { awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } on && $0 == "```" { exit } on' "$root/README.md"; }

cargo new --quiet --vcs none "$dir/shop"
cd "$dir/shop"
sed -i '/^\[dependencies\]/d' Cargo.toml
block toml >>Cargo.toml
# bulla is not published yet.
printf '\n[patch.crates-io]\nbulla = { path = "%s" }\n' "$root" >>Cargo.toml
# A free port, so that two runs do not use the same port. The rest of the code is unchanged.
block rust,ignore | sed 's/127\.0\.0\.1:3000/127.0.0.1:0/' >src/main.rs
# Uses the versions of the workspace's lock file, and crates that an earlier run has built.
cp "$root/Cargo.lock" .
CARGO_TARGET_DIR=$root/target/quickstart cargo build --quiet

BULLA_KEYS=$(cd "$root" && cargo run --quiet --locked --example key)
export BULLA_KEYS
"$root/target/quickstart/debug/shop" >out &
server=$!
for _ in $(seq 100); do [ -s out ] && break; sleep 0.05; done
url=$(sed 's/open //' out)
body() { curl -sS -L -c jar -b jar "$@"; }

[[ $(body "$url") == *"Sign in"* ]] || fail "a guest sees the form"
[ "$(body -d name=ada "$url/login")" = "Hello ada, this is visit 1." ] || fail "sign-in"
[ "$(body "$url")" = "Hello ada, this is visit 2." ] || fail "the session continues"
grep -q '__Host-session' jar || fail "the cookie is __Host-session"
# Without -L, because for a redirect curl would read the deleted cookie from its file again.
curl -sS -c jar -b jar -d '' "$url/logout"
[[ $(body "$url") == *"Sign in"* ]] || fail "sign-out"
echo "the quick start of README.md works as pasted"
