#!/usr/bin/env bash
# The browser tests: what a duty officer does at the console, against the real
# program, in Debian's Chromium. SHOTS=folder keeps a screenshot of every page.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v chromium >/dev/null; then
	install() { DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium fonts-noto-cjk; }
	install || { apt-get update -q && install; }
fi
if [[ -z ${E2E_BIN:-} ]]; then # else somebody has built them there
	../build.sh
	[[ -f ../dist/index.html ]] || { echo "console/e2e: the console is not built: see above" >&2; exit 1; }
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
	(cd ../.. && CGO_ENABLED=0 go build -trimpath -o "$out/" ./cmd/freshet ./console/e2e/hand)
fi
files=("$@")
[[ $# -gt 0 ]] || files=(desk.mjs watch.mjs)
E2E_BIN=${E2E_BIN:-$out} node --test --test-force-exit --test-reporter=spec "${files[@]}"
