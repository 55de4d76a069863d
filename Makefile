# Everyday commands. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# The tests whose reach is measured: they run what they test in their own process.
MEASURED := tests/unit tests/contract
# Those which a neighbour does not disturb much: after the measured ones.
AFTERWARDS := tests/docs tests/project tests/services tests/telemetry tests/end_to_end
# Those that mostly wait, for containers and for rounds of the benchmarks: meanwhile.
BESIDE := tests/containers tests/benchmarks

# What each group of tests printed, and which of its tests failed.
REPORTS := .test-reports
PYTEST = $(BIN)/python -m pytest -o cache_dir=$(REPORTS)/failed-$(1)

.DEFAULT_GOAL := help
.PHONY: help install run test test-measured test-beside check bench bench-scale prod-local prod-cluster build start prod stop proto docs lock format clean

help: ## List the commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --no-deps: the locks name everything, and pip would look whether there is something newer.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Shillings needs Python 3.11 or later; set PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV) (once; about a minute)..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	@$(BIN)/python -m pip check
	@touch $@

install: $(INSTALLED) ## Make .venv with everything the project needs.

run: install ## Start Shillings at http://127.0.0.1:8080 (one machine, nothing else needed).
	@exec $(BIN)/shillings serve

test: install ## Run every test, on real servers where it takes them.
	@deploy/local/install-packages.sh
	@rm -rf $(REPORTS) && mkdir $(REPORTS)
	@$(MAKE) --no-print-directory --keep-going --jobs 2 test-measured test-beside; \
		$(call PYTEST,alone) tests $(patsubst %,--ignore=%,$(MEASURED) $(AFTERWARDS) $(BESIDE)) 2>&1 \
			| tee $(REPORTS)/alone.txt; echo $$? > $(REPORTS)/alone.exit; \
		REPORTS=$(REPORTS) tests/judge.sh $(BIN)/python -m pytest

test-measured: install
	@mkdir -p $(REPORTS)
	@$(call PYTEST,measured) --cov --cov-report=term $(MEASURED) src 2>&1 | tee $(REPORTS)/measured.txt; \
		measured=$$?; echo $$measured > $(REPORTS)/measured.exit; \
		$(call PYTEST,afterwards) $(AFTERWARDS) 2>&1 | tee $(REPORTS)/afterwards.txt; \
		afterwards=$$?; echo $$afterwards > $(REPORTS)/afterwards.exit; exit $$((measured | afterwards))

test-beside: install
	@mkdir -p $(REPORTS)
	@$(call PYTEST,beside) $(BESIDE) 2>&1 | tee $(REPORTS)/beside.txt | sed --unbuffered 's/^/    | /'; \
		code=$$?; echo $$code > $(REPORTS)/beside.exit; exit $$code

check: install ## Lint, types, import layers, generated files.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python proto/generate.py --check
	@$(BIN)/python docs/generate.py --check
	@$(BIN)/python -m deploy.nginx.generate --check

# What to mutate: `make mutants ONLY='shillings.wire.*'`. All that pyproject.toml names takes long; a second run goes on.
ONLY ?=
MUTANTS := .venv-mutants
$(MUTANTS)/.installed: requirements.lock requirements-mutants.lock
	@$(PYTHON) -m venv $(MUTANTS)
	@$(MUTANTS)/bin/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock \
		--requirement requirements-mutants.lock
	@touch $@

mutants: $(MUTANTS)/.installed ## Plant small bugs in what moves money and carries requests, and see which the tests let pass.
	@nice -n 15 $(MUTANTS)/bin/python -m tests.mutants $(if $(ONLY),'$(ONLY)')

bench: install ## Measure: echo, bare database, Shillings; interleaved. Writes benchmarks/RESULTS.md.
	@deploy/local/install-packages.sh
	@$(BIN)/python -m benchmarks

bench-scale: install ## Measure how cost grows with users, history, processes and time.
	@deploy/local/install-packages.sh
	@$(BIN)/python -m benchmarks scale

DATABASE ?= mariadb
prod-local: install ## The production stack without Docker: nginx, web and app servers, MariaDB (or DATABASE=mysql), Redis.
	@deploy/local/install-packages.sh
	@exec $(BIN)/python -m deploy.local --database $(DATABASE)

prod-cluster: install ## The same on three Galera nodes behind HAProxy: the database survives its writer.
	@deploy/local/install-packages.sh
	@exec $(BIN)/python -m deploy.local --database galera --data .prod-cluster

build: ## Build the container image (needs Docker).
	docker build --build-arg PYTHON_IMAGE --tag shillings --file deploy/Dockerfile .

# Secrets of the containers: made once, readable by their owner only, never in git.
deploy/.env: | deploy/.env.example
	@set -eu; umask 077; secret() { openssl rand -hex "$$1"; }; \
	sed -e "s/^SHILLINGS_JWT_KEYS=\$$/&$$(secret 32)/" -e "s/^SHILLINGS_DELIVERER_KEY=\$$/&$$(secret 32)/" \
		-e "s/^MARIADB_PASSWORD=\$$/&$$(secret 24)/" -e "s/^MARIADB_ROOT_PASSWORD=\$$/&$$(secret 24)/" \
		-e "s/^REDIS_PASSWORD=\$$/&$$(secret 24)/" \
		deploy/.env.example > $@
	@echo "Wrote $@ with fresh secrets."

prod: deploy/.env ## Start the production stack in containers, five web servers (needs Docker).
	docker compose --file deploy/compose.yaml up --build --detach --wait --scale web=5

start: deploy/.env ## Start the production stack in containers, one web server, in the foreground (needs Docker).
	docker compose --file deploy/compose.yaml up --build --scale web=1

stop: deploy/.env ## Stop the containers; what the database knows stays (needs Docker).
	docker compose --file deploy/compose.yaml down

proto: install ## Generate the protocol's Python code from proto/shillings.proto.
	@$(BIN)/python proto/generate.py

docs: install ## Generate docs/settings.md, the Postman collection and nginx's error pages.
	@$(BIN)/python docs/generate.py
	@$(BIN)/python -m deploy.nginx.generate

# One lock for developers, and out of it, at the same versions, what an image needs to run and to be built.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
lock: ## Resolve the dependencies again into the four locks (needs uv).
	$(COMPILE) --upgrade --all-extras --group dev pyproject.toml --output-file requirements.lock
	$(COMPILE) --upgrade --extra production --constraint requirements.lock --no-annotate pyproject.toml \
		--output-file requirements-production.lock
	$(COMPILE) --upgrade --group mutants --constraint requirements.lock --no-annotate \
		--output-file requirements-mutants.lock
	echo 'hatchling>=1.27' | $(COMPILE) --upgrade --constraint requirements.lock --no-annotate - \
		--output-file deploy/requirements-build.lock

format: install ## Put the code into its one form.
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

clean: ## Remove what the commands above made, but no data: .shillings, .prod-local and .prod-cluster stay.
	rm -rf $(VENV) $(MUTANTS) mutants dist $(REPORTS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
