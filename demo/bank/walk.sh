#!/usr/bin/env bash
# Tests the bank with curl, as a curious user would, and prints each request with its status.
# Exits with status 1 at the first unexpected result.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Builds with the features of the whole workspace, to reuse what `cargo test --workspace` built.
cargo build --quiet --locked --workspace --bin bank --example key
bank=$PWD/target/debug/bank new_key=$PWD/target/debug/examples/key
dir=$(mktemp -d)
cd "$dir"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; cat ./*.log >&2; exit 1; }

# start NAME ARGS…: starts a bank, and sets $NAME to its address and $NAME_pid to its process id.
start() {
  local name=$1; shift
  rm -f "$name.out" # the file has the address of the previous bank
  "$bank" --listen 127.0.0.1:0 "$@" >"$name.out" 2>"$name.log" &
  pids+=($!)
  printf -v "${name}_pid" %s $!
  for _ in $(seq 100); do
    grep -q http "$name.out" && break
    sleep 0.05
  done
  printf -v "$name" %s "$(grep -o 'http://.*' "$name.out")"
}
stop() { kill -INT "$1"; wait "$1" || fail "the bank did not stop cleanly"; }

# expect STATUS CURL-ARGS…: writes the body to ./body and the headers to ./head.
expect() {
  local want=$1 got; shift
  got=$(curl -s -o body -D head -w '%{http_code}' "$@")
  printf '%s  %s\n' "$got" "${*: -1}"
  [ "$got" = "$want" ] || fail "expected status $want"
}
# browser JAR STATUS CURL-ARGS…: like `expect`, with the cookies in the file JAR.
browser() { local jar=$1; shift; local want=$1; shift; expect "$want" -c "$jar" -b "$jar" "$@"; }
token() { awk '$6 == "__Host-session" { print $7 }' "$1"; }
has() { grep -qi -- "$1" "$2" || fail "expected '$1' in $2"; }
hasnt() { ! grep -qi -- "$1" "$2" || fail "did not expect '$1' in $2"; }
# flip TOKEN: prints the token with its 40th character changed.
flip() { local c=A; [ "${1:39:1}" = A ] && c=B; printf %s "${1:0:39}$c${1:40}"; }

say "a user who signs in stays signed in when the bank restarts"
start bank1 --ring ring
[ "$(stat -c %a ring)" = 600 ] || fail "other users can read the key ring"
browser jar 401 "$bank1/balance"
browser jar 401 -d 'user=ada&pin=0000' "$bank1/login"
browser jar 303 -d 'user=ada&pin=1815' "$bank1/login"
browser jar 200 "$bank1/balance"
has 'Ada Lovelace' body
hasnt '^set-cookie' head
stop "$bank1_pid"
start bank1 --ring ring
browser jar 200 "$bank1/balance"
has 'Ada Lovelace' body

say "transfer: invalid amounts are refused, a valid amount is sent"
browser jar 422 -d 'to=alan&amount=lots' "$bank1/transfer"
browser jar 422 -d 'to=alan&amount=999999' "$bank1/transfer"
browser jar 303 -d 'to=alan&amount=12.50' "$bank1/transfer"
browser jar 200 "$bank1/balance"
has '£1,830.50' body
has 'You sent £12.50' body

say "session fixation: if an attacker has planted a session, a user who signs in gets a new one"
browser attacker 303 -d 'user=alan&pin=1912' "$bank1/login"
cp attacker victim
browser victim 303 -d 'user=ada&pin=1815' "$bank1/login"
browser victim 200 "$bank1/balance"
has 'Ada Lovelace' body
browser attacker 401 "$bank1/balance"
[ "$(token attacker)" != "$(token victim)" ] || fail "the planted token was kept"

say "step-up: a transfer needs a PIN that was entered in the last 2 seconds; a stolen copy of the cookie does not become fresh"
start strict --ring ring --fresh 2s
browser stepped 303 -d 'user=ada&pin=1815' "$strict/login"
browser stepped 303 -d 'to=alan&amount=1' "$strict/transfer"
sleep 3
cp stepped copy
browser stepped 401 -d 'to=alan&amount=1' "$strict/transfer"
has 'Confirm it is you' body
browser stepped 401 -d 'to=alan&amount=1&pin=0000' "$strict/transfer"
browser stepped 303 -d 'to=alan&amount=1&pin=1815' "$strict/transfer"
browser stepped 303 -d 'to=alan&amount=1' "$strict/transfer"
browser copy 401 -d 'to=alan&amount=1' "$strict/transfer"
browser copy 200 "$strict/balance"
stop "$strict_pid"

say "forms and scripts from other origins have no session: 403, and nothing changes"
for site in 'sec-fetch-site: cross-site' 'sec-fetch-site: same-site' 'origin: https://evil.example'; do
  browser jar 403 -H "$site" -d 'to=alan&amount=1' "$bank1/transfer"
  browser jar 403 -H "$site" -X POST "$bank1/logout"
  browser jar 403 -H "$site" -d 'user=alan&pin=1912' "$bank1/login"
  hasnt '^set-cookie' head
done
browser jar 200 -H 'sec-fetch-site: cross-site' "$bank1/balance" # a link
has 'Ada Lovelace' body
has '£1,830.50' body
browser jar 303 -H "origin: $bank1" -d 'to=alan&amount=1' "$bank1/transfer"

say "a sign-in page for browsers, 401 for scripts; a user comes back only to a page of the bank"
navigate='Sec-Fetch-Mode: navigate'
expect 303 -H "$navigate" "$bank1/balance?from=mail"
has '^location: /sign-in?next=/balance%3Ffrom%3Dmail' head
expect 200 "$bank1/sign-in?next=/balance%3Ffrom%3Dmail"
has 'name="next" value="/balance?from=mail"' body
browser back 303 -d 'user=ada&pin=1815' --data-urlencode 'next=/balance?from=mail' "$bank1/login"
has '^location: /balance?from=mail' head
browser back 303 -d 'user=ada&pin=1815' --data-urlencode 'next=//evil.example' "$bank1/login"
has '^location: /balance' head
expect 401 -H 'Sec-Fetch-Mode: cors' "$bank1/balance"
hasnt '^location' head
expect 401 -H 'HX-Request: true' "$bank1/balance"
has '^hx-redirect: /sign-in' head

say "changed, renamed and malformed tokens: 401, all with the same response"
good=$(token jar)
expect 401 -b "__Host-session=$(flip "$good")" "$bank1/balance"; mv body forged
has '^set-cookie: __Host-session=;' head
expect 401 -b "ada=$good" "$bank1/balance"; cmp -s body forged || fail "the page differs for another cookie name"
expect 401 -b "__Host-session=" "$bank1/balance"; cmp -s body forged || fail "the page differs for an empty value"
expect 401 -b "__Host-session=%00%ff;;==" "$bank1/balance"; cmp -s body forged || fail "the page differs for a malformed value"
expect 401 -b "__Host-session=s1.${good#b1.}" "$bank1/balance"; cmp -s body forged || fail "the page differs for another mode"
expect 401 -b "__Host-session=b1.$(head -c 60000 /dev/zero | tr '\0' A)" "$bank1/balance"
expect 200 -b "__Host-session=$good" "$bank1/balance"
expect 200 "$bank1/healthz"

say "mobile client: tokens in headers, no cookies"
json='content-type: application/json'
expect 401 -H "$json" -d '{"user":"alan","pin":"0"}' "$bank1/api/login"
expect 200 -H "$json" -d '{"user":"alan","pin":"1912"}' "$bank1/api/login"
hasnt '^set-cookie' head
bearer=$(tr -d '\r' <head | awk '$1 == "session-token:" { print $2 }')
expect 200 -H "Authorization: Bearer $bearer" "$bank1/api/balance"
has 'Alan Turing' body
stop "$bank1_pid"
start bank1 --ring ring
expect 200 -H "Authorization: Bearer $bearer" "$bank1/api/balance"
expect 401 -H "Authorization: Bearer $(flip "$bearer")" "$bank1/api/balance"
expect 401 -b "__Host-session=$bearer" "$bank1/api/balance"
expect 401 -H "Authorization: Bearer $good" "$bank1/api/balance"
expect 204 -X POST -H "Authorization: Bearer $bearer" "$bank1/api/logout"
grep -qi '^session-token: *.$' head || fail "the response does not delete the token"

say "your devices: a list of the sessions; ending one signs that device out and no other"
firefox='Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
phone='Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36'
# device LABEL: prints the id of the device with this label on the page in ./body.
device() { grep -o "<li>.*</li>" body | sed 's/<li>/\n/g' | grep "$1" | grep -o 'value="[0-9a-f]*"' | cut -d'"' -f2; }
start list --ring ring --fresh 2s --idle 14s
browser here 303 -A "$firefox" -d 'user=ada&pin=1815' "$list/login"
browser away 303 -A "$phone" -d 'user=ada&pin=1815' "$list/login"
browser alan 303 -d 'user=alan&pin=1912' "$list/login"
expect 200 -H "$json" -d '{"user":"ada","pin":"1815"}' "$list/api/login"
app=$(tr -d '\r' <head | awk '$1 == "session-token:" { print $2 }')
browser here 200 "$list/devices"
[ "$(grep -o '<li>' body | wc -l)" = 3 ] || fail "expected three devices of ada"
has 'Firefox on Linux</b> <span class="here">this device' body
has 'Chrome on Android</b><p' body
away=$(device Android) self=$(device Firefox) curl=$(device '<b>curl')
browser alan 200 "$list/devices"
hasnt Android body
browser alan 404 -d "device=$away" "$list/devices/end" # the device of somebody else
browser alan 404 -d "device=x" "$list/devices/end"
browser away 200 "$list/balance"
cp away stolen
sleep 3
browser here 401 -d "device=$away" "$list/devices/end" # asks for the PIN
has 'Confirm it is you' body
browser here 401 -d "device=$away&pin=0000" "$list/devices/end"
browser here 303 -d "device=$away&pin=1815" "$list/devices/end" # gives this session a new id
browser away 401 "$list/balance"
has '^set-cookie: __Host-session=;' head
browser stolen 401 "$list/balance"
expect 200 -H "Authorization: Bearer $app" "$list/api/balance"
browser here 200 "$list/devices"
[ "$(device Firefox)" = "$self" ] || fail "a new id of the session has changed the list"
has 'this device' body
hasnt Android body
browser here 303 -d "device=$curl" "$list/devices/end"
expect 401 -H "Authorization: Bearer $app" "$list/api/balance"
browser away 303 -A "$phone" -d 'user=ada&pin=1815' "$list/login"
browser away 303 -A "$phone" -d 'user=ada&pin=1815' "$list/login" # replaces the session of this browser
browser here 200 "$list/devices"
[ "$(grep -o '<li>' body | wc -l)" = 2 ] || fail "expected two devices after a second sign-in"
browser here 303 -X POST "$list/logout-others"
browser away 401 "$list/balance"
browser here 200 "$list/devices"
[ "$(grep -o '<li>' body | wc -l)" = 1 ] || fail "expected one device after signing out the others"
seen() { grep -o 'last seen [^<]*' body; }
before=$(seen)
sleep 8 # more than half of the idle timeout
browser here 200 "$list/balance"
has '^set-cookie: __Host-session-renewal=' head
browser here 200 "$list/devices"
[ "$(seen)" != "$before" ] || fail "expected a later time of the last activity"
stop "$list_pid"
start list --ring ring
browser here 200 "$list/devices" # the list was in memory, the session was not
[ "$(device '<b>')" = "$self" ] || fail "expected the session in the list of the restarted bank"
browser here 303 -d "user=ada&pin=1815" "$list/login"
browser here 200 "$list/devices"
self=$(device '<b>')
browser here 303 -d "device=$self" "$list/devices/end"
has '^location: /signed-out' head
[ -z "$(token here)" ] || fail "the cookie was not deleted"
stop "$list_pid"

say "sign out my other devices: this device stays signed in, a stolen copy of its cookie does not"
browser jar2 303 -d 'user=ada&pin=1815' "$bank1/login"
copy=$(token jar)
browser jar 303 -X POST "$bank1/logout-others"
browser jar 200 "$bank1/balance"
browser jar2 401 "$bank1/balance"
expect 401 -b "__Host-session=$copy" "$bank1/balance"

say "sign out: the cookie is deleted, and stolen copies of it are refused"
copy=$(token jar)
browser jar 303 -X POST "$bank1/logout"
expect 401 -b "__Host-session=$copy" "$bank1/balance"
[ -z "$(token jar)" ] || fail "the cookie was not deleted"
browser jar 401 "$bank1/balance"
stop "$bank1_pid"

say "a session that is bound to a device: a thief of all cookies has it until the last proof is too old"
start safe --ring ring --proof-lifetime 10s
# The device is openssl with a key. tests/it/bound.rs and demo/browser have the details.
openssl ecparam -name prime256v1 -genkey -noout -out device.pem
base64url() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
point() { openssl ec -in device.pem -pubout -outform DER 2>/dev/null | tail -c 64; }
# jwt HEADER CHALLENGE: prints a proof. Its signature is two numbers of 32 bytes, and openssl writes DER.
jwt() {
  local signed numbers
  signed=$(printf %s "$1" | base64url).$(printf '{"jti":"%s"}' "$2" | base64url)
  numbers=$(printf %s "$signed" | openssl dgst -sha256 -sign device.pem | openssl asn1parse -inform DER |
    awk -F: '/INTEGER/ { printf "%64s", $NF }' | tr ' ' 0)
  printf '%s.%s' "$signed" "$(python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))' "$numbers" | base64url)"
}
field() { sed -n "s/^$1: //Ip" head | tr -d '\r'; }
# prove: sends a proof for the last challenge, and reads the next one.
prove() {
  local proof
  proof=$(jwt '{"alg":"ES256","typ":"dbsc+jwt"}' "$next")
  browser device 200 -X POST -H "Sec-Secure-Session-Id: $id" -H "Secure-Session-Response: $proof" \
    "$safe/bulla/session/refresh"
  next=$(field secure-session-challenge | cut -d'"' -f2)
}
browser device 303 -d 'user=ada&pin=1815' "$safe/login"
next=$(field secure-session-registration | sed 's/.*challenge="//; s/".*//')
jwk=$(printf '{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}' "$(point | head -c 32 | base64url)" "$(point | tail -c 32 | base64url)")
proof=$(jwt "{\"alg\":\"ES256\",\"jwk\":$jwk,\"typ\":\"dbsc+jwt\"}" "$next")
browser device 200 -X POST -H "Secure-Session-Response: $proof" "$safe/bulla/session/register"
has '"refresh_url":"/bulla/session/refresh"' body
next=$(field secure-session-challenge | cut -d'"' -f2) id=$(field secure-session-challenge | cut -d'"' -f4)
prove
browser device 200 "$safe/balance"
has 'Bound to this device' body
has 'A copy of the cookies works until' body
cp device thief
expect 401 -b "__Host-session=$(token device)" "$safe/balance" # the state cookie alone
browser thief 200 "$safe/balance"
sleep 10
browser thief 401 "$safe/balance"
prove
browser device 200 "$safe/balance"
browser thief 401 "$safe/balance"
browser thief 400 -H "Sec-Secure-Session-Id: $id" -H 'Secure-Session-Response: a.b.c' -X POST "$safe/bulla/session/refresh"
browser device 303 -X POST "$safe/logout"
next=$(field secure-session-challenge | cut -d'"' -f2)
prove # the browser learns that it can delete its key
has '"continue":false' body
browser device 303 -d 'user=ada&pin=1815' "$safe/login"
browser device 200 "$safe/balance"
has 'Not bound to a device' body
stop "$safe_pid"

