# Every task of this project. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SERVER := $(VENV)/.server-installed
DEV := $(VENV)/.dev-installed
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --only-binary :all: --quiet
CHECKED := fhir_api adapters identity mappings conformance platform tests benchmarks
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test clients engines browser lint format nightly bench conformance profiles docs lock clean

help: ## List the tasks.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SERVER) ## Create .venv with the server in it.

setup-dev: $(DEV) ## Add what tests and checks need.

$(SERVER): requirements/server.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@test -x $(BIN)/python || { echo "Creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the server"
	@$(PIP) install --require-hashes --only-binary :all: --requirement requirements/server.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(SERVER) requirements/dev.lock
	@echo "Installing the tools"
	@$(PIP) install --require-hashes --only-binary :all: --requirement requirements/dev.lock
	@touch $@

run: setup ## Start a FHIR server with a few patients of our own making (ARGS="--port 8081").
	@$(BIN)/stanforis up --demo $(ARGS)

test: setup-dev lint ## Check everything and run the tests (ARGS="-k history").
	@$(BIN)/pytest -m "not nightly" -n auto --maxprocesses 8 $(ARGS)

clients: ## Get the clients of others that tests speak with (needs npm).
	@npm ci --prefix tests/support/oauth_client --no-audit --no-fund --silent
	@npm ci --prefix tests/support/hl7_client --no-audit --no-fund --silent

engines: ## Get PgBouncer for the tests that go through it: as root built from Debian's source, else says how.
	@tests/support/engines.sh "$(CURDIR)/.cache/engines"

browser: ## Get Chromium for the tests of pages: from Debian's packages for root, else says how.
	@command -v chromium chromium-browser google-chrome > /dev/null \
	|| { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium > /dev/null; } \
	|| echo "No browser: install Chromium, for example as root: apt-get install chromium"

lint: setup-dev ## Check style, types and the direction of imports.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy tests benchmarks
	@$(BIN)/lint-imports

format: setup-dev ## Put the code into shape.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

nightly: setup-dev ## Run the tests that take minutes.
	@$(BIN)/pytest -m nightly $(ARGS)

bench: setup ## Measure a running server (ARGS="--base http://127.0.0.1:8080/fhir").
	@$(BIN)/stanforis bench $(ARGS)

conformance: setup ## Compile the official R4 definitions again.
	@$(BIN)/python -m conformance.build --download

profiles: setup-dev ## Compile the packages that are shipped again.
	@$(BIN)/python -m conformance.profiles

docs: setup ## Make the tables of docs/search.md again.
	@$(BIN)/python -m fhir_api.search.documentation

lock: setup ## Choose the newest versions that fit and write the lock files.
	@$(PIP) install uv==0.13.9
	@$(LOCK) --upgrade --extra build --output-file requirements/server.lock
	@$(LOCK) --upgrade --extra dev --constraint requirements/server.lock --output-file requirements/dev.lock

clean: ## Remove the environment and the caches of the tools.
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .cache/engines
