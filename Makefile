# Two commands on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# torch comes from its pin: a bare `torch` would pull gigabytes of CUDA packages.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test coverage docs lint format dist leg leg-oldest clean

$(VENV)/.installed: setup.py setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) "$$(grep '^torch==' constraints.txt)"
	$(INSTALL) -e ".[test,lint]"
	touch $@

demo: $(VENV)/.installed
	$(BIN)/tkit demo --out demo --force

test: $(VENV)/.installed
	$(BIN)/pytest

# Which lines and branches the tests reach, or some of them: make coverage TESTS=tests/metrics
coverage: $(VENV)/.installed
	$(BIN)/python benchmarks/reached.py $(TESTS)

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

# Wheel, sources and bill of materials; the same bytes from the same commit.
dist: $(VENV)/.installed
	$(INSTALL) -e ".[release]"
	rm -rf build dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --no-isolation .
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/cyclonedx-py environment $(VENV) \
	    --spec-version 1.6 --output-reproducible -o dist/tkit.cdx.json
	cd dist && sha256sum *

# The tests under another Python: make leg PYTHON=3.12 TESTS=tests/metrics
leg:
	python3 tests/legs.py $(PYTHON) $(TESTS)

# The tests with the oldest versions that setup.cfg allows.
leg-oldest:
	$(PYTHON) tests/legs.py oldest $(TESTS)

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info demo runs .pytest_cache .mypy_cache .ruff_cache
