#!/usr/bin/env bash
# Builds the console into console/dist, from where it is embedded into the binary.
# Nothing is done if nothing has changed. --check: also its types and unit tests,
# and a machine without Node is an error.
set -euo pipefail
cd "$(dirname "$0")"

check=${1:-}
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || a === 20 && b >= 19 ? 0 : 1)' 2>/dev/null || ! command -v npm >/dev/null; then
	echo "console: Node 20.19 or later is needed to build the web console and was not found: install it and run make console" >&2
	[[ $check == --check ]] && exit 1
	echo "console: going on without it; the program will show a page that says so" >&2
	exit 0
fi
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
	npm ci --no-audit --no-fund
	touch node_modules/.package-lock.json
fi
sources() { find ../proto/freshet.swagger.json package-lock.json package.json tsconfig.json vite.config.ts index.html build.sh scripts src public -newer "$1" -not -path src/api/schema.d.ts -not -path 'public/sounds/*' -print -quit; }
if [[ ! -f dist/index.html || -n $(sources dist/index.html) ]]; then
	npm run --silent build
fi
if [[ $check == --check ]]; then
	npm run --silent check
fi
