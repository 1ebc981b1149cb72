# The book, its tests and its tools. `make` alone lists the targets.

PYTHON  ?= python3
PROFILE ?= demo
# Empty: pip's usual index, which on Linux serves the CUDA build of torch. The CPU build is gigabytes smaller:
#   make book TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
# Test processes; each keeps to one thread.
JOBS ?= 2

BIN   := .venv/bin
STAMP := .venv/.installed
PIP   := $(BIN)/python -m pip --disable-pip-version-check

# Computed files stay inside the checkout, so that two clones never share or spoil each other's.
COMPANION_CACHE ?= $(CURDIR)/.companion
export COMPANION_CACHE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book test soak lab lint install clean

help:  ## list the targets
	@echo "make TARGET [PROFILE=$(PROFILE)] [PYTHON=$(PYTHON)] [TORCH_INDEX=url]"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile

book: $(STAMP)  ## run the notebooks of PROFILE and build the book; reruns only what changed
	$(BIN)/companion build --profile '$(PROFILE)'

test: $(STAMP)  ## lint, types, layers and every test that ends within minutes
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q -n '$(JOBS)' --dist loadfile

soak: $(STAMP)  ## the long batteries
	$(BIN)/pytest -q -m soak

lab: $(STAMP)  ## open the book's notebooks in JupyterLab
	$(BIN)/jupyter lab book

lint: $(STAMP)  ## everything that reads the code without running it
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/typos
	git ls-files -z '*.ipynb' | xargs -0 -r $(BIN)/nbstripout --keep-id --verify

install: $(STAMP)  ## make .venv from requirements.lock (the other targets do it themselves)

clean:  ## remove the built book and the tools' caches; .venv and the computed files in .companion stay
	rm -rf _build build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .snakemake
	find src tests book -name __pycache__ -type d -prune -exec rm -rf {} +

# While the stamp is younger than both files, nothing is asked of pip at all.
$(STAMP): requirements.lock pyproject.toml | $(BIN)/python
	$(if $(TORCH_INDEX),$(PIP) install --no-deps --index-url '$(TORCH_INDEX)' "$$(grep '^torch==' requirements.lock)")
	$(PIP) install -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || { \
	  echo "Needs Python 3.11, 3.12 or 3.13, but $(PYTHON) is: $$("$(PYTHON)" --version 2>&1 | head -n 1)" >&2; \
	  echo "Repair: name another one, for example: make book PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -m venv .venv || { rm -rf .venv; \
	  echo "Repair: install the venv module (Debian, Ubuntu: apt install python3-venv) and call make again." >&2; exit 1; }
