# Every target sets up what it needs: only Python 3.11+, pip and make must be there.
# ENV=<name> selects an isolated environment under .envs/: make test ENV=py312 PYTHON=python3.12

PYTHON ?= python3
SUITES := core claude gemini mistral openai

HATCH := .envs/.hatch/bin/hatch
DEV_ENV := $(or $(ENV),dev)
TEST_ENV := $(or $(ENV),test)
DEV := .envs/$(DEV_ENV)
TEST := .envs/$(TEST_ENV)
PROJECTS := pyproject.toml core/pyproject.toml $(wildcard plugins/*/pyproject.toml)
JOBS ?= auto

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test quick $(SUITES:%=test-%) coverage bench api architecture hook-docs reliability soak attack parity live lint format \
  typecheck check lowest newest catalog-check release-check build clean

help:  ## Show what each target does
	@awk 'BEGIN {FS = ":.*##"; print "make <target> [ENV=<name>]   ENV defaults to dev, for tests to test\n"} \
	  /^[a-zA-Z_%-]+:.*##/ {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  test-<suite>  Run one suite: $(SUITES)"

demo: $(DEV)/.ready  ## Show the main job: four providers chat, stream, call tools and survive an outage
	$(DEV)/bin/modelyard demo $(ARGS)

test: $(TEST)/.ready  ## Run all tests: core, each plugin, the whole system
	$(TEST)/bin/python -m pytest -n $(JOBS) --dist loadscope $(ARGS)

quick: $(TEST)/.ready  ## Run the packages' own tests without the slow ones, in under 40 seconds on two cores
	$(TEST)/bin/python -m pytest -n $(JOBS) --dist loadscope -m "not slow" core/tests plugins $(ARGS)

test-core: $(TEST)/.ready
	$(TEST)/bin/python -m pytest -n $(JOBS) --dist loadscope core/tests $(ARGS)

$(filter-out test-core,$(SUITES:%=test-%)): test-%: $(TEST)/.ready
	$(TEST)/bin/python -m pytest -n $(JOBS) --dist loadscope plugins/$*/tests $(ARGS)

coverage: $(TEST)/.ready  ## Run all tests under coverage and hold its floor; htmlcov/ shows what is missed
	rm -f .coverage .coverage.*
	$(TEST)/bin/python -m coverage run -m pytest -n $(JOBS) --dist loadscope $(ARGS)
	$(TEST)/bin/python -m coverage combine --quiet
	$(TEST)/bin/python -m coverage html --quiet
	$(TEST)/bin/python -m coverage report

bench: $(TEST)/.ready  ## Measure speed against raw httpx in the same run
	$(TEST)/bin/python -m tests.benchmarks $(ARGS)

api: $(TEST)/.ready  ## Write the public names and their signatures into tests/api/*.txt, which a test compares
	$(TEST)/bin/python -m tests.api

architecture: $(TEST)/.ready  ## Draw the folders of the core and their imports into docs/architecture.md
	$(TEST)/bin/python -m tests.architecture

hook-docs: $(TEST)/.ready  ## Write the pages for plugin authors that follow from the code
	PYTHONPATH=examples/haiku_provider/src $(TEST)/bin/python -m tests.hook_docs

reliability: $(TEST)/.ready  ## Run the fault matrix and rewrite its table in docs/reliability.md
	$(TEST)/bin/python -m tests.fault_matrix

soak: $(TEST)/.ready  ## Two minutes of chaos: 200 streams over providers that fail; ARGS="--seconds 20"
	$(TEST)/bin/python -m tests.soak $(ARGS)

attack: $(TEST)/.ready  ## Attack all four providers and write what came of it into docs/security.md; ARGS="--short"
	$(TEST)/bin/python -m tests.attack $(ARGS)

parity: $(TEST)/.ready  ## Run the parity criteria over the emulators and write docs/parity.md
	$(TEST)/bin/python -m modelyard.testing.parity docs/parity.md

live: $(DEV)/.ready  ## Ask the real endpoint of every provider whose key is set, as docs/acceptance.md says
	$(DEV)/bin/python -m modelyard.testing.live $(ARGS)

lint: $(DEV)/.ready  ## Check formatting and lint
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .

format: $(DEV)/.ready  ## Format the code and fix what can be fixed
	$(DEV)/bin/ruff format .
	$(DEV)/bin/ruff check --fix .

typecheck: $(DEV)/.ready  ## Check types, strictly, in sources and tests
	$(DEV)/bin/mypy

check:  ## Everything CI runs: format, lint, types, tests, and each wheel's on the lowest versions it declares
	$(MAKE) lint typecheck test ENV=$(TEST_ENV)
	$(MAKE) lowest ARGS=--short ENV=$(TEST_ENV)

lowest: $(TEST)/.ready  ## Run each wheel's suite with the lowest versions it declares; ARGS="--short openai"
	$(TEST)/bin/python -m tests.lowest --uv "$(CURDIR)/.envs/.hatch/bin/uv" $(ARGS)

newest: $(TEST)/.ready  ## Put the newest aiohttp, SDKs and price library into the test environment, past our ranges
	$(TEST)/bin/python -m pip install --quiet --upgrade aiohttp anthropic google-genai mistralai openai genai-prices

catalog-check: $(TEST)/.ready  ## Compare the cards with the installed price library and SDKs: new, gone, priced otherwise
	$(TEST)/bin/python -m tests.catalog_check $(ARGS)

release-check: $(TEST)/.ready  ## What must hold on the day of a release: figures are fresh; TAG=v<version> is the version's
	$(TEST)/bin/python -m pytest -n 0 -q tests/release_check.py $(ARGS)

build: $(HATCH)  ## Build the five distributions into dist/
	for member in core plugins/*; do (cd $$member && "$(CURDIR)/$(HATCH)" build "$(CURDIR)/dist") || exit 1; done

clean:  ## Remove environments, builds and caches
	rm -rf .envs dist build htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(HATCH):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; name one with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .envs/.hatch
	.envs/.hatch/bin/python -m pip install --quiet --disable-pip-version-check "hatch>=1.16"

# Hatch makes the environment that pyproject.toml describes, in the folder ENV names.
# One made for other project files is made anew: entry points are written when a package is installed.
.envs/%/.ready: $(HATCH) $(PROJECTS)
	rm -rf ".envs/$*"
	HATCH_ENV_TYPE_VIRTUAL_PATH="$(CURDIR)/.envs/$*" HATCH_PYTHON="$(shell command -v $(PYTHON))" \
	  $(HATCH) --quiet env create default
	HATCH_ENV_TYPE_VIRTUAL_PATH="$(CURDIR)/.envs/$*" $(HATCH) --quiet run true
	touch $@
