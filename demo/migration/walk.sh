#!/usr/bin/env bash
# Tests both migrations with curl. Exits with status 1 at the first unexpected result.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Builds with the features of the whole workspace, to reuse what `cargo test --workspace` built.
cargo build --quiet --locked --workspace --bin private-jar --bin jwt
bin=$PWD/target/debug
dir=$(mktemp -d)
cd "$dir"
pid=
trap 'kill $pid 2>/dev/null || true; rm -rf "$dir"' EXIT

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
# start PROGRAM: sets $before and $after to its addresses.
start() {
  "$bin/$1" >out &
  pid=$!
  for _ in $(seq 100); do grep -q after out && break; sleep 0.05; done
  before=$(sed -n 's/^before *//p' out) after=$(sed -n 's/^after *//p' out)
}
stop() { kill $pid; wait $pid 2>/dev/null || true; }
# says WANT CURL-ARGS…: fails unless the body of the response is WANT.
says() {
  local want=$1 got; shift
  got=$(curl -s "$@")
  printf '%-8s %s\n' "$got" "${*: -1}"
  [ "$got" = "$want" ] || fail "expected '$want'"
}
cookies() { awk '/\t/ { print $6 }' jar | sort | tr '\n' ' '; }

echo "== from a PrivateCookieJar"
start private-jar
says '' -c jar -b jar -X POST "$before/sign-in/ada"
says ada -c jar -b jar "$before/"
[ "$(cookies)" = "user " ] || fail "the jar has $(cookies)"
says ada -c jar -b jar "$after/"
[ "$(cookies)" = "__Host-session " ] || fail "the jar has $(cookies)"
says ada -c jar -b jar "$after/"
says '' -c jar -b jar -X POST "$after/sign-out"
says guest -c jar -b jar "$after/"
stop

echo "== from a JWT"
start jwt
jwt=$(curl -s -X POST "$before/sign-in/ada")
says ada -H "Authorization: Bearer $jwt" "$before/"
says ada -D head -H "Authorization: Bearer $jwt" "$after/"
token=$(tr -d '\r' <head | sed -n 's/^session-token: //p')
says ada -H "Authorization: Bearer $token" "$after/"
says 'Sign in first.' -H "Authorization: Bearer ${jwt}x" "$after/"
stop
echo "all results as expected"
