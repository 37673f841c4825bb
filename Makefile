# Pointsman: `make help` says what there is. `make test` is all that CI runs.

# --- versions of the tools that are not in Cargo.lock -----------------------
CARGO_DENY := 0.20.2
# buf: .ci/package.json. Rust: at least `rust-version` in Cargo.toml.

# --- how ---------------------------------------------------------------------
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export CARGO_TERM_COLOR ?= auto

STEP := .ci/step
BUF := .ci/node_modules/.bin/buf
DENY := .tools/cargo-deny-$(CARGO_DENY)/bin/cargo-deny
# What `buf breaking` compares with: a branch, tag or commit; empty: nothing.
BREAKING_BASE ?= $(shell git describe --tags --abbrev=0 --match 'v*' 2>/dev/null)
# Arguments of `make run`, such as `make run ARGS="--port 7430"`.
ARGS ?=

# End-to-end tests of what people and agents see, whatever the store.
ON_BOTH_STORES := authorization:: bad_input:: races:: road:: toctou::

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Build the server and start `pointsman dev` on 127.0.0.1:7420
	cargo run --locked --package pointsman --bin pointsman -- dev $(ARGS)

.PHONY: build
build: ## Build everything, as `make run` and the tests use it
	cargo build --locked --workspace --bins

.PHONY: release
release: ## Build the optimised `pointsman` into target/release
	cargo build --locked --release --package pointsman

.PHONY: test
test: ## Everything CI runs: format, protos, lints, unit and end-to-end tests, docs, licences
	@rm -rf target/steps.txt target/failed-to-run.txt target/e2e-logs
	@$(STEP) "format (rustfmt)"              $(MAKE) fmt-check
	@$(STEP) "tools (buf)"                   $(MAKE) $(BUF)
	@$(STEP) "protos (buf)"                  $(MAKE) protos
	@$(STEP) "tools (cargo-deny)"            $(MAKE) $(DENY)
	@$(STEP) "licences, bans, sources"       $(MAKE) deny
	@$(STEP) "lints (clippy)"                $(MAKE) lint
	@$(STEP) "tools (PostgreSQL)"            .ci/debian postgresql
	@$(STEP) "build tests"                   cargo test --locked --workspace --no-run
	@$(STEP) "unit and end-to-end tests"     $(MAKE) check
	@$(STEP) "mutants"                       $(MAKE) mutants
	@$(STEP) "documentation (rustdoc)"       $(MAKE) doc
	@$(STEP) --summary

.PHONY: check
check: ## Unit and end-to-end tests alone; those of the main road on both stores
	cargo test --locked --workspace
	POINTSMAN_TEST_STORE=postgres cargo test --locked --workspace --lib engine::
	POINTSMAN_TEST_STORE=postgres cargo test --locked --workspace --test e2e -- $(ON_BOTH_STORES)

.PHONY: mutants
mutants: ## Faults built in on purpose: the tests must notice each
	.ci/mutants

# One after the other, so that each has the machine, and its time means something.
LONG := env POINTSMAN_SOAK=1 cargo test --locked --test e2e -- --nocapture

.PHONY: soak
soak: ## The long forms of the fault and race tests
	@rm -rf target/steps.txt target/failed-to-run.txt target/e2e-logs
	@$(STEP) "build tests"                   cargo test --locked --workspace --no-run
	@$(STEP) "200 kills"                     $(MAKE) soak-kills
	@$(STEP) "40 power cuts"                 $(MAKE) soak-cuts
	@$(STEP) "10,000 races, 64 redeemers; 100,000 stops"    $(MAKE) soak-races
	@$(STEP) "servers on one database"       $(MAKE) soak-shared
	@$(STEP) "model, 2,000 sequences"        $(MAKE) soak-model
	@$(STEP) "1,000 agents think, 10 minutes" $(MAKE) soak-reasoning
	@$(STEP) "failovers of Patroni"          $(MAKE) soak-patroni
	@$(STEP) --summary

