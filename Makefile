# make demo · make test · make check · make bench · make clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# What make bench measures, where it keeps its graphs and peers, and what else it is told.
SIZES ?= 100000,1000000
WORK ?= .bench
BENCH ?=

.PHONY: demo test check format bench picture clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed
	@$(BIN)/kg check
	@$(BIN)/kg build
	@echo; $(BIN)/kg query money_total --format table
	@echo; $(BIN)/kg query money --format table
	@echo; $(BIN)/kg query conflicts --format table
	@echo; $(BIN)/kg network --out network.html
	@echo
	@echo "Try next:"
	@echo "  $(BIN)/kg queries                          every question that can be asked by name"
	@echo "  $(BIN)/kg show person:matt-hancock         all that is known, each line with its passage"
	@echo "  $(BIN)/kg query pledges -p strength=firm   who promised what"
	@echo "  $(BIN)/kg query criticism                  who objects, and what is the reply"
	@echo "  $(BIN)/kg find stokes                      search by name"
	@echo "  $(BIN)/kg path place:birmingham person:matt-hancock   how two things hang together, with the proof"
	@echo "  $(BIN)/kg network --story digital-aspirant    the page again, with a story that leads through it"

test: $(VENV)/.developed
	@$(BIN)/python -m pytest -n auto --dist loadfile

check: $(VENV)/.developed
	@$(BIN)/ruff format --check src tests benchmarks
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/mypy

format: $(VENV)/.developed
	@$(BIN)/ruff format src tests benchmarks
	@$(BIN)/ruff check --fix src tests benchmarks

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or later is needed and $(PYTHON) is not found. On Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; name one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing into $(VENV) ..."
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.developed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing into $(VENV) with the development extras ..."
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed

bench: $(VENV)/.installed
	@$(BIN)/python benchmarks/scale.py --work $(WORK) --sizes $(SIZES) $(BENCH)

picture: $(VENV)/.installed
	@command -v chromium >/dev/null || { echo "The picture is taken with chromium. On Debian: apt-get install chromium"; exit 1; }
	@$(BIN)/kg network --story digital-aspirant --out network.html
	@chromium --headless --no-sandbox --disable-gpu --disable-background-networking --hide-scrollbars \
		--window-size=1280,760 --virtual-time-budget=4000 --screenshot=network.png "file://$(CURDIR)/network.html#step=4"

clean:
	rm -rf $(VENV) .bench dist network.html .mypy_cache .pytest_cache .ruff_cache .hypothesis
