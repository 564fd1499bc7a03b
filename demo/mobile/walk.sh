#!/usr/bin/env bash
# Tests two banks with the mobile client, and then one with curl and a copy of the client's tokens.
# Exits with status 1 at the first unexpected result.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Builds with the features of the whole workspace, to reuse what `cargo test --workspace` built.
cargo build --quiet --locked --workspace --bin bank --bin mobile
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT

# start ARGS…: starts a bank, and sets $bank to its address.
start() {
  : >"$dir/out" # it has the address of the previous bank
  target/debug/bank --listen 127.0.0.1:0 --ring "$dir/ring" "$@" >"$dir/out" 2>>"$dir/log" &
  pids+=($!)
  for _ in $(seq 100); do grep -q http "$dir/out" && break; sleep 0.05; done
  bank=$(sed 's/.*http:..//' "$dir/out")
}
fail() { printf 'FAILED: %s\n' "$*" >&2; cat "$dir/head" >&2; exit 1; }
field() { sed -n "s/^$1: //Ip" "$dir/head" | tr -d '\r'; }
# copy CURL-ARGS…: asks for the balance with the tokens of the phone.
copy() {
  status=$(curl -s -o /dev/null -D "$dir/head" -w '%{http_code}' -H "@$dir/tokens" "$@" "http://$bank/api/balance")
}
# refused ERROR CURL-ARGS…: the bank refuses the copy with this error.
refused() {
  local error=$1; shift
  copy "$@"
  printf '  %s %s\n' "$status" "$(field www-authenticate)"
  [ "$status" = 401 ] || fail "expected status 401"
  [ "$(field www-authenticate)" = "DPoP error=\"$error\", algs=\"ES256\"" ] || fail "expected $error"
}

start --idle 3s
target/debug/mobile --bank "$bank" network

echo
start --proof-lifetime 10s
target/debug/mobile --bank "$bank" theft --tokens "$dir/tokens"

printf '\ncurl has a copy of the tokens, and reads the balance once a second\n'
for second in $(seq 0 11); do
  copy
  [ "$status" = 200 ] || break
  sleep 1
done
echo "  the copy worked for $second s, then without a proof, with a proof of nobody, and as a bearer token:"
[ "$second" -gt 0 ] && [ "$second" -le 10 ] || fail "the copy must work for at most 10 seconds"
refused use_dpop_nonce
[ -n "$(field dpop-nonce)" ] || fail "expected a challenge"
refused invalid_dpop_proof -H 'DPoP: a.b.c'
sed -i 's/^authorization: DPoP/authorization: Bearer/' "$dir/tokens"
refused invalid_token
echo "all results as expected"
