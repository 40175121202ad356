# The commands of this project. `make run` and `make test` need nothing done before: they set up what they need.
PYTHON ?= python3
RECIPE ?= cpu
OUT ?= runs/$(RECIPE)
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# Also pins what builds the package itself. Relative, so that a checkout path may hold spaces.
export PIP_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What tests stand the gate behind, beside `trackers`.
OTHER_TRACKERS := norfair motpy deep-sort-realtime filterpy
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --editable

.PHONY: help setup setup-dev run test check docs demo/tiny clean

help:
	@echo "make run        train, evaluate and report with the default recipe into $(OUT)"
	@echo "make demo/tiny  the same in about a minute, into runs/tiny"
	@echo "make test       the whole test suite"
	@echo "make check      style, types and the rules about who may import whom"
	@echo "make docs       the documentation as a site in site/, built strictly, every link checked"
	@echo "make setup      what make run needs, into $(VENV); setup-dev adds the tools of make test and make check"
	@echo "make clean      remove $(VENV) and all caches; runs/ stays"

setup: $(VENV)/.stamp-run
setup-dev: $(VENV)/.stamp-dev

$(VENV)/.stamp-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python3 is too old, expected 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.stamp-run: $(VENV)/.stamp-python pyproject.toml constraints.txt
	$(INSTALL) '.[pixels,proof,tracks]'
	@touch $@

$(VENV)/.stamp-dev: $(VENV)/.stamp-python pyproject.toml constraints.txt
	$(INSTALL) '.[dev,docs]'
	# Some ask for opencv-python, whose files clash with the headless one; all else that they need is there.
	$(BIN)/python -m pip install --quiet --no-compile --no-deps trackers trackeval $(OTHER_TRACKERS)
	# On all cores: many tests start processes, each of which would compile torch anew where none may write it down.
	-$(BIN)/python -m compileall -q -j 0 $(VENV)/lib src >/dev/null 2>&1
	@touch $@ $(VENV)/.stamp-run

run:
	@[ -e $(VENV)/.stamp-run ] || echo "setting up $(VENV) first: about 3.1 GB with the usual torch for GPUs; PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu takes 1.2 GB"
	@$(MAKE) --no-print-directory setup
	$(BIN)/perdure run --recipe $(RECIPE) --out $(OUT) --resume
	@echo "report: $(CURDIR)/$(OUT)/FINAL_REPORT.html"

demo/tiny: setup
	$(BIN)/perdure run --recipe tiny --out runs/tiny --resume
	@echo "report: $(CURDIR)/runs/tiny/FINAL_REPORT.html"

test: setup-dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup $(PYTEST_ARGS)

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup-dev
	$(BIN)/python docs/render.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(BIN)/python docs/check_links.py site

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
