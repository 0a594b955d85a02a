# risk-stream: `make` alone lists what there is.
# Everything is kept in this folder: .venv/ (Python packages) and .servers/ (Kafka's jars for the tests).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install demo test check fix bench chaos soak tours coverage mutants docs site wheel servers clean

# `make install PYTHON=/path/to/python3.12` names another interpreter than the first suitable one.
PYTHON ?=
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
BIN := .venv/bin
STAMP := .venv/.installed
# The stamp holds what was installed: the lock, the project's own declaration and where the folder stands.
WANTED := $(shell cat requirements.lock pyproject.toml 2>/dev/null | cksum | tr ' ' -)-$(CURDIR)
ARGS ?=
# Tests start some hundred processes: each would compile every module anew where an environment forbids to keep that.
export PYTHONDONTWRITEBYTECODE :=

help:  ## This list
	@echo "risk-stream: real-time risk monitoring on Kafka and Faust. Two commands to begin with: make demo, make test"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

install:  ## Put the locked dependencies and risk-stream itself into .venv (needs only Python 3.11+ and make)
	@if [ "$$(cat $(STAMP) 2>/dev/null)" = "$(WANTED)" ]; then exit 0; fi; \
	python="$(PYTHON)"; \
	if [ -z "$$python" ]; then for p in python3.12 python3.11 python3.13 python3; do \
		if $$p -c '$(SUITABLE)' >/dev/null 2>&1; then python=$$p; break; fi; done; fi; \
	if ! "$$python" -c '$(SUITABLE)' >/dev/null 2>&1; then \
		echo "risk-stream needs Python 3.11 or newer with its venv module, and found" \
			"$$({ $${python:-python3} --version 2>/dev/null || echo no python3; } | head -1): install one (Debian: apt-get install" \
			"python3 python3-venv) or name it: make install PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	[ -x $(BIN)/python ] || { echo "== making .venv with $$($$python --version) ($$python)"; $$python -m venv .venv; }; \
	echo "== installing the locked dependencies (requirements.lock, hashes checked): about a minute the first time"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .; \
	echo "== compiling the kernels: less than a minute, once (numba keeps them beside the source)"; \
	$(BIN)/risk-stream warm || echo "== not compiled now; the first worker will do it"; \
	printf '%s' "$(WANTED)" > $(STAMP); \
	echo "== installed"

demo: install  ## A simulated market, a worker and live alerts in this terminal (Ctrl-C stops it all): ARGS="--for 30s"
	@$(BIN)/risk-stream demo $(ARGS)

test: install servers  ## The whole suite on real Kafka, redis-server and Prometheus: ARGS="-k rules"
	@echo "== testing (each live test that is skipped for want of a server is named at the end)"
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: install  ## Lint, format and types, as the tests hold them
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

fix: install  ## Let ruff mend what it can, and format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: install servers  ## Every figure of the README held against the committed ones (1.5 hours): ARGS="--quick", ARGS="engine" for one
	@case "$(ARGS)" in ""|-*) $(BIN)/python -m bench all $(ARGS) ;; *) $(BIN)/python -m bench $(ARGS) ;; esac

chaos: install servers  ## Planted faults, then 20 blows on two workers over 500,000 events, compared to the last value: ARGS="--seed 7"
	@$(BIN)/python -m pytest -m "slow or property" --hypothesis-profile=deep --ignore=tests/docs
	@$(BIN)/python -m bench chaos $(ARGS)

soak: install servers  ## 5 minutes at 10,000 events/s with reloads and faults; memory, files, tasks; alerts compared: ARGS="--for 1h"
	@$(BIN)/python -m bench soak $(ARGS)

coverage: install  ## Which lines and branches of the core no test reaches; fails below 95 %
	@$(BIN)/python -m tests.mutants cover

mutants: install  ## 500 small faults in engine, features and rules: which the tests see; half an hour: ARGS="--seed 7 --count 1000"
	@$(BIN)/python -m tests.mutants $(ARGS)

tours: install  ## Walk the tours of docs/tours on the demo, and take their pictures anew
	@RISK_STREAM_TOURS=pictures $(BIN)/python -m pytest -m slow tests/docs/test_tours.py $(ARGS)

docs: install  ## Write the generated pages of docs/ anew (events, commands, settings, metrics, licences)
	@$(BIN)/python -m docs.generate
	@$(BIN)/python -m docs.licences

site: install  ## Build the documentation as a site into build/site; a warning is a fault
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html; with its search: $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site"

wheel: install  ## Build the wheel into dist/, and try it in an empty environment: pip install, then the demo, outside of this folder
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@$(BIN)/python -m pytest -m "slow or not slow" tests/deploy/test_wheel.py

servers:  ## Get what the live tests run on: Kafka's jars by Maven; Java, Prometheus, Alertmanager, Chromium from the system
	@tests/live/install.sh

clean:  ## Remove what make put here: .venv, .servers and caches
	rm -rf .venv .servers .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
