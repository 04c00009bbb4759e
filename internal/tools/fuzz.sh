#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, one after the other.
set -euo pipefail
cd "$(dirname "$0")/../.."
time=${1:-60s}
grep -rlE --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
  grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | sed 's/^func //' | while read -r target; do
    echo "== ./$(dirname "${file#./}") $target for $time"
    go test "./$(dirname "${file#./}")" -run '^$' -fuzz "^$target\$" -fuzztime "$time" </dev/null
  done
done
