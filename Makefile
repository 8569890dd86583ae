# Model serving labs. `make help` lists what there is; every target sets up what it needs first.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := provisioning,rehearsal,labs,serving,grading,cluster,site,dev
STAMP := $(VENV)/.installed
# A folder that was copied, moved or renamed brings the stamp of another one: set-up then runs, and downloads nothing.
# PYTHON=/path/to/python names the Python to begin with.
ifneq "$(shell head -n 1 $(STAMP) 2>/dev/null)" "$(CURDIR)"
.PHONY: $(STAMP)
endif
# Where it is set, as in many a container, each of a run's hundreds of processes would compile its imports anew.
unexport PYTHONDONTWRITEBYTECODE
# Recipes start the modules of this folder, and not of one whose environment is active.
unexport PYTHONSAFEPATH

.DEFAULT_GOAL := help
.PHONY: help setup lab rehearse test test-all front-door machines check pins notebooks site assets bench emulate containers pictures grade-demo clean compiler-hint test-hint

help: ## Show this list
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' \
	  | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) compiler-hint ## Make the environment in .venv (a few minutes the first time, nothing after that)

$(STAMP): pyproject.toml constraints.txt
	@python=$$(sh provisioning/python.sh "$(PYTHON)") && \
	  GIVEN_PYTHON="$(PYTHON)" GOALS="$(MAKECMDGOALS)" "$$python" -m provisioning.environment $(EXTRAS)

compiler-hint:
	@command -v "$${CXX:-g++}" >/dev/null || command -v clang++ >/dev/null || { \
	  echo "Note: no C++ compiler, so torch.compile will be left out of *Measure the model*."; \
	  echo "  Debian, Ubuntu: sudo apt install g++     macOS: xcode-select --install"; }

# What no wheel brings. A test that lacks one is skipped, and this says so before and pytest after the run.
test-hint:
	@for tool in chromium docker-compose bwrap; do command -v $$tool >/dev/null || \
	  echo "Note: $$tool is not installed, so the tests that need it are skipped (Debian, Ubuntu: sudo apt install $${tool/bwrap/bubblewrap})."; done

lab: setup ## Open the course in JupyterLab; its options go in ARGS="--port 9000"
	@$(BIN)/python -m provisioning.front.command lab $(ARGS)

rehearse: setup ## Run the course's notebooks solved, top to bottom, and print the scoreboard
	@$(BIN)/python -m grading rehearse $(ARGS)

# On four workers (tests/conftest.py says what stays together): two of them mostly wait for clocks and polls. Without
# nbval's plugin, which takes each worker seconds to import; its own tests start it in a process apart.
PYTEST = $(BIN)/python -m pytest -p no:nbval --numprocesses 4 --dist loadgroup --no-loadscope-reorder
# Where the machines' tests lie: collecting all the others takes longer.
MACHINES = tests/emulation tests/labs/serve/ray tests/notebooks tests/provisioning

test: setup test-hint ## Run the tests; pytest's options go in ARGS="-x tests/labs"
	@$(PYTEST) -m 'not machine and not slow' $(ARGS)

test-all: setup test-hint ## Run all tests, what is slow and the machines' too
	@$(PYTEST) $(ARGS)

front-door: setup ## Test what everybody meets first, on this Python: set-up, msl, the ledger, taking a hand-in
	@$(BIN)/python -m provisioning.front.command doctor
	@$(PYTEST) -m 'not machine' tests/test_environment.py tests/test_set_up.py tests/provisioning/front tests/labs/records tests/grading/intake

machines: setup ## Test the machines: each part as a student does it, under each machine's own pins
	@$(PYTEST) -m machine $(MACHINES) $(ARGS)

check: setup ## Lint, format, types, spelling, fresh notebook twins
	@$(BIN)/python -m ruff check . && $(BIN)/python -m ruff format --check . && $(BIN)/python -m mypy && $(BIN)/python -m tests.typed && $(BIN)/python -m codespell_lib && $(BIN)/python -m grading build --check

# Newer versions of all packages but PyTorch and what comes with its builds; nodes have pins of their own.
pins: setup ## Bring all pins but PyTorch's up to date, install them and prove them (make check test)
	@grep -E '^torch(vision)?>=' constraints.txt >$(VENV)/torch.txt
	@$(BIN)/uv pip compile --quiet --upgrade --all-extras --python $(BIN)/python --python-version 3.11 --no-header \
	  --no-annotate --constraint $(VENV)/torch.txt pyproject.toml >$(VENV)/newest.txt
	@{ grep '^#' constraints.txt; grep -vE '^(torch|torchvision|triton|cuda-.*|nvidia-[^m].*)==' $(VENV)/newest.txt \
	  | cat - $(VENV)/torch.txt | LC_ALL=C sort -f; } >$(VENV)/pins.txt
	@mv $(VENV)/pins.txt constraints.txt && git --no-pager diff --stat constraints.txt
	@$(MAKE) setup check test

notebooks: setup ## Build the notebooks from their sources, the page of questions and the course's table
	@$(BIN)/python -m grading build

site: setup ## Build the course's site in build/site; SITE_OUTPUTS=FOLDER takes a kept rehearsal, else all lessons run first
	@$(BIN)/python -m grading site $(if $(SITE_OUTPUTS),--outputs $(SITE_OUTPUTS))

assets: setup ## Rebuild the drawings from their sources and compare them with the manifest (needs npm)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[recipes]'
	@$(BIN)/python -m assets.recipes dataset

emulate: setup ## Run the edge environment as an ARM Cortex-A76 and compare its labels (Debian; a minute or two)
	@$(BIN)/python -m labs edge emulate

containers: setup ## Follow the recipes of Binder, the JupyterHub's image and Gradescope in fresh systems (Debian, root)
	@$(BIN)/python -m tests.emulation.containers $(ARGS)

bench: setup ## Print the benchmark tables of this machine
	@$(BIN)/python -m tests.benchmarks

pictures: setup ## Take README's pictures from a rehearsal; ARGS=FOLDER takes one that was kept
	@$(BIN)/python -m tests.browser.pictures $(ARGS)

grade-demo: setup ## Grade a made-up class of sixty and show its report; ARGS="--sample FOLDER" keeps it
	@$(BIN)/python -m tests.grading.classroom.demo $(ARGS)

clean: ## Remove the environment, caches and built files; your workspace/ stays
	rm -rf $(VENV) .cache build dist .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
