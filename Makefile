# Everyday commands. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test check bench bench-scale prod-local build start prod stop proto docs lock format clean

help: ## List the commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Shillings needs Python 3.11 or later; set PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV) (once; about a minute)..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

install: $(INSTALLED) ## Make .venv with everything the project needs.

run: install ## Start Shillings at http://127.0.0.1:8080 (one machine, nothing else needed).
	@exec $(BIN)/shillings serve

test: install ## Run every test, on real servers where it takes them.
	@deploy/local/install-packages.sh
	@$(BIN)/python -m pytest

check: install ## Lint, types, import layers, generated files.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python proto/generate.py --check
	@$(BIN)/python docs/generate.py --check

bench: install ## Measure: echo, bare database, Shillings; interleaved. Writes benchmarks/RESULTS.md.
	@deploy/local/install-packages.sh
	@$(BIN)/python -m benchmarks

bench-scale: install ## Measure how cost grows with users, history, processes and time.
	@deploy/local/install-packages.sh
	@$(BIN)/python -m benchmarks scale

prod-local: install ## The production stack without Docker: nginx, web and app servers, MariaDB, Redis.
	@deploy/local/install-packages.sh
	@exec $(BIN)/python -m deploy.local

build: ## Build the container image (needs Docker).
	docker build --tag shillings --file deploy/Dockerfile .

# Secrets of the containers: made once, readable by their owner only, never in git.
deploy/.env: | deploy/.env.example
	@set -eu; umask 077; key=$$(openssl rand -hex 32); password=$$(openssl rand -hex 24); \
	sed -e "s/^SHILLINGS_JWT_KEYS=\$$/&$$key/" -e "s/^MARIADB_PASSWORD=\$$/&$$password/" deploy/.env.example > $@
	@echo "Wrote $@ with fresh secrets."

prod: deploy/.env ## Start the production stack in containers, five web servers (needs Docker).
	docker compose --file deploy/compose.yaml up --build --detach --wait --scale web=5

start: deploy/.env ## Start the production stack in containers, one web server, in the foreground (needs Docker).
	docker compose --file deploy/compose.yaml up --build --scale web=1

stop: deploy/.env ## Stop the containers; what the database knows stays (needs Docker).
	docker compose --file deploy/compose.yaml down

proto: install ## Make the protocol's Python code anew from proto/shillings.proto.
	@$(BIN)/python proto/generate.py

docs: install ## Make docs/settings.md and the Postman collection anew.
	@$(BIN)/python docs/generate.py

# One lock for developers, and out of it, at the same versions, what an image needs to run and to be built.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
lock: ## Resolve the dependencies anew into the three locks (needs uv).
	$(COMPILE) --upgrade --all-extras --group dev pyproject.toml --output-file requirements.lock
	$(COMPILE) --upgrade --extra production --constraint requirements.lock --no-annotate pyproject.toml \
		--output-file requirements-production.lock
	echo 'hatchling>=1.27' | $(COMPILE) --upgrade --constraint requirements.lock --no-annotate - \
		--output-file deploy/requirements-build.lock

format: install ## Put the code into its one form.
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

clean: ## Remove what the commands above made.
	rm -rf $(VENV) .shillings .prod-local dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
