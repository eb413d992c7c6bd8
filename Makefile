.PHONY: default help venv install dev system demo test check style types imports format bench faults clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Of the tests, for two processors: while one waits for a lease to end or a broker to come back, the others work. Each has
# servers of its own. Files are taken in their order, for those with few tests, which would be the last, are the long ones.
PROCESSES ?= 3
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

default: help

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Stamps, not folders: an installation that broke off halfway must run again.
$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(PIP) install --editable .
	@touch $@

# Dependency groups need pip 25.1; Debian's is older.
$(VENV)/.dev: $(VENV)/.installed
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable . --group dev
	@touch $@

venv: $(VENV)/.made  ## make the virtual environment in .venv

install: $(VENV)/.installed  ## install asyncflow into it, from this folder

dev: $(VENV)/.dev  ## install what tests and checks need too

system:  ## install the servers that tests start, where they are missing
	@tools/system-packages

demo: install  ## run a real flow: no broker, no server, nothing to set up
	$(BIN)/asyncflow run dinner -c examples/dinner --node-args '{"guests": 4}'

test: system dev  ## run every test, those with a real broker and real workers too
	@$(BIN)/python tests/environments.py
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

check: style types imports test  ## style, types, imports and every test

style: dev  ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: dev  ## mypy --strict
	$(BIN)/mypy

imports: dev  ## import-linter: the layers, and a core that touches nothing
	$(BIN)/lint-imports --no-logo

format: dev  ## mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: dev  ## measure
	$(BIN)/python -m benchmarks

faults: system dev  ## the long form of the tests that kill things
	ASYNCFLOW_FAULTS=long $(BIN)/python -m pytest tests/faults --timeout=0

clean:  ## remove everything that was made here
	rm -rf $(VENV) .cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
