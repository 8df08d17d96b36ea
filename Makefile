# What a developer does with this repository; `make help` lists it.
# Needs GNU make, git and Python 3.11 or newer; everything else goes into .venv.

PYTHON ?= python3 python3.13 python3.12 python3.11
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore

# Stamps: newer than pyproject.toml as long as what it asks for is installed.
RUNTIME := $(VENV)/.runtime-installed
DEV     := $(VENV)/.dev-installed

COVERAGE_FLOOR := 90
# Many tests wait for processes and sockets, so a third worker pays even on two cores.
WORKERS ?= 3

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check check-api bench bench-peers faults soak docs format clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUNTIME) ## run the guided demonstration
	$(PY) examples/demo/run.py

test: $(DEV) ## run all tests but the long ones, and measure what they cover
	$(PY) -m pytest -m "not faults and not api" --numprocesses $(WORKERS) --dist loadfile --cov --cov-branch --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE_FLOOR)

check: $(DEV) docs ## format, lint, types, layers, docs
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

check-api: $(DEV) ## drive every operation of the gateway, and send it 100,000 broken messages
	$(PY) -m pytest -m api tests/api

bench: $(DEV) ## measure, side by side with the floor of this machine, and with peers that are installed
	$(PY) -m benchmarks.run

bench-peers: $(DEV) ## install the programs that 'make bench' measures beside this one: 1.5 GB
	$(PY) -m benchmarks.peers.install

faults: $(DEV) ## kill real processes for minutes and count what was lost
	$(PY) -m pytest -m faults tests/faults

soak: $(DEV) ## the same faults in random order, for DATACATALOG_SOAK_MINUTES (60)
	$(PY) -m tests.faults.soak

docs: $(DEV) ## build the documentation into docs/_build/html
	$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html

format: $(DEV) ## rewrite the code as the formatter wants it
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

clean: ## remove what was built; .venv stays
	rm -rf docs/_build build dist htmlcov .coverage .coverage.* coverage.xml
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	find src tests docs examples benchmarks reactors -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): pyproject.toml
	@.ci/make-venv $(VENV) $(PYTHON)
	$(PIP) --editable '.[prov]'
	@touch $@

$(DEV): pyproject.toml
	@.ci/make-venv $(VENV) $(PYTHON)
	$(PIP) --editable '.[dev]'
	@touch $@ $(RUNTIME)