.PHONY: soak-kills soak-cuts soak-races soak-shared soak-model soak-reasoning soak-patroni
soak-kills:
	$(LONG) kills --skip shared::
soak-cuts:
	$(LONG) cuts
soak-races:
	$(LONG) races --skip shared::
	env POINTSMAN_SOAK=1 cargo test --locked -p pointsman-server --lib -- --nocapture never_both_win
	env POINTSMAN_SOAK=1 cargo test --locked -p pointsman-server --lib -- --nocapture no_grant_of_a_stopped
soak-shared:
	$(LONG) shared:: --test-threads 1
soak-model:
	env PROPTEST_CASES=2000 cargo test --locked --package pointsman-server --lib engine::tests::model
soak-reasoning:
	$(LONG) reasoning --test-threads 1
	cargo run --locked --profile ci -p pointsman -- bench --only reasoning,idle --duration 600
soak-patroni:
	.ci/debian postgresql patroni etcd
	$(LONG) --ignored patroni

# What `cargo fuzz` gives the compiler, but for the sanitizer: it needs no nightly, and
# finds what panics, overflows, hangs or differs, which is what there is to find in code
# without `unsafe`.
FUZZ_FLAGS := --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
FUZZ_SECONDS ?= 600
FUZZ_HOST := $(shell rustc -vV | sed -n 's/^host: //p')
FUZZ_RUN = cd server/fuzz && mkdir -p target/corpus/$(1) && \
	target/$(FUZZ_HOST)/release/$(1) target/corpus/$(1) $(2) -artifact_prefix=target/$(1)- \
	-max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=2048 -max_len=$(3) -print_final_stats=1

.PHONY: fuzz
fuzz: ## Fuzz policy documents, conditions and arguments, FUZZ_SECONDS each
	cd server/fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" \
		cargo build --locked --release --target $(FUZZ_HOST)
	$(call FUZZ_RUN,condition,seeds/condition,4096)
	$(call FUZZ_RUN,arguments,seeds/arguments,65536)
	$(call FUZZ_RUN,document,../../policies/starters ../../policies/scenarios,65536)

.PHONY: fmt
fmt: $(BUF) ## Format Rust and protos
	cargo fmt --all
	$(BUF) format --write proto

.PHONY: fmt-check
fmt-check:
	cargo fmt --all --check

.PHONY: lint
lint: ## Clippy, with every warning an error
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cd server/fuzz && cargo metadata --locked --format-version 1 > /dev/null

.PHONY: doc
doc: ## The documentation, also of private items, with every warning an error
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --locked --workspace --no-deps --document-private-items

.PHONY: policy-docs
policy-docs: ## Write the JSON Schema of policies and their reference from the code
	cargo run --locked -q -p pointsman-server --example policy_docs

.PHONY: protos
protos: $(BUF) ## buf: lint, format, and breaking changes since the last release
	$(BUF) lint
	$(BUF) format --diff --exit-code proto
	@if [ -n "$(BREAKING_BASE)" ]; then \
	  $(BUF) breaking --against '.git#ref=$(BREAKING_BASE)'; \
	else \
	  echo "no release tag to compare with: buf breaking not run"; \
	fi

.PHONY: deny
deny: $(DENY) ## Licences, banned crates and sources of every dependency
	$(DENY) --locked check bans licenses sources

.PHONY: audit
audit: $(DENY) ## Known vulnerabilities; downloads the advisory database
	$(DENY) --locked check advisories

.PHONY: clean
clean: ## Remove what was built; tools stay
	cargo clean

$(BUF): .ci/package-lock.json
	cd .ci && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# Unoptimised: built in a minute, and it runs for three seconds.
$(DENY):
	cargo install --locked --debug cargo-deny@$(CARGO_DENY) \
	  --root .tools/cargo-deny-$(CARGO_DENY) --target-dir .tools/target
	@rm -rf .tools/target
