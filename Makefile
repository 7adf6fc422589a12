# Everything runs inside .venv; `make setup` builds it with nothing but python3 and make. RUMBO_ variables, set in the
# environment or behind `make`, reach `rumbo` as they are.
PYTHON ?= python3
# Of `make prove`: which proofs, e.g. PROVE="-k fuzz".
PROVE ?=

# Every process that a test starts would compile all that it imports, were it not kept.
unexport PYTHONDONTWRITEBYTECODE

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A process a core, up to four; a file's tests stay together, so that what they share is made once.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile
BENCH := $(BIN)/python -m pytest -o python_files='bench_*.py' -s --timeout 0

.DEFAULT_GOAL := help
.PHONY: help setup demo loop serve notebooks test test-all prove check proto bench bench-parts bench-learn
.PHONY: check-format check-lint check-types check-layers check-protos

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "Settings: RUMBO_COMPANY=$(or $(RUMBO_COMPANY),complete_journey) (whose journeys)  RUMBO_PORT=$(or $(PORT),$(RUMBO_PORT),50051)" \
	  "(of serve)  PYTHON=$(PYTHON) (3.11 or newer)"

setup: $(READY) ## make .venv with every dependency at its locked version

demo: $(READY) ## decide for real customers: data, model, service, reasons (2 minutes)
	$(BIN)/rumbo demo

loop: $(READY) ## play two months of a company that learns, against the oracle (3 minutes)
	$(BIN)/rumbo simulate --customers 800 --folder $(or $(FOLDER),simulation)

serve: $(READY) ## answer decisions over gRPC until Ctrl-C
	$(BIN)/rumbo serve --company $(or $(RUMBO_COMPANY),complete_journey) $(if $(PORT),--port $(PORT))

# JupyterLab is a group of its own, for no test needs it. `make setup` takes it away again when the lock has changed.
notebooks: $(READY) ## open the notebooks in JupyterLab (RUMBO_COMPANY=... RUMBO_LOG=...)
	UV_PROJECT_ENVIRONMENT=$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv sync --locked --all-extras --group notebooks
	$(foreach name,COMPANY HOME LOG,$(if $(RUMBO_$(name)),RUMBO_$(name)=$(abspath $(RUMBO_$(name))))) \
	  $(BIN)/jupyter lab training/notebooks

test: $(READY) ## every test but the slow ones
	$(PYTEST) -m "not slow and not proof"

test-all: $(READY) ## every test but the proofs
	$(PYTEST) -m "not proof"

# One after another, for each uses every core by itself; what they log on the way is shown.
prove: $(READY) ## the promises again, at length: races, rounds of kill -9 (an hour)
	$(BIN)/python -m pytest -m proof -v --timeout 0 --durations 0 -o log_cli=true -o log_cli_level=INFO $(PROVE)

check: check-format check-lint check-types check-layers check-protos ## format, lint, types, layers, protos

proto: $(READY) ## generate protos/gen from the .proto files
	$(BIN)/buf format --write protos
	$(BIN)/python protos/generate.py

# BENCH_SECONDS of each load (4), BENCH_ROUNDS (5), BENCH_ONLY=echo,sqlite for fewer contenders; BENCH_FOLDER keeps what is
# prepared for the next run. A look whether it works: make bench BENCH_SECONDS=1 BENCH_ROUNDS=1
bench: $(READY) ## measure decisions beside an echo and glue: tables, bench.json, bench.png (25 minutes)
	$(BIN)/python -m tests.benchmarks.speed

bench-parts: $(READY) ## measure constraints, stores and reloads by themselves (5 minutes)
	$(BENCH) tests/benchmarks --ignore tests/benchmarks/bench_learn.py

bench-learn: $(READY) ## measure how tables are encoded and learnt from
	$(BENCH) tests/benchmarks/bench_learn.py

check-format: $(READY)
	$(BIN)/ruff format --check

check-lint: $(READY)
	$(BIN)/ruff check

check-types: $(READY)
	$(BIN)/mypy --strict

check-layers: $(READY)
	$(BIN)/lint-imports

check-protos: $(READY)
	$(BIN)/python protos/generate.py --check
	$(BIN)/buf lint protos
	$(BIN)/buf format --diff --exit-code protos
	$(BIN)/buf breaking protos --against protos/release/rumbo.binpb

# Built once, and again when the lock or the project's own description changes. What was interrupted half-way is made
# anew, for a file may be cut that counts as installed. uv uses this environment's Python and downloads no other.
UNFINISHED := $(VENV)/.unfinished
$(READY): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Rumbo needs Python 3.11 or newer: make PYTHON=...") if sys.version_info < (3, 11) else None'
	@if test -e $(UNFINISHED) || ! $(BIN)/uv --version 2>/dev/null | grep -q '^uv $(UV_VERSION)\b'; then \
	  rm -rf $(BIN) && rm -rf $(VENV) && mkdir $(VENV) && touch $(UNFINISHED) && $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"; fi
	@touch $(UNFINISHED)
	UV_PROJECT_ENVIRONMENT=$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv sync --locked --all-extras
	@rm $(UNFINISHED)
	@touch $@
