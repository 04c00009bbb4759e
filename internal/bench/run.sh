#!/usr/bin/env bash
# make bench: ingest through Freshet and the same points straight into a real
# InfluxDB, one after the other on this machine; then latency at 50,000 readings
# a second; then routing; then the inner loops.
#   run.sh [READINGS]     readings per run, 10,000,000 by default, so that compactions count
set -euo pipefail
cd "$(dirname "$0")/../.."
readings=${1:-10000000}
log=$(mktemp)
go build -o .build/bin/influxd-run ./internal/store/influx/influxd # go run would not pass the signal on
.build/bin/influxd-run >"$log" 2>&1 &
influx=$!
trap 'kill "$influx" 2>/dev/null || true; wait "$influx" 2>/dev/null || true; rm -f "$log"' EXIT
for _ in $(seq 600); do
  url=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$log" | head -n 1 || true)
  [ -n "$url" ] && break
  kill -0 "$influx" 2>/dev/null || { cat "$log" >&2; exit 1; }
  sleep 0.5
done
[ -n "$url" ] || { echo "InfluxDB did not come up:" >&2; cat "$log" >&2; exit 1; }

for run in 1 2 3; do
  echo "== ingest, run $run of 3: Freshet, then InfluxDB at $url"
  ./freshet bench ingest --streams 8 --readings "$readings" --vs-influx "$url" --influx-database "bench_$run"
done
echo "== latency at 50,000 readings a second"
./freshet bench ingest --streams 8 --readings 1500000 --rate 50000 --frame 100
echo "== routing of 100,000 reaches, one core; an ensemble, two workers"
for method in muskingum cunge mct; do
  for flow in low flood; do
    ./freshet bench route --reaches 100000 --steps 288 --workers 1 --method "$method" --flow "$flow"
  done
done
for method in muskingum mct; do ./freshet bench ensemble --method "$method"; done
./freshet bench ensemble --model
echo "== inner loops"
go test -run '^$' -bench . -benchmem ./ingest/... ./forecast/... ./alert ./internal/wire ./internal/store/pebble ./internal/engine
