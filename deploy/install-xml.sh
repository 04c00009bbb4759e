#!/usr/bin/env bash
# Installs what the tests of alert/cap hold against it from Debian's packages: xmllint (the schema of OASIS) and xmlsec1
# (a second implementation of XML signatures).
set -euo pipefail
missing=()
command -v xmllint >/dev/null || missing+=(libxml2-utils)
command -v xmlsec1 >/dev/null || missing+=(xmlsec1)
if ((${#missing[@]})); then
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" ||
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; }
fi
xmllint --version 2>&1 | sed -n 1p # reads to the end: head would leave, and the pipe would fail now and then
xmlsec1 --version
