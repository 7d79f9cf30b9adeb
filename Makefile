# The targets are listed, with what they do, by `make help`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
CONFIG ?= paritygate.yaml
FUZZTIME ?= 10s
BENCHTIME ?= 1s
LOADRATE ?= 3000
LOADFLIPS ?= 20
LOADKILLS ?= 50

# Without a tag the version is the one that the source names.
VERSION ?= $(shell git describe --tags --dirty 2>/dev/null)
COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS = -s -w $(if $(VERSION),-X main.version=$(VERSION)) $(if $(COMMIT),-X main.commit=$(COMMIT))

# The linter is built from the Go module pinned in tools/lint, a module of its own that keeps the linter's dependencies out
# of the program's. It must be built with the Go version that it reads, hence the version in its name.
LINTER = .cache/bin/golangci-lint-$(shell $(GO) env GOVERSION)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' Makefile

.PHONY: build
build: ## build the static binary bin/paritygate
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/paritygate ./cmd/paritygate

.PHONY: test
test: deps ## install what the tests need, then run all of them with the race detector, and the largest inputs without
	$(GO) test -race -timeout 15m ./...
	$(GO) test -timeout 5m ./compare ./internal/cutover
	$(GO) test -timeout 5m -run '^TestPlantedFaults$$' ./cmd/paritygate

.PHONY: lint
lint: ## run golangci-lint (the first run builds it from its pinned module)
	@$(MAKE) --no-print-directory $(LINTER)
	$(LINTER) run ./...

.PHONY: fmt
fmt: ## format the code as the linter wants it (gofumpt)
	@$(MAKE) --no-print-directory $(LINTER)
	$(LINTER) fmt

.cache/bin/golangci-lint-%: tools/lint/go.mod tools/lint/go.sum
	cd tools/lint && nice $(GO) build -trimpath -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: bench
bench: ## run the Go benchmarks (BENCHTIME=1s)
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

.PHONY: bench-peers
bench-peers: build ## measure CPU time per request beside nginx and the standard library, and a shadow that hangs (OUT=FILE, BENCHPEERS=flags)
	$(GO) build -o .cache/bin/benchpeers ./tools/benchpeers
	nginx="$$(tools/nginx)" && .cache/bin/benchpeers -nginx "$$nginx" -out "$(OUT)" $(BENCHPEERS)

.PHONY: bench-compare
bench-compare: ## measure the comparison beside encoding/json and diff libraries (BENCHCOMPARE=flags)
	cd tools/benchcompare && $(GO) run . $(BENCHCOMPARE)

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME=10s
	GO='$(GO)' FUZZTIME='$(FUZZTIME)' tools/fuzz

.PHONY: e2e
e2e: deps ## run the whole program against two real httpbins and two Postgres servers
	$(GO) test -race -timeout 15m -tags e2e -run TestE2E -v ./cmd/paritygate/

.PHONY: load
load: deps ## flip and roll back LOADFLIPS times under LOADRATE requests/s, kill the journal's writer LOADKILLS times, and print what it took
	PARITYGATE_LOAD_RATE='$(LOADRATE)' PARITYGATE_LOAD_FLIPS='$(LOADFLIPS)' $(GO) test -count=1 -timeout 15m -run '^TestFlipsUnderLoad$$' -v ./cmd/paritygate/
	PARITYGATE_JOURNAL_KILLS='$(LOADKILLS)' $(GO) test -count=1 -timeout 30m -run '^TestJournalKilled' -v ./cmd/paritygate/

.PHONY: conformance
conformance: ## have public conformance suites judge the proxy, beside a stdlib ReverseProxy
	cd tools/conformance && $(GO) run . -root ../..

.PHONY: demo
demo: ## watch a migration in a minute: mismatches, gate, cutover, rollback
	@echo 'building paritygate; the first time takes about a minute'
	@$(GO) run ./cmd/paritygate demo

.PHONY: run
run: ## serve with CONFIG=paritygate.yaml
	$(GO) run ./cmd/paritygate serve --config $(CONFIG)

.PHONY: deps
deps: ## install what the tests need from Debian, or say what to install
	@tools/deps
