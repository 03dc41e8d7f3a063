# Two commands for people: `make up` and `make test`. Both set everything up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FOLDER ?=

.PHONY: up test lint types imports unit simulate clean

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "cozysync needs Python 3.11 or newer; set PYTHON=..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

up: $(VENV)/.installed
	$(BIN)/cozysync up $(FOLDER)

test: lint types imports unit

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

imports: $(VENV)/.installed
	$(BIN)/lint-imports

# Files that take long begin first, so that both cores have something to do until the end.
LONG := tests/system tests/simulation tests/engine
SHORT := $(filter-out $(LONG),$(patsubst %/,%,$(wildcard tests/*/)))
unit: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(LONG) $(SHORT)

# Whole devices from a seed each, see docs/SIMULATION.md: make simulate SEEDS=1000 START=1
SEEDS ?= 100
START ?= 1
simulate: $(VENV)/.installed
	$(BIN)/python -m tests.simulation --start $(START) --seeds $(SEEDS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
