# Everything a newcomer needs: `make run` and `make test`. The rest is for development.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
LINES := 400

.DEFAULT_GOAL := help
.PHONY: help setup lint test test-systemd e2e bench run lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.run  ## bring up everything with the sample draft and print its URL; Ctrl-C ends it
	@exec $(BIN)/drafterd up --sample

setup: $(VENV)/.dev  ## install drafterd and its development tools, as locked, into .venv

lint: $(VENV)/.dev  ## formatting, lint rules, types, layers, module sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@find drafterd -name '*.py' -exec wc -l {} + \
	  | awk '$$2 != "total" && $$1 > $(LINES) { print $$2 ": " $$1 " lines, $(LINES) are allowed"; bad = 1 } END { exit bad }'

test: $(VENV)/.dev  ## install what the tests need and run them all: unit, integration, one build per Next.js major
	@tests/packages
	$(BIN)/pytest -n 3 tests/unit tests/integration $(ARGS)
	$(BIN)/pytest -n 2 --dist loadfile -m "not matrix" tests/e2e $(ARGS)

test-systemd: $(VENV)/.dev  ## boot a systemd in a container (SUITE=trixie: Debian 13), install drafterd there and use it; needs root and Debian
	@tests/packages boot
	DRAFTERD_BOOT_SUITE=$(SUITE) $(BIN)/pytest -rs tests/boot $(ARGS)

e2e: $(VENV)/.dev  ## the whole matrix of real drafts in a browser
	@tests/packages
	$(BIN)/pytest tests/e2e $(ARGS)

bench: $(VENV)/.dev  ## measure: make bench ARGS="NAME [--json]"; without ARGS a list of names
	@$(BIN)/python -m bench $(ARGS)

LOCK := uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
  --custom-compile-command 'make lock' pyproject.toml

lock: $(VENV)/.dev  ## resolve requirements.lock anew (hashes, no download addresses), and what of it a server needs
	$(PIP) install --quiet uv
	$(BIN)/$(LOCK) --upgrade --all-extras --output-file requirements.lock
	$(BIN)/$(LOCK) --upgrade --extra all --constraint requirements.lock --no-annotate --output-file requirements-server.lock

clean:  ## remove .venv and caches; drafts and state stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make the second `make run` instant. Versions come from the lock, so that what runs is what was tested.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, '$(PYTHON)' is not: name another one with make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv is missing. On Debian: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml requirements.lock | $(BIN)/python
	@echo "Installing drafterd with Traefik and Node.js into $(VENV) (about 430 MB, once) ..."
	@grep -o '^[A-Za-z0-9][^ ]*==[^ ]*' requirements.lock > $(VENV)/constraints.txt
	@$(PIP) install --quiet --use-pep517 --constraint $(VENV)/constraints.txt --editable '.[all]'
	@touch $@

$(VENV)/.dev: pyproject.toml requirements.lock | $(BIN)/python
	@echo "Installing drafterd and its development tools into $(VENV) ..."
	@$(PIP) install --quiet --use-pep517 --require-hashes --requirement requirements.lock
	@$(PIP) install --quiet --use-pep517 --no-deps --editable .
	@touch $(VENV)/.run $@
