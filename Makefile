# `make up` and `make test` each work as the first command in a fresh clone.
SHELL := /bin/bash
BIN := .venv/bin
# Test processes: one per core, at least two.
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 2 ] && echo $$n || echo 2)

.PHONY: help setup setup-run up down test fuzz check lint types imports bench mutants screenshots clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv with everything that `up` and `test` need
	@scripts/setup.sh dev

setup-run:
	@scripts/setup.sh run

up: setup-run ## Run the whole Auth plane here (Ctrl-C stops it)
	@exec $(BIN)/keyturn up $(ARGS)

down: ## Stop a detached `keyturn up`
	@$(BIN)/keyturn down $(ARGS)

test: setup ## Run every test
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

# Requests per operation and kind; each run makes other ones.
FUZZ ?= 200

fuzz: setup ## Try both OpenAPI documents' servers with many requests (FUZZ=200 per operation)
	@KEYTURN_FUZZ_EXAMPLES=$(FUZZ) $(BIN)/python -m pytest -n 2 tests/authserver/test_openapi_fuzz.py \
	  tests/console/test_admin_api_fuzz.py $(ARGS)

check: setup lint types imports ## Lint, types and import contracts

lint:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types:
	@$(BIN)/mypy

imports:
	@$(BIN)/lint-imports

bench: setup ## Measure side by side and print ratios
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt --group bench
	@$(BIN)/python -m bench $(ARGS)

screenshots: setup ## Take the console's pictures into docs/images (needs chromium)
	@$(BIN)/python scripts/console_screenshots.py
	@$(BIN)/python scripts/deployment_screenshots.py
	@$(BIN)/python scripts/small_pictures.py

mutants: setup ## Change the verifier's code in small ways; list what no test notices
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt --group mutants
	@$(BIN)/python -m bench.mutants $(ARGS)

clean: ## Remove what was built (never .keyturn, which holds your data)
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache tests/e2e/js/node_modules
