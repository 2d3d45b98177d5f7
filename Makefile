# callmeter. `make run` and `make test` do all their own set-up: a Python environment in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# A process per core, each with whole files: their servers and folders are made once. The browser's come first.
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder
STRUCTURE := tests/test_dashboard_imports.py tests/test_dashboard_docs.py

# Some shells export HOST as the machine's name: only `make run HOST=...` is meant for us.
ifneq ($(origin HOST),command line)
override HOST :=
endif

.DEFAULT_GOAL := help
.PHONY: help run demo test check bench clean

help: ## Show what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

run: $(VENV)/installed ## Show the live page (PORT=8050 LOG_DIR=logs/api HOST=127.0.0.1)
	@exec $(BIN)/callmeter serve $(if $(PORT),--port '$(PORT)') $(if $(LOG_DIR),--log-dir '$(LOG_DIR)') $(if $(HOST),--host '$(HOST)')

demo: $(VENV)/installed ## Write believable calls and show them (PORT=8050)
	@$(BIN)/callmeter demo --log-dir logs/demo
	@exec $(BIN)/callmeter serve --log-dir logs/demo $(if $(PORT),--port '$(PORT)')

test: $(VENV)/installed-dev ## Run the tests (ARGS='-k report')
	@if $(HAVE_BROWSER); then $(BIN)/python -m pytest $(PARALLEL) $(ARGS); \
	elif [ "$$CI" = true ]; then $(NO_BROWSER) >&2; exit 1; \
	else $(BIN)/python -m pytest $(PARALLEL) -m 'not browser' $(ARGS) && $(NO_BROWSER); fi

check: $(VENV)/installed-dev ## Check style, types and structure
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python -m pytest $(STRUCTURE)

bench: $(VENV)/installed-dev ## Measure against the performance contract
	@$(BIN)/python -m tests.bench $(ARGS)

clean: ## Remove the environment and what tools leave behind
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

HAVE_BROWSER = command -v chromedriver >/dev/null && \
	{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null
NO_BROWSER = printf '\n%s\n%s\n' '*** BROWSER TESTS SKIPPED: no chromium and chromedriver found. ***' \
	'    sudo apt install chromium chromium-driver'

# An environment whose Python is gone (the system was upgraded) is made anew.
ifneq ($(shell test -x $(BIN)/python && echo there),there)
.PHONY: $(VENV)/made
endif

# Each stamp is made after its step, so an interrupted step is done again.
$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'callmeter needs Python 3.11 or newer; make PYTHON=/path/to/python3.11 uses another one.' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo 'Python cannot make environments here yet: sudo apt install python3-venv' >&2; exit 1; }
	@echo 'Setting up $(VENV) (once, a minute or a few)'
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/made pyproject.toml
	@$(PIP) --editable '.[anthropic,notify]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@$(PIP) --editable '.[dev]'
	@touch $@
