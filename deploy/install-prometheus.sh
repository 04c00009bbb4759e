#!/usr/bin/env bash
# Installs what the tests of deploy/ need from Debian's packages: prometheus and promtool, into .build/bin, without
# root's rights over the system and without starting a service; and systemd-analyze, where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.build/bin
export PATH="$bin:$PATH"

if ! command -v promtool >/dev/null || ! command -v prometheus >/dev/null; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	fetch() { (cd "$work" && apt-get download -q prometheus); }
	fetch || { apt-get update -q && fetch; }
	dpkg-deb --extract "$work"/prometheus_*.deb "$work/root"
	mkdir -p "$bin"
	install -m 0755 "$work/root/usr/bin/prometheus" "$work/root/usr/bin/promtool" "$bin"
fi
if ! command -v systemd-analyze >/dev/null; then
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends systemd ||
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends systemd; }
fi
promtool --version 2>&1 | sed -n 1p # reads to the end: head would leave, and the pipe would fail now and then
