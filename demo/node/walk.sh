#!/usr/bin/env bash
# Tests the bank (Rust) and the appointments (Node), which share their sessions, with curl.
# Exits with status 1 at the first unexpected result.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
# Builds with the features of the whole workspace, to reuse what `cargo test --workspace` built.
(cd ../.. && cargo build --quiet --locked --workspace --bin bank --bin bulla)
bank_program=$(realpath ../../target/debug/bank) bulla=$(realpath ../../target/debug/bulla)
installed() { [ -d "$1/node_modules/.bin" ] || (cd "$1" && npm ci --silent); }
installed ../../js
npm --prefix ../../js run --silent build
installed . # only now, because npm links the commands of bulla that are there
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; cat "$dir"/*.log >&2 2>/dev/null; exit 1; }

# launch NAME COMMAND…: starts a server, and sets $NAME to its address and $NAME_pid to its process id.
launch() {
  local name=$1; shift
  rm -f "$name.out" # the file has the address of the previous server
  "$@" >"$name.out" 2>"$name.log" &
  pids+=($!)
  printf -v "${name}_pid" %s $!
  for _ in $(seq 200); do
    grep -qs http "$name.out" && break
    sleep 0.05
  done
  grep -qs http "$name.out" || fail "$name does not listen"
  printf -v "$name" %s "$(grep -o 'http://.*' "$name.out")"
}
# start_bank NAME ARGS…
start_bank() { launch "$1" "$bank_program" --listen 127.0.0.1:0 --ring ring --revoked revoked --reload 100ms "${@:2}"; }
# start_app NAME VARIABLES…: starts the appointments.
start_app() {
  launch "$1" env PORT=0 BANK_RING=ring BANK_REVOKED=revoked BANK_RELOAD=0.1 "${@:2}" node "$here/dist/server.js"
}
stop() { kill -INT "$1"; wait "$1" || fail "a server did not stop cleanly"; }

# ask CURL-ARGS…: sets $got to the status, and writes the body to ./body and the headers to ./head.
ask() { got=$(curl -s -m 10 -o body -D head -w '%{http_code}' "$@") || fail "no response: ${*: -1}"; }
# expect STATUS CURL-ARGS…
expect() {
  local want=$1; shift
  ask "$@"
  printf '%s  %s\n' "$got" "${*: -1}"
  [ "$got" = "$want" ] || fail "expected status $want"
}
# soon STATUS CURL-ARGS…: like `expect`, but the server has 5 seconds to learn of a change.
soon() {
  local want=$1; shift
  for _ in $(seq 50); do
    ask "$@"
    [ "$got" = "$want" ] && break
    sleep 0.1
  done
  expect "$want" "$@"
}
# browser JAR STATUS CURL-ARGS…: like `expect`, with the cookies in the file JAR.
browser() { local jar=$1 want=$2; shift 2; expect "$want" -c "$jar" -b "$jar" "$@"; }
token() { awk '$6 == "__Host-session" { print $7 }' "$1"; }
# sealed_with JAR: sets $key to the id of the key with which the state in the file JAR is sealed.
sealed_with() {
  key=$("$bulla" inspect "$(token "$1")" --json 2>inspect.log | grep -o '"key_id": *"[0-9a-f]*"' | cut -d'"' -f4) ||
    fail "the file $1 has no token"
}
has() { grep -qi -- "$1" "$2" || fail "expected '$1' in $2"; }
hasnt() { ! grep -qi -- "$1" "$2" || fail "did not expect '$1' in $2"; }

say "the types of the Node service are those that the bank prints"
"$bank_program" --schema >"$dir/schema.json"
node node_modules/.bin/bulla-schema "$dir/schema.json" >"$dir/customer.ts"
cmp "$dir/customer.ts" src/customer.ts || fail "src/customer.ts is not current: see README.md"
echo "src/customer.ts is current"
npm run --silent build

cd "$dir"
"$bulla" ring new --ring ring 2>/dev/null
start_bank bank
start_app app

say "signed in at the bank, read in Node; nothing is written"
browser ada 401 "$app/account"
browser ada 303 -d 'user=ada&pin=1815' "$bank/login"
browser ada 200 "$app/account"
has '"user":"ada","transfers":0,"notice":null' body
hasnt '^set-cookie' head
has 'GET /account 200 ada' app.log
browser ada 200 "$app/"
has 'Appointments of ada' body

say "signed in in Node, read at the bank, which lists the device"
browser alan 401 -d 'user=alan&pin=0000' "$app/sign-in"
browser alan 303 -d 'user=alan&pin=1912' "$app/sign-in"
browser alan 200 "$bank/balance"
has 'Alan Turing' body
hasnt '^set-cookie' head
browser alan 200 "$bank/devices"
has 'this device' body

say "changed at the bank, read in Node"
browser ada 303 -d 'to=alan&amount=12.50' "$bank/transfer"
browser ada 200 "$app/account"
has '"transfers":1,"notice":"You sent £12.50 to Alan Turing."' body

say "changed in Node, read at the bank, which changes it again"
browser ada 422 -d 'day=Sunday' "$app/appointments"
browser ada 303 -d 'day=Friday' "$app/appointments"
browser ada 200 "$bank/balance"
has 'We will call you on Friday.' body
has 'Transfers in this session</dt><dd>1<' body
browser ada 200 "$app/account"
has '"transfers":1,"notice":null' body

say "a mobile client has its session in headers, at both services"
json='content-type: application/json'
expect 200 -H "$json" -d '{"user":"alan","pin":"1912"}' "$bank/api/login"
bearer="Authorization: Bearer $(tr -d '\r' <head | awk '$1 == "session-token:" { print $2 }')"
expect 200 -H "$bearer" "$app/account"
has '"user":"alan"' body
expect 303 -H "$bearer" -d 'day=Monday' "$app/appointments"
bearer="Authorization: Bearer $(tr -d '\r' <head | awk '$1 == "session-token:" { print $2 }')"
hasnt '^set-cookie' head
expect 200 -H "$bearer" "$bank/api/balance"
has 'Alan Turing' body

say "forms of other origins have no session, and a cookie is not a bearer token: both services refuse them"
expect 403 -b ada -H "origin: $bank" -d 'day=Monday' "$app/appointments"
expect 403 -b ada -H "origin: $app" -d 'to=alan&amount=1' "$bank/transfer"
expect 401 -H "Authorization: Bearer $(token ada)" "$app/account"
expect 401 -H "Authorization: Bearer $(token ada)" "$bank/api/balance"

say "signed out at the bank: Node refuses copies of the cookie"
cp alan copy
browser alan 303 -X POST "$bank/logout"
[ -z "$(token alan)" ] || fail "the cookie was not deleted"
expect 401 -b copy "$bank/balance"
soon 401 -b copy "$app/account"

say "signed out in Node: the bank refuses copies of the cookie"
browser alan 303 -d 'user=alan&pin=1912' "$bank/login"
cp alan copy
browser alan 303 -X POST "$app/sign-out"
[ -z "$(token alan)" ] || fail "the cookie was not deleted"
expect 401 -b copy "$app/account"
soon 401 -b copy "$bank/balance"

say "other devices are signed out, by the bank and by Node; this device stays signed in at both"
browser phone 303 -d 'user=ada&pin=1815' "$app/sign-in"
browser ada 303 -X POST "$bank/logout-others"
soon 401 -b phone "$app/account"
browser ada 200 "$app/account"
browser ada 200 "$bank/balance"
browser phone 303 -d 'user=ada&pin=1815' "$bank/login"
sleep 1 # a session can end the others once in a second
browser ada 303 -X POST "$app/sign-out-others"
soon 401 -b phone "$bank/balance"
browser ada 200 "$bank/balance"
browser ada 200 "$app/account"

say "the bank ends one device, which signed in in Node"
browser phone 303 -d 'user=ada&pin=1815' "$app/sign-in"
browser phone 200 "$bank/balance"
browser phone 200 "$app/account"
device=$(grep -o '"origin":"[0-9a-f]*"' body | cut -d'"' -f4)
browser ada 303 -d "device=$device" "$bank/devices/end"
soon 401 -b phone "$app/account"
browser ada 200 "$app/account"

say "the tool revokes all sessions of a user: both services refuse them"
browser alan 303 -d 'user=alan&pin=1912' "$bank/login"
browser tablet 303 -d 'user=alan&pin=1912' "$app/sign-in"
"$bulla" revoke subject alan --purpose bank.example/session --absolute 12h --file revoked
for jar in alan tablet; do
  soon 401 -b "$jar" "$bank/balance"
  soon 401 -b "$jar" "$app/account"
done
browser ada 200 "$app/account"

say "a release of the bank with the older schema: Node upgrades its sessions, and the older bank leaves newer ones alone"
start_bank older --release previous
browser deploy 303 -d 'user=ada&pin=1815' "$older/login"
browser deploy 200 "$app/account"
has '"user":"ada","transfers":0,"notice":null' body
browser deploy 200 "$older/balance"
browser deploy 303 -d 'day=Friday' "$app/appointments"
browser deploy 401 "$older/balance"
hasnt '^set-cookie' head
browser deploy 200 "$bank/balance"
has 'We will call you on Friday.' body
stop "$older_pid"

say "key rotation: until the new key is primary, nothing changes"
browser one 303 -d 'user=ada&pin=1815' "$bank/login"
browser two 303 -d 'user=alan&pin=1912' "$app/sign-in"
browser unseen 303 -d 'user=alan&pin=1912' "$bank/login"
sealed_with one; old=$key
sealed_with two; [ "$key" = "$old" ] || fail "the services use different keys"
"$bulla" ring publish --spread 3s --skew 0s --longest 30m --ring ring
browser one 200 "$app/account"
hasnt '^set-cookie' head
browser two 200 "$bank/balance"
hasnt '^set-cookie' head

say "key rotation: each service writes a copy of the state under the new key, into the renewal cookie"
sleep 4
browser one 200 "$app/account"
has '^set-cookie: __Host-session-renewal=' head
browser two 200 "$bank/balance"
has '^set-cookie: __Host-session-renewal=' head
for jar in one two; do
  sealed_with $jar; [ "$key" = "$old" ] || fail "the state was not left as it was"
done
cp one before

say "key rotation: the old key is removed; each service reads the copy that the other has written"
"$bulla" ring revoke "$old" --ring ring
soon 401 -b unseen "$app/account"
hasnt '^set-cookie' head
soon 401 -b unseen "$bank/balance"
hasnt '^set-cookie' head
browser one 200 "$bank/balance"
has 'Ada Lovelace' body
browser two 200 "$app/account"
has '"user":"alan"' body
browser three 303 -d 'user=ada&pin=1815' "$app/sign-in"
sealed_with three; [ "$key" != "$old" ] || fail "the old key is in use"
browser three 200 "$bank/balance"

say "key rotation: a change after it moves the state to the new key, and a sign-out ends all copies"
browser one 303 -d 'day=Monday' "$app/appointments"
sealed_with one; [ "$key" != "$old" ] || fail "the state is sealed with the old key"
cp one copy
browser one 200 "$bank/balance"
has 'We will call you on Monday.' body
browser one 303 -X POST "$app/sign-out"
for jar in before copy; do
  soon 401 -b "$jar" "$bank/balance"
  soon 401 -b "$jar" "$app/account"
done
cp two copy
browser two 303 -X POST "$bank/logout"
soon 401 -b copy "$app/account"
stop "$bank_pid"
stop "$app_pid"

say "restarts: what was revoked stays revoked, and who is signed in stays signed in"
start_bank bank
start_app app
expect 401 -b copy "$app/account"
expect 401 -b copy "$bank/balance"
browser three 200 "$app/account"
browser three 200 "$bank/balance"
stop "$bank_pid"
stop "$app_pid"

say "idle timeout of 6 seconds: activity at one service counts at the other"
start_bank bank --idle 6s
start_app app BANK_IDLE=6
browser busy 303 -d 'user=ada&pin=1815' "$bank/login"
browser idle 303 -d 'user=alan&pin=1912' "$app/sign-in"
sleep 4
browser busy 200 "$app/account"
has '^set-cookie: __Host-session-renewal=' head
sleep 4
browser busy 200 "$bank/balance"
expect 401 -b idle "$bank/balance"
expect 401 -b idle "$app/account"
stop "$bank_pid"
stop "$app_pid"

say "a mobile client and a browser that have keys, at both services"
start_bank bank --proof-lifetime 10s
start_app app BANK_PROOF_LIFETIME=10 ADDRESS=http://appointments.example
node "$here/bound.mjs" "$bank" "$app" http://appointments.example || fail "a client with a key"
stop "$bank_pid"
stop "$app_pid"

say "everything as promised"
