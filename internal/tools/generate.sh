#!/usr/bin/env bash
# Generates the Go code and the OpenAPI description of proto/ with pinned tools.
#   generate.sh          write them
#   generate.sh --check  fail if the committed ones are not fresh
set -euo pipefail
cd "$(dirname "$0")/../.."
export GOBIN="$PWD/.build/bin"
mkdir -p "$GOBIN"
(cd internal/tools &&
  go run ./protodeps ../../.build/protodeps &&
  go install google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc \
    github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-openapiv2)
[ -x internal/tools/node_modules/.bin/buf ] || (cd internal/tools && npm install --no-package-lock --ignore-scripts --no-fund --no-audit --loglevel=error)
buf=internal/tools/node_modules/.bin/buf
"$buf" lint --path proto/freshet
"$buf" generate
if [ "${1:-}" = --check ] && [ -n "$(git status --porcelain -- proto)" ]; then
  echo "proto/: generated code is not fresh; run 'make generate' and commit:" >&2
  git status --porcelain -- proto >&2
  exit 1
fi
