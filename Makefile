# Freshet. `make demo` shows the main job, `make test` runs everything.
SHELL := /bin/bash
BIN := $(CURDIR)/.build/bin
GOLANGCI := $(BIN)/golangci-lint
GOLANGCI_VERSION := v2.15.0
FUZZTIME ?= 60s

# One way to compile for what is shipped, tested without the race detector and linted: each further one compiles
# everything anew. Only the race detector needs cgo.
export CGO_ENABLED := 0
export GOFLAGS := $(shell go env GOFLAGS) -trimpath

# Code and tests of these start no goroutine (internal/engine/alone_test.go holds them to it): the race
# detector finds nothing in them and makes them ten times slower, so they are tested without it. NUMBERS, the
# arithmetic, is not instrumented in the servers of other tests either; the engine is, and all that hands its
# answers about. `make race` instruments everything.
# Tests that kill whole servers show what is on the disk: their files have the constraint !race.
NUMBERS := forecast forecast/band forecast/calibrate forecast/rain forecast/rating forecast/reservoir forecast/routing forecast/runoff forecast/tidal forecast/unithydrograph forecast/updating forecast/xinanjiang ingest/accumulation ingest/quality
ALONE := internal/engine internal/demo/scenario $(NUMBERS) alert/... internal/season

# What takes longest comes first: go test starts packages in the order in which they are named, and one that starts
# last leaves a processor idle.
LONG := internal/demo internal/e2e internal/app internal/replay internal/rehearse cmd/freshet
RACE := -race $(NUMBERS:%=-gcflags=freshet/%=-race=false)
RACED = $(LONG:%=./%) $$(go list ./... | grep -vxFf <(go list $(ALONE:%=./%) $(LONG:%=./%)))

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

test: tools console-check ## everything: race detector, a real InfluxDB (which its tests install), a real Prometheus
	@# The browser tests mostly wait: the race detector's packages are compiled beside them, on what they leave idle.
	@# Vet is lint's, which runs all that go test would of it (internal/engine holds it to that).
	CGO_ENABLED=1 nice -n 19 go list -test -export $(RACE) $(RACED) >/dev/null & console/e2e/run.sh; e=$$?; wait; exit $$e
	go test -vet=off -timeout 20m $(ALONE:%=./%)
	go test -vet=off -timeout 20m -run Kill ./internal/e2e ./internal/station
	CGO_ENABLED=1 PATH="$(BIN):$$PATH" go test -vet=off $(RACE) -timeout 20m $(RACED)

race: tools ## every Go test with every package instrumented: half an hour on two cores
	CGO_ENABLED=1 PATH="$(BIN):$$PATH" go test -race -timeout 40m ./...

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
