# make help lists the targets. Only git, make and Python 3.11 to 3.13 are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= .counterseal
SETUP := $(VENV)/.ready

.PHONY: help setup demo tamper-demo up test lint types unit suite bench bench-evidence lock clean policies

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(SETUP) ## Make the virtual environment and install what is pinned

$(SETUP): requirements/uv.txt requirements/dev.txt client/pyproject.toml verify/pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh scripts/setup.sh
	@touch $@

demo: setup ## Tell the story of six refunds, on a real stack, to its end
	@$(BIN)/python -m entrypoints.demo

tamper-demo: setup ## Edit the database as its superuser, and see that it shows
	@$(BIN)/python -m entrypoints.tamper_demo

up: setup ## Run the whole stack in the foreground until Ctrl-C
	@$(BIN)/python -m entrypoints.up --data "$(DATA)"

test: setup lint types suite ## Check everything: style, types, imports, and all tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

suite: setup
	$(BIN)/pytest

unit: setup ## Run the tests that need no server
	$(BIN)/pytest tests/unit

policies: setup ## Run the test cases of the shipped policies
	@for bundle in reading payments delivery messaging starter demo; do $(BIN)/counterseal policy test policies/$$bundle || exit 1; done

bench: setup ## Race our path against a bare Temporal workflow
	$(BIN)/python -m bench.gate

bench-evidence: setup ## Measure appends, proofs, packages and questions over a million events
	$(BIN)/python -m bench.evidence

lock: setup ## Compile the requirements files anew
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" requirements/uv.in -o requirements/uv.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" pyproject.toml client/pyproject.toml requirements/build.in --extra policy -o requirements/server.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" pyproject.toml client/pyproject.toml requirements/build.in --extra policy --group pyproject.toml:dev -o requirements/dev.txt

clean: ## Remove what was set up and what was kept
	rm -rf $(VENV) $(DATA)
