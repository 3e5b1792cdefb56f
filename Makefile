# The commands of the project. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench crash tour format lock clean

help: ## list these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

$(VENV)/base.done: requirements/base.txt pyproject.toml
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Vestibule needs (once) ..."
	@$(PY) bin/install.py requirements/base.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . 2>/dev/null
	@touch $@

$(VENV)/dev.done: requirements/dev.txt $(VENV)/base.done
	@$(PY) bin/install.py requirements/dev.txt
	@touch $@

$(VENV)/bench.done: requirements/bench.txt $(VENV)/dev.done
	@$(PY) bin/install.py requirements/bench.txt
	@touch $@

demo: $(VENV)/base.done ## everything on one machine, with the practice hospital; prints the address (ARGS=--reset forgets its data)
	@exec $(PY) -m vestibule demo $(ARGS)

test: $(VENV)/dev.done ## all tests, installing what they need (T=tests/unit runs a part)
	@bin/system-packages
	@$(PY) bin/run_tests.py $(T)

lint: $(VENV)/dev.done ## ruff and mypy --strict
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(VENV)/dev.done ## let ruff lay out the code
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

bench: $(VENV)/bench.done ## benchmarks beside their peers (NAME=effects runs one)
	@bin/system-packages
	@$(PY) -m bench $(NAME)

crash: $(VENV)/dev.done ## all seeded kill runs (SEEDS=50)
	@bin/system-packages
	@VESTIBULE_CRASH_SEEDS=$${SEEDS:-50} $(PY) -m pytest -m crash --timeout 3600 tests/integration

tour: $(VENV)/dev.done ## play set-up, the first visit, one in Teams and an appointment's texts in Chromium; screenshots in var/tour/
	@bin/system-packages
	@$(PY) tests/journeys/tour.py

lock: ## lock the requirements again (needs uv)
	@for s in tools base dev bench; do uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -o requirements/$$s.txt requirements/$$s.in; done

clean: ## remove the environment and everything the demo kept
	@rm -rf $(VENV) var
