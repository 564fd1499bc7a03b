#!/usr/bin/env bash
# Tests a bank with the mobile client, and then with curl and a copy of the client's tokens. Exits
# with status 1 at the first unexpected result.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet -p bank -p mobile
dir=$(mktemp -d)
target/debug/bank --listen 127.0.0.1:0 --ring "$dir/ring" --idle 3s --proof-lifetime 10s >"$dir/out" 2>"$dir/log" &
pid=$!
trap 'kill $pid 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 100); do grep -q http "$dir/out" && break; sleep 0.05; done
bank=$(sed 's/.*http:..//' "$dir/out")
target/debug/mobile --bank "$bank" --tokens "$dir/tokens"

fail() { printf 'FAILED: %s\n' "$*" >&2; cat "$dir/head" >&2; exit 1; }
field() { sed -n "s/^$1: //Ip" "$dir/head" | tr -d '\r'; }
# copy CURL-ARGS…: asks for the balance with the tokens of the phone, and keeps a renewed one.
copy() {
  status=$(curl -s -o /dev/null -D "$dir/head" -w '%{http_code}' -H "@$dir/tokens" "$@" "http://$bank/api/balance")
  local renewal; renewal=$(field session-renewal)
  [ -z "$renewal" ] || sed -i "s/^session-renewal: .*/session-renewal: $renewal/" "$dir/tokens"
}
# refused ERROR CURL-ARGS…
refused() {
  local error=$1; shift
  copy "$@"
  printf '  %s %s\n' "$status" "$(field www-authenticate)"
  [ "$status" = 401 ] || fail "expected status 401"
  [ "$(field www-authenticate)" = "DPoP error=\"$error\", algs=\"ES256\"" ] || fail "expected $error"
}

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