say "idle timeout of 3 seconds, absolute timeout of 8 seconds"
start bank1 --ring ring --idle 3s --absolute 8s
browser idle 303 -d 'user=ada&pin=1815' "$bank1/login"
browser busy 303 -d 'user=alan&pin=1912' "$bank1/login"
expect 200 -H "$json" -d '{"user":"alan","pin":"1912"}' "$bank1/api/login"
bearer=$(tr -d '\r' <head | awk '$1 == "session-token:" { print $2 }')
for second in 2 4 6; do
  sleep 2
  browser busy 200 "$bank1/balance"
done
browser idle 401 "$bank1/balance"
expect 401 -H "Authorization: Bearer $bearer" "$bank1/api/balance"
sleep 2.1
browser busy 401 "$bank1/balance"
browser busy 303 -d 'user=alan&pin=1912' "$bank1/login"
browser busy 200 "$bank1/balance"
stop "$bank1_pid"

say "key rotation without the tool: old cookies open and move to the new key; then the old key is removed"
start bank1 --ring ring
browser seen 303 -d 'user=ada&pin=1815' "$bank1/login"
browser unseen 303 -d 'user=alan&pin=1912' "$bank1/login"
stop "$bank1_pid"
cp ring old
printf '%s primary-from=%s\n' "$("$new_key")" "$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)" >>ring
start bank1 --ring ring
browser seen 200 "$bank1/balance"
hasnt '^set-cookie' head
sleep 2.5
browser seen 200 "$bank1/balance"
has '^set-cookie: __Host-session-renewal=' head
stop "$bank1_pid"
sed -i 1d ring
start bank1 --ring ring
browser seen 200 "$bank1/balance"
has 'Ada Lovelace' body
browser unseen 401 "$bank1/balance"
hasnt '^set-cookie' head
stop "$bank1_pid"
start bank1 --ring old
browser unseen 200 "$bank1/balance"
stop "$bank1_pid"

say "rolling deploy: the newer bank has a new primary key and a newer schema"
cat old ring >both && chmod 600 both
sed -i '2s/ primary-from=.*/ primary-from=2026-01-01T00:00:00Z/' both
start newer --ring both
start older --ring old --release previous
browser deploy 303 -d 'user=ada&pin=1815' "$older/login"
for _ in 1 2 3 4; do
  browser deploy 200 "$newer/balance"
  browser deploy 200 "$older/balance"
  hasnt '^set-cookie' head # the older bank does not overwrite the tokens of the newer one
done
browser deploy 303 -d 'to=alan&amount=1' "$newer/transfer"
for _ in 1 2 3 4; do
  browser deploy 401 "$older/balance"
  hasnt '^set-cookie' head # the older bank does not delete tokens that it cannot read
  browser deploy 200 "$newer/balance"
  has 'Transfers in this session</dt><dd>1<' body
done
stop "$newer_pid"; stop "$older_pid"

say "all results as expected"
