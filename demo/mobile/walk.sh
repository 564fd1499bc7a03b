#!/usr/bin/env bash
# Tests a bank with the mobile client. Exits with status 1 at the first unexpected result.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet -p bank -p mobile
dir=$(mktemp -d)
target/debug/bank --listen 127.0.0.1:0 --ring "$dir/ring" --idle 3s >"$dir/out" 2>"$dir/log" &
pid=$!
trap 'kill $pid 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 100); do grep -q http "$dir/out" && break; sleep 0.05; done
target/debug/mobile --bank "$(sed 's/.*http:..//' "$dir/out")"
