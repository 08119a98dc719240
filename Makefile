# Everything a checkout can do; `make` alone lists it. The environment is .venv, made and kept up to date by
# every target that needs it: Python's sources are used where they are, and the native module is built again
# when a Rust source is newer.

PYTHON ?= python3
FUZZ_SECONDS ?= 10
FUZZ_SECONDS_LONG ?= 120
# Of `make image`: the base image, and the version of its Python.
BASE ?= python:3.11-slim
IMAGE_PYTHON ?= 3.11

VENV := .venv
BIN := $(VENV)/bin
NATIVE := $(VENV)/.native
NATIVE_SOURCES := pyproject.toml Cargo.toml Cargo.lock \
	$(shell find rust/wire rust/policy rust/sys rust/dataplane rust/python \
		\( -path '*/src/*.rs' -o -name Cargo.toml \) -print)

# An optimised build whose clock stands still.
GUARD := cargo run --release --locked --quiet -p nextmini-guard --features still-clock --

export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run test test-long test-ddp guard accept-counts accept-simulations lint audit bench build wheel image clean
.PHONY: cargo cargo-tools nextest valgrind

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

run: build ## Run the quickstart
	nextmini run configs/quickstart.toml

test: build nextest valgrind ## Run all tests but the long ones
	cargo nextest run --workspace --locked
	$(GUARD) check rust/guard/counts.json
	rust/fuzz/run $(FUZZ_SECONDS)
	python -m pytest -m "not long and not ddp" -n auto --dist loadfile

test-long: build ## Fuzz for longer, and run the tests that take minutes
	rust/fuzz/run $(FUZZ_SECONDS_LONG)
	python -m pytest -m long || test $$? = 5  # 5: no test is marked so

test-ddp: build ## Train with PyTorch in nodes; takes root and Debian's python3-torch
	@/usr/bin/python3 -c 'import torch' 2>/dev/null || { \
		echo "error: no PyTorch: apt install --no-install-recommends python3-torch" >&2; exit 1; }
	python -m pytest -m ddp

guard: cargo valgrind ## Compare counts of instructions with those recorded
	$(GUARD) check rust/guard/counts.json

accept-counts: cargo valgrind ## Record the counts of instructions as they are
	$(GUARD) accept rust/guard/counts.json

accept-simulations: nextest ## Record what seeded simulations come to
	NEXTMINI_ACCEPT_SIMULATIONS=1 cargo nextest run --locked -p nextmini-policy snapshots

lint: build audit ## Check formatting, lints and types
	cargo fmt --check
	cargo fmt --manifest-path rust/fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	cargo clippy --manifest-path rust/fuzz/Cargo.toml --locked --quiet -- -D warnings
	ruff check
	ruff format --check
	mypy
	python -m mypy.stubtest --concise nextmini._native

# The tool is built once, in about two minutes on two cores.
audit: cargo-tools ## Check licences and sources of the Rust dependencies
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny --log-level warn check bans licenses sources

bench: build ## Measure lossless flows against bare TCP
	nextmini bench lossless

build: $(NATIVE) ## Make the environment and the native module

wheel: build ## Build a wheel in dist/
	maturin build --release --locked --out dist

image: build ## Build the container image nextmini:latest
	rm -rf dist/image
	mkdir -p dist/image/wheels
	maturin build --release --locked --out dist/image/wheels
	python -m pip download --quiet --only-binary :all: --python-version $(IMAGE_PYTHON) \
		--dest dist/image/wheels dist/image/wheels/nextmini-*.whl
	docker build --file deploy/Dockerfile --target tools --build-arg BASE=$(BASE) --tag nextmini:latest dist/image

clean: ## Remove what was built, the environment too; results in runs/ stay
	rm -rf $(VENV) target dist rust/fuzz/target rust/fuzz/corpus rust/fuzz/artifacts
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis python/nextmini/_native*.so
	find python tests -name __pycache__ -type d -prune -exec rm -rf {} +

cargo:
	@command -v cargo >/dev/null || { \
		echo "error: cargo is missing; install Rust 1.91 or later, see docs/installation.md" >&2; exit 1; }

cargo-tools: cargo
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || \
		rustup component add rustfmt clippy

nextest: cargo
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest

valgrind:
	@command -v valgrind >/dev/null || { \
		echo "error: valgrind is missing, which counts instructions; apt install valgrind" >&2; exit 1; }

$(BIN)/maturin: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $(PYTHON) is older than 3.11; name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'maturin>=1.13,<2'
	@touch $@

$(NATIVE): $(BIN)/maturin $(NATIVE_SOURCES) | cargo
	PIP_QUIET=1 maturin develop --release --locked --extras dev
	@touch $@
