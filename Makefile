# Two commands do everything on a fresh clone: `make demo` and `make test`. Both set up first, once.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
# pytest's own options: make test ARGS="-k retries"
ARGS :=
JOBS := 2

.PHONY: help setup demo test check check-format check-lint check-types check-imports check-sizes fmt bench compat faults lock clean

help:
	@echo "make demo    run the example and show its history"
	@echo "make test    run the tests"
	@echo "make check   everything CI runs: format, lint, types, import contracts, sizes, tests"
	@echo "make fmt     format and mend what the linter can"
	@echo "make bench   measure against the original, in a virtual environment of its own (PEERS=1: and against others)"
	@echo "make compat  run the compatibility scenarios with the original and compare"
	@echo "make faults  kill, lock out, crowd and fuzz the server at full size (half an hour); the tests have a short form"
	@echo "make lock    resolve the dependencies again, into uv.lock and requirements.txt"
	@echo "make clean   remove what these commands made"

# The stamp is newer than what it was made from, so that an installed checkout needs no network.
.venv/.stamp: pyproject.toml uv.lock requirements.txt tools/setup
	@tools/setup
	@touch $@

setup: .venv/.stamp

demo: setup
	@examples/demo

test: setup
	@$(BIN)/pytest -n $(JOBS) $(ARGS)

# With --keep-going all of them run, whatever the first of them finds.
check: check-format check-lint check-types check-imports check-sizes test

check-format: setup
	$(BIN)/ruff format --check

check-lint: setup
	$(BIN)/ruff check

check-types: setup
	$(BIN)/pyright

check-imports: setup
	$(BIN)/lint-imports

check-sizes: setup
	$(BIN)/python -m tools.sizes

fmt: setup
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: setup
	@$(BIN)/python -m benchmarks $(if $(PEERS),--peers) $(ARGS)

compat: setup
	@$(BIN)/python -m tests.compat $(ARGS)

faults: setup
	@FAULTS=long $(BIN)/pytest -n 0 -rA tests/faults/test_server.py tests/faults/test_fuzzing.py $(ARGS)

lock:
	uv lock
	@{ echo "# Written by \`make lock\` from uv.lock, for machines without uv. Not edited by hand."; \
	  uv export --locked --quiet --no-header --no-annotate --no-emit-project --all-groups; } > requirements.txt

clean:
	rm -rf .venv .cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache dist
