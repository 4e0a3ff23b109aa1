# What people and CI run. Every target makes .venv first if it has to, with the versions in .ci/constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
# Otherwise PyTorch's threads wait for each other in a loop: where another process takes a CPU, many times slower.
export OMP_WAIT_POLICY ?= passive
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Both packages are the module onnxruntime, so an environment has one of them: make VIDCLS_REQUIRE_CUDA=1 test
RUNTIME := $(if $(filter 1,$(VIDCLS_REQUIRE_CUDA)),gpu,cpu)
OTHER_RUNTIME := $(if $(filter gpu,$(RUNTIME)),onnxruntime,onnxruntime-gpu)
INSTALLED := .venv/.installed-$(RUNTIME)
export VIDCLS_REQUIRE_CUDA

# `quick` leaves these out: they train, export, wait for clocks, start processes or go through many real videos.
SLOW := exits fuzz parity \
	export/graph export/test_architectures.py export/test_cli.py export/test_corruption.py export/test_exporter.py \
	export/test_huggingface.py export/test_parity.py export/test_triton.py export/precision \
	sdk/batch sdk/concurrency/test_forks.py sdk/diagnostics sdk/live sdk/runtime/test_cuda.py sdk/test_examples.py sdk/test_huggingface.py \
	sdk/video/test_matrix.py sdk/video/test_odd_videos.py sdk/video/test_source.py \
	train/audit train/cli train/model train/test_finetune.py train/test_motion_dataset.py \
	train/test_pretrain.py train/trainer/test_distributed.py

.PHONY: help demo check quick format lint types docs test coverage dist bench hooks clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

demo: $(INSTALLED) ## Make a motion dataset, train on it, export, verify and predict, in .demo (minutes on 2 cores)
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

check: lint types docs coverage ## All that has to hold before a change is handed in; .ci/run calls it

quick: lint types ## What to run after each change: style, types and the tests that are over at once (under a minute)
	@$(BIN)/python -m pytest -q -n auto --dist worksteal $(SLOW:%=--ignore=tests/%)

format: $(INSTALLED) ## Put the code into shape, and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

lint: $(INSTALLED) ## Check format and style
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check

types: $(INSTALLED) ## Check types, of tests and examples too
	@$(BIN)/mypy

docs: $(INSTALLED) ## Build the pages for people into site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# VIDCLS_FULL_MATRIX=1 adds every codec in every container, VIDCLS_SLOW_TESTS=1 long waits and many repetitions.
test: $(INSTALLED) ## Run the tests; with VIDCLS_REQUIRE_CUDA=1 those that need a card must run too
	@$(BIN)/python -m pytest -m clock
	@$(BIN)/python -m pytest -m 'not clock' -n auto --dist worksteal

coverage: $(INSTALLED) ## Run the tests and print how much of each room they run
	@$(BIN)/python -m pytest -m clock --cov --cov-report=
	@$(BIN)/python -m pytest -m 'not clock' -n auto --dist worksteal --cov --cov-append --cov-report=
	@$(BIN)/python .ci/coverage_by_room.py

dist: $(INSTALLED) ## Build the wheel into dist
	@rm -rf dist
	@$(BIN)/python -m build --wheel --no-isolation

bench: $(INSTALLED) ## Time an exported model beside PyTorch, pixels and decoding beside other libraries
	@$(BIN)/python tests/benchmarks/run.py
	@$(BIN)/python tests/benchmarks/preprocessing.py
	@$(BIN)/python tests/benchmarks/decoding.py

hooks: $(INSTALLED) ## Let git check format, style and types before each commit
	@$(BIN)/pre-commit install

clean: ## Remove what the other targets leave, but for .venv
	@rm -rf .demo build dist site .coverage .pytest_cache .ruff_cache .mypy_cache
	@find examples export sdk tests train -name __pycache__ -type d -prune -exec rm -rf {} +

# PyTorch for Linux brings its CUDA libraries: .venv takes 7.2 GB, and pip tells of a full disk only after minutes.
# Debian splits off the part of Python that brings pip into a new environment; an outer pip can do that too.
$(BIN)/python:
	@df -Pk . | awk 'NR == 2 && $$4 < 7500000 { \
		printf "%.1f GB are free here, .venv needs 7.5: make room and run make again\n", $$4 / 1e6; exit 1 }'
	@echo "making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11, 4) else "Python 3.11.4 or newer is needed: make PYTHON=python3.11")'
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { \
		$(PYTHON) -m venv --clear --without-pip .venv && \
		$(PYTHON) -m pip -qq --disable-pip-version-check --python .venv install pip; \
	} || { rm -rf .venv; exit 1; }

# opencv-python needs libGL and X libraries, which servers lack and a user cannot install; its headless twin does not.
$(INSTALLED): pyproject.toml .ci/constraints.txt | $(BIN)/python
	@echo "installing what vidcls needs into .venv (PyTorch is large: this can take minutes)"
	@$(PIP) uninstall -qq --yes $(OTHER_RUNTIME)
	@$(PIP) install -qq -c .ci/constraints.txt -e '.[$(RUNTIME),train,export,dev]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		echo "no libGL here: opencv-python-headless takes the place of opencv-python" && \
		$(PIP) uninstall -qq --yes opencv-python && \
		$(PIP) install -qq -c .ci/constraints.txt opencv-python-headless && \
		$(BIN)/python -c 'import cv2'; \
	}
	@rm -f .venv/.installed*
	@touch $@
