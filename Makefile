# Freshet. `make demo` shows the main job, `make test` runs everything.
SHELL := /bin/bash
BIN := $(CURDIR)/.build/bin
GOLANGCI := $(BIN)/golangci-lint
GOLANGCI_VERSION := v2.15.0
FUZZTIME ?= 60s

.PHONY: demo build console console-check test-console test lint generate fresh bench fuzz tools clean

demo: build ## the synthetic Dragon Boat storm, live in the terminal
	./freshet demo

console: ## the web console, into the binary; without Node 20 the binary says that it has none
	console/build.sh

console-check: ## types and unit tests of the console
	console/build.sh --check

build: console ## one static binary
	CGO_ENABLED=0 go build -trimpath -o freshet ./cmd/freshet

test-console: ## what an officer does at the console, in Debian's Chromium
	console/e2e/run.sh

test: tools console-check test-console ## everything: race detector, a real InfluxDB (which its tests install), a real Prometheus
	PATH="$(BIN):$$PATH" go test -race -timeout 20m ./...

tools: ## what the tests need beside Go modules: Prometheus and promtool, PostgreSQL, xmllint and xmlsec1
	deploy/install-prometheus.sh
	deploy/install-postgres.sh
	deploy/install-xml.sh

lint: $(GOLANGCI) ## style, import arrows, contract
	$(GOLANGCI) run ./...

$(GOLANGCI):
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

generate: ## Go and OpenAPI from proto/
	internal/tools/generate.sh

fresh: ## fails if generated code is not fresh
	internal/tools/generate.sh --check

bench: build ## ingest against InfluxDB on this machine, then the inner loops
	internal/bench/run.sh

fuzz: ## every fuzz target for FUZZTIME
	internal/tools/fuzz.sh $(FUZZTIME)

clean:
	rm -rf .build freshet
