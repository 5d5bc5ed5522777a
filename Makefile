# A fresh machine needs Python 3.11 or later and make, nothing else.

PYTHON ?= python3
N ?= 100000
POINTS ?= 20
MINUTES ?= 15
SEEDS ?= 1000
RUNG ?= A
FAST := $(addprefix tests/,kernel registers entitlements distributions controls audit house)
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast storm restores simulate check format bench contract picture rooms openapi screenshots lock clean

help:
	@echo "make demo     install and show a whole payout on the sandbox ledger, in about a minute"
	@echo "make test     install and run the tests on all cores (PYTEST_ARGS='-k money' for some of them)"
	@echo "make test-fast  the tests that need one database and no other process"
	@echo "make storm    every fault at real workers and servers for MINUTES=15, or the round of SEED=4711"
	@echo "make restores restores and failovers at POINTS=20 points of a payout each; takes an hour"
	@echo "make simulate the payment protocol under every fault for SEEDS=1000 seeds, or the trace of SEED=4711"
	@echo "make check    formatting, lint, spelling, types and the direction of imports, as CI checks them"
	@echo "make format   put the code into its one format"
	@echo "make bench    measure with N=100000 holders, or N=1000000"
	@echo "make contract compile the paying contract into the package"
	@echo "make picture  draw docs/demo.svg anew from a run of the demo"
	@echo "make rooms    draw the rooms of the source in ARCHITECTURE.md anew"
	@echo "make openapi  write docs/openapi.json anew"
	@echo "make screenshots  take docs/screenshots anew; needs Debian's chromium"
	@echo "make lock     pin the newest dependencies that pyproject.toml allows, with their hashes"
	@echo "make clean    remove everything that these commands made"

demo: $(VENV)/.installed
	$(BIN)/masspayout demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses=logical --dist=worksteal $(PYTEST_ARGS)

test-fast: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses=logical --dist=worksteal $(FAST) $(PYTEST_ARGS)

storm: $(VENV)/.installed-dev
	PYTHONPATH=tests:tests/support $(BIN)/python -m storm $(if $(SEED),--seed $(SEED) --minutes 0,--minutes $(MINUTES)) $(STORM_ARGS)

# In one process: each point has servers and workers of its own, which want the cores.
restores: $(VENV)/.installed-dev
	RESTORE_POINTS=$(POINTS) $(BIN)/python -m pytest tests/payments/test_restore.py tests/payments/test_failover.py tests/payments/test_two_hands.py $(PYTEST_ARGS)

simulate: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m simulator $(if $(SEED),--seed $(SEED) --shrink,--seeds $(SEEDS) --rung $(RUNG)) $(SIMULATOR_ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/run.py --holders $(N)
	$(BIN)/python benchmarks/startup.py
	PYTHONPATH=tests/support:tests/emulators:tests/emulators/evm $(BIN)/python benchmarks/hedera.py
	PYTHONPATH=tests/support:tests/emulators:tests/emulators/evm $(BIN)/python benchmarks/gas.py

contract: $(VENV)/.installed-dev
	$(BIN)/python contracts/build.py

picture: $(VENV)/.installed
	$(BIN)/python docs/draw_demo.py

rooms: $(VENV)/.installed
	$(BIN)/python docs/draw_rooms.py

openapi: $(VENV)/.installed
	$(BIN)/python docs/write_openapi.py

screenshots: $(VENV)/.installed-dev
	$(BIN)/python docs/take_screenshots.py

# The oldest Python that is supported decides, so that the pins serve every later one.
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe \
	--strip-extras --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --all-build-deps

lock: $(VENV)/.installed-dev
	@$(BIN)/python -c 'import sys; sys.version_info[:2] == (3, 11) or sys.exit("make lock needs a .venv of Python 3.11.")'
	$(LOCK) --output-file requirements.txt pyproject.toml
	$(LOCK) --extra dev --extra hedera --extra evm --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

clean:
	rm -rf $(VENV) tests/emulators/evm/node_modules tests/emulators/oidc/node_modules build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are newer than what they were made from, so nothing is installed twice.
$(VENV)/.installed: $(VENV)/.made requirements.txt pyproject.toml
	@echo "Installing pinned dependencies into $(VENV) …"
	$(PIP_INSTALL) --require-hashes --requirement requirements.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.made requirements-dev.txt pyproject.toml
	@echo "Installing pinned dependencies into $(VENV) …"
	$(PIP_INSTALL) --require-hashes --requirement requirements-dev.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Mass Payout needs Python 3.11 or later; \
	this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv $(VENV)
	@touch $@
