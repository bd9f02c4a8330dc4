# Two commands on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# torch comes from its pin: a bare `torch` would pull gigabytes of CUDA packages.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test docs lint format clean

$(VENV)/.installed: setup.py setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) "$$(grep '^torch==' constraints.txt)"
	$(INSTALL) -e ".[test,lint]"
	touch $@

demo: $(VENV)/.installed
	$(BIN)/tkit demo --out demo --force

test: $(VENV)/.installed
	$(BIN)/pytest

docs: $(VENV)/.installed
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs
	@echo open build/docs/index.html

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	# As installed: zoo and pipelines stand inside tkit, or their types would be unknown to it.
	rm -rf build/typed && mkdir -p build/typed/tkit
	ln -s $(CURDIR)/tkit/* $(CURDIR)/zoo $(CURDIR)/pipelines build/typed/tkit/
	MYPYPATH=build/typed $(BIN)/mypy -p tkit

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist *.egg-info demo runs .pytest_cache .mypy_cache .ruff_cache
