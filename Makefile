# Two commands do everything on a fresh clone: `make demo` and `make test`. Both set up first, once.
.DEFAULT_GOAL := help
SHELL := /bin/sh
# Another interpreter, in a virtual environment of its own: make test PYTHON=python3.14
PYTHON ?=
VENV := $(if $(PYTHON),.cache/venv-$(notdir $(PYTHON)),.venv)
BIN := $(VENV)/bin
export PYTHON VENV
# pytest's own options: make test ARGS="-k retries"
ARGS :=
# Processes that run tests: twice the cores of CI, because a test waits longer than it computes.
JOBS := 4
# What `make test-short` runs: the parts that depend most on the interpreter.
SHORT := io types values signatures flows tasks states futures engine journal outbox results concurrency locking logging server/store

.PHONY: help setup demo test test-short check check-source check-format check-lint check-types check-imports check-sizes page ui-dev ui-test ui-pictures page-api fmt bench compat faults integrations ray infra lock clean

help:
	@echo "make demo    run the example and show its run history"
	@echo "make test    run the tests (PYTHON=python3.14: with that interpreter; ARGS=\"-k retries\": some of them)"
	@echo "make test-short  run the tests that depend most on the interpreter"
	@echo "make check   everything CI runs: format, lint, types, import contracts, sizes, tests"
	@echo "make infra   the tests with real engines: Docker, an image registry, Kubernetes on one node, Ray"
	@echo "make page    build the web page, which servers of this checkout then serve at /"
	@echo "make ui-dev  show the sources of the web page over a running server (SERVER=http://127.0.0.1:4200)"
	@echo "make ui-test run the tests of the web page: types, units, and end to end in Chromium"
	@echo "make ui-pictures  take the pictures of the guide page about the web page"
	@echo "make page-api  write the API that the web page calls to ui/openapi.json"
	@echo "make fmt     format, and apply the linter's automatic fixes"
	@echo "make bench   run benchmarks against the original, in a separate virtual environment (PEERS=1: also against other projects)"
	@echo "make compat  run the compatibility scenarios with the original and compare"
	@echo "make faults  run the full fault injection tests, and fuzzing of the server (three quarters of an hour)"
	@echo "make integrations  install the published integrations in an environment of their own and run flows with them"
	@echo "make ray     install Ray in an environment of its own and run the tests of prefect_ray (make infra: all engines)"
	@echo "make lock    update uv.lock and requirements.txt"
	@echo "make clean   remove the files that these commands create"

# The stamp is newer than what it was made from, so that an installed checkout needs no network.
$(VENV)/.stamp: pyproject.toml uv.lock requirements.txt tools/setup
	@mkdir -p $(dir $(VENV))
	@tools/setup
	@touch $@

setup: $(VENV)/.stamp

demo: setup
	@$(BIN)/python -m tools.page --optional
	@examples/demo

page: setup
	@$(BIN)/python -m tools.page

ui-dev: setup
	@$(BIN)/python -m tools.page npm run dev

ui-test: page
	@$(BIN)/python -m tools.page npm run --silent check
	@$(BIN)/python -m tools.page npm run --silent test
	@$(BIN)/python -m tools.page npm run --silent e2e

ui-pictures: page
	@PICTURES=1 RUNS=600 $(BIN)/python -m tools.page npm run --silent e2e

page-api: setup
	@$(BIN)/python -m tools.page_api

test: setup
	@$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

test-short: setup
	@$(BIN)/pytest -n $(JOBS) $(addprefix tests/,$(SHORT)) $(ARGS)

# With --keep-going all of them run, whatever the first of them finds.
check: check-source test ui-test

check-source: check-format check-lint check-types check-imports check-sizes

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
	@FAULTS=long $(BIN)/pytest -n 0 -rA tests/faults/test_server.py tests/faults/test_liveness.py tests/faults/test_workers.py tests/faults/test_forks.py tests/faults/test_automations.py tests/faults/test_slots.py tests/faults/test_fuzzing.py $(ARGS)

integrations: setup
	@tools/integrations
	@$(BIN)/pytest -n $(JOBS) -rA tests/integrations $(ARGS)

# Ray is heavy, so it has an environment of its own.
ray: setup
	@tools/ray
	@.cache/venv-ray/bin/python -m pytest -n 0 -rA -W ignore::pytest.PytestUnraisableExceptionWarning -W ignore::ResourceWarning tests/prefect_ray $(ARGS)

# Real engines. Docker: an engine and an image registry (Debian: docker.io, docker-registry), as root; else those tests say so.
# Kubernetes: a cluster of one node, built once a machine (Debian, as root), in a network namespace of its own.
infra: ray
	@$(BIN)/pytest -n 0 -rs tests/docker tests/prefect_docker $(ARGS)
	@tools/kubernetes --node
	@unshare --net sh -c 'ip link set lo up && KUBERNETES_NODE=1 exec $(BIN)/pytest -n 0 -rs tests/prefect_kubernetes $(ARGS)'

lock:
	uv lock
	@{ echo "# Written by \`make lock\` from uv.lock, for machines without uv. Not edited by hand."; \
	  uv export --locked --quiet --no-header --no-annotate --no-emit-project --all-groups; } > requirements.txt

clean:
	rm -rf .venv .cache ui/node_modules src/prefect/server/app/page_files .pytest_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache dist
