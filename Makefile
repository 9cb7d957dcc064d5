# `make run` converts a music library, `make test` checks everything; each does all its own set-up.
#
#   make run                          a demo library that is made on the spot
#   make run MUSIC=~/Music STEMS=~/Stems
#   make test                         format, lint, types, import contracts, tests

# PyTorch 2.11 has wheels for these; python3 comes first if it is one of them.
IS_RIGHT := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$name -c '$(IS_RIGHT)' 2>/dev/null && echo $$name && break; done)
VENV ?= .venv
MUSIC ?= demo/music
STEMS ?= demo/stems
ARGS ?=
TESTS ?= tests

# Modules are compiled when they are first imported, a quarter of all, if that may be kept.
NO_COMPILE := $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile)

BIN := $(VENV)/bin
export PATH := $(abspath $(VENV))/bin:$(PATH)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(NO_COMPILE) \
	--constraint deploy/constraints.txt --editable

# Few shells put the home folder for the ~ of an argument such as MUSIC=~/Music.
at_home = $(subst "~/,"$(HOME)/,"$(1)")

.PHONY: run test pytest check lint demo clean help

run: $(VENV)/.installed $(if $(filter demo/music,$(MUSIC)),demo)
	$(BIN)/libsep run $(call at_home,$(MUSIC)) $(call at_home,$(STEMS)) $(ARGS)

# Format, lint, types and import contracts take half a minute of one core beside the first tests.
test: $(VENV)/.installed-for-tests
	@$(MAKE) --no-print-directory --jobs 2 lint pytest

# Most tests wait for other processes, so three run at once, module by module. A test that met a
# machine too busy for it gets a second and third try, and is listed as rerun.
pytest:
	$(BIN)/pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder --reruns 2 -r fEsR $(TESTS)

check: $(VENV)/.installed-for-tests
	@$(MAKE) --no-print-directory lint

# Also what pre-commit runs; it needs no git. mypy looks twice, since Python lacks some names on a Mac.
lint:
	@set -ex; ruff check; ruff format --check; mypy; lint-imports; \
	mypy --platform darwin --cache-dir .mypy_cache/darwin

demo: $(VENV)/.installed
	$(BIN)/libsep demo $(call at_home,$(MUSIC))

clean:
	rm -rf $(VENV) demo build dist

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

$(VENV)/bin/python:
	@$(or $(PYTHON),false) -c '$(IS_RIGHT)' || { echo "libsep needs Python 3.11, 3.12, 3.13 or 3.14" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -f $(VENV)/bin/python*; exit 1; }

$(VENV)/.installed: pyproject.toml deploy/constraints.txt | $(VENV)/bin/python
	@echo "Installing libsep into $(VENV): a few minutes, PyTorch and Ray are large."
	$(INSTALL) .
	@touch $@

$(VENV)/.installed-for-tests: pyproject.toml deploy/constraints.txt | $(VENV)/bin/python
	@echo "Installing libsep and its test tools into $(VENV): a few minutes the first time."
	$(INSTALL) ".[test]"
	@touch $@ $(VENV)/.installed
