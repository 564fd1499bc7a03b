#!/usr/bin/env bash
# Tests the three designs of the shop with curl, with each of three stores.
# Exits with status 1 at the first unexpected result.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Builds with the features of the whole workspace, to reuse what `cargo test --workspace` built.
cargo build --quiet --locked --workspace --bin shop --bin bulla
bin=$PWD/target/debug
dir=$(mktemp -d)
cd "$dir"
shop= redis=
trap 'kill $shop $redis 2>/dev/null || true; rm -rf "$dir"' EXIT

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
start() { # start STORE
  rm -f out # the file has the address of the previous shop
  "$bin/shop" --ring ring --store "$1" >out 2>log &
  shop=$!
  for _ in $(seq 200); do grep -q http out && break; sleep 0.05; done
  at=$(cat out)
  [ -n "$at" ] || { cat log; fail "the shop did not start with $1"; }
}
stop() { kill "$shop"; wait "$shop" 2>/dev/null || true; }
post() { curl -s -o /dev/null -w '%{http_code}' -b "$jar" -c "$jar" -X POST "$at/$1"; }
does() { [ "$(post "$1")" = 200 ] || fail "POST $1"; }
shows() { # shows SHAPE WANT
  local got
  got=$(curl -s -b "$jar" "$at/$1/basket")
  [ "$got" = "$2" ] || fail "the basket of $1 is '$got', expected '$2'"
  printf '%-6s %s\n' "$1" "$got"
}
old() { cp "$jar" old; }
shows_old() { local keep=$jar; jar=old; shows "$@"; jar=$keep; }

"$bin/bulla" ring new --ring ring
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' >/dev/null &
redis=$!
for _ in $(seq 100); do [ -S redis.sock ] && break; sleep 0.05; done

for store in memory "sqlite:$dir/shop.db" "redis+unix://$dir/redis.sock"; do
  echo "== ${store%%:*}"
  start "$store"
  jar=jar
  rm -f jar
  for shape in token part id; do
    does "$shape/sign-in"
    does "$shape/add/1"
  done
  old
  for shape in token part id; do
    does "$shape/prove" # the session gets a new id
    does "$shape/add/2"
  done
  shows token 'Some([1, 2])'
  shows part 'Some([1, 2]) of account 42'
  shows id 'Some([1, 2])'

  echo "an older copy of the cookies"
  shows_old token 'Some([1])'
  shows_old part 'Some([1, 2]) of account 42'
  shows_old id 'Some([1, 2])'

  if [ "$store" != memory ]; then
    echo "after a restart of the shop"
    stop
    start "$store"
    shows token 'Some([1, 2])'
    shows part 'Some([1, 2]) of account 42'
    shows id 'Some([1, 2])'
  fi

  echo "signed out, then the copies again"
  for shape in token part id; do does "$shape/sign-out"; done
  for shape in token part id; do shows "$shape" None; done
  shows_old token 'Some([1])'
  shows_old part 'Some([]) of account 42'
  shows_old id None
  jar=old
  [ "$(post id/add/3)" = 401 ] || fail "a copied id works after the sign-out"
  stop
done

echo "== Redis stops"
start "redis+unix://$dir/redis.sock"
jar=jar
for shape in token part id; do does "$shape/sign-in"; done
kill "$redis"
wait "$redis" 2>/dev/null || true
does token/add/1
shows token 'Some([1])'
for shape in part id; do
  code=$(curl -s -m 30 -o body -w '%{http_code}' -b jar "$at/$shape/basket")
  [ "$code" = 500 ] || fail "$shape answers $code without its store, expected 500"
  grep -qi redis body && fail "$shape tells the client about the store"
done
echo "the basket in the token still works; the others answer with 500 without details"
echo "all results as expected"
