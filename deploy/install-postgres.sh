#!/usr/bin/env bash
# Installs what the test of the gateway's database input needs from Debian's packages: a PostgreSQL server. The test
# starts one of its own on a free port.
set -euo pipefail

if ! command -v postgres >/dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
	install() { DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends postgresql; }
	install || { apt-get update -q && install; }
fi
