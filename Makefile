# Freshet. `make demo` shows the main job, `make test` runs everything.
SHELL := /bin/bash
BIN := $(CURDIR)/.build/bin
GOLANGCI := $(BIN)/golangci-lint
GOLANGCI_VERSION := v2.15.0
FUZZTIME ?= 60s

# Code and tests of these start no goroutine (internal/engine/alone_test.go holds them to it): the race
# detector finds nothing in them and makes them ten times slower, so they are tested without it. NUMBERS, the
# arithmetic, is not instrumented in the servers of other tests either; the engine is, and all that hands its
# answers about. `make race` instruments everything.
# Tests that kill whole servers show what is on the disk: their files have the constraint !race.
NUMBERS := forecast forecast/band forecast/calibrate forecast/rain forecast/rating forecast/reservoir forecast/routing forecast/runoff forecast/unithydrograph forecast/updating forecast/xinanjiang ingest/accumulation ingest/quality
ALONE := $(NUMBERS) alert/... internal/demo/scenario internal/engine internal/season

.PHONY: demo build console console-check test-console test race lint generate fresh bench fuzz tools clean

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
	go test -timeout 20m $(ALONE:%=./%)
	go test -timeout 20m -run Kill ./internal/e2e ./internal/station
	PATH="$(BIN):$$PATH" go test -race $(NUMBERS:%=-gcflags=freshet/%=-race=false) -timeout 20m $$(go list ./... | grep -vxFf <(go list $(ALONE:%=./%)))

race: tools ## every Go test with every package instrumented: half an hour on two cores
	PATH="$(BIN):$$PATH" go test -race -timeout 40m ./...

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
