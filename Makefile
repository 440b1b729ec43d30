# Every command a contributor needs. `make` alone explains them.

CARGO ?= cargo
BINARY := $(or $(CARGO_TARGET_DIR),target)/release/plimsoll

.DEFAULT_GOAL := help
.PHONY: help demo build tools test test-testnet soak simulate fuzz crash memory bench docs fmt clean

help: ## Explain these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## Build Plimsoll and show it at work: no keys, no network
	$(BINARY) demo --paper 20

# Journals say which program wrote them.
build: export PLIMSOLL_COMMIT := $(or $(shell git describe --always --abbrev=12 --dirty 2>/dev/null),unknown)
build: ## Build the optimised program
	$(CARGO) build --release --locked --package plimsoll

tools:
	@{ $(CARGO) fmt --version && $(CARGO) clippy --version; } >/dev/null 2>&1 || rustup component add rustfmt clippy

test: tools ## Everything CI runs: format, lints, house rules, documentation, benchmarks once, all tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) xtask tidy
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked
	$(CARGO) xtask bench --smoke
	$(CARGO) xtask test

test-testnet: ## Run the acceptance matrix on Bybit's test network: keys in BYBIT_TESTNET_API_KEY and BYBIT_TESTNET_API_SECRET
	PLIMSOLL_TESTNET=1 $(CARGO) test --locked --package plimsoll --test acceptance -- --nocapture

soak: ## All tests with fresh cases for the property tests, and ten times as many
	$(CARGO) xtask test --fresh

SEEDS ?= 1000
DIALECT ?= internal
simulate: ## Live SEEDS=1000 simulated worlds in which everything goes wrong; DIALECT=internal, bybit or mixed
	$(CARGO) run --locked --package simtest --profile simulation -- --dialect $(DIALECT) --seeds $(SEEDS)

fuzz: ## Feed hostile rule files to the parser, the planner and the machine for five minutes
	$(CARGO) run --locked --package strategy --example fuzz_rules -- 300

ROUNDS ?= 200

crash: ## Kill a trading process at ROUNDS random moments and see that nothing is lost or doubled
	PLIMSOLL_CRASHES=$(ROUNDS) $(CARGO) test --locked --package plimsoll --test live a_process_that_is_killed -- --nocapture

SOAK ?= 3600

memory: ## Watch the memory of a session on paper for SOAK=3600 seconds, at a market a hundred times as fast as the clock
	PLIMSOLL_SOAK_SECONDS=$(SOAK) $(CARGO) bench --locked --package plimsoll --bench live

bench: ## Measure every benchmark
	$(CARGO) xtask bench

docs: ## Build the documentation of every crate
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked

fmt: ## Format the code
	$(CARGO) fmt --all

clean: ## Remove everything that was built
	$(CARGO) clean
