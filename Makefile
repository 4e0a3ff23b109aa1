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

# `quick` leaves these out: they load PyTorch, wait for clocks, start processes or go through many real videos.
SLOW := docs/test_expectations.py exits export fuzz parity \
	sdk/annotation sdk/batch sdk/cli/test_evaluate.py sdk/cli/test_event_evaluation.py sdk/cli/test_region.py \
	sdk/cli/test_watch.py sdk/cli/test_verify.py sdk/concurrency/test_forks.py sdk/diagnostics sdk/evaluation \
	sdk/explanation sdk/figures sdk/fitting sdk/live sdk/runtime/test_cuda.py sdk/temporal/test_timeline.py \
	sdk/cli/test_predict.py sdk/pages/test_reports.py sdk/test_examples.py sdk/test_huggingface.py sdk/test_hub.py \
	sdk/test_imports.py sdk/test_package.py sdk/test_pickling.py sdk/test_portability.py sdk/test_region.py \
	sdk/test_versions.py sdk/video/test_broken_off.py sdk/video/test_decoder_check.py sdk/video/test_edit_lists.py \
	sdk/video/test_ffmpeg_messages.py sdk/video/test_given_file.py sdk/video/test_packet_contents.py sdk/video/test_quiet.py \
	sdk/watch sdk/web sdk/video/test_cases.py sdk/video/test_doors.py sdk/video/test_http_file.py sdk/video/test_matrix.py \
	sdk/video/test_odd_videos.py sdk/video/test_picture_size.py sdk/video/test_reader.py sdk/video/test_remote.py \
	sdk/video/test_source.py \
	train/audit train/bases train/cli train/data train/hybrid train/model train/output train/test_finetune.py train/test_motion_dataset.py \
	train/preflight train/test_bases.py train/test_preparation.py train/test_pretrain.py train/test_region.py \
	train/test_known_to_base.py train/test_teacher_run.py train/trainer test_held_out.py

# Where tests marked `clock` are: collecting all others too takes longer than several of them.
CLOCK = $(shell grep -rlF mark.clock --include='test_*.py' tests)

# Environments of other versions, beside .venv, each with PyTorch's CUDA libraries: remove them when they have served.
LOWEST := .venv-lowest
NEWEST := .venv-newest
# What `dist` needs, a hundredth of .venv: whoever wants a wheel for a device or a container needs no PyTorch.
PACKAGING := .venv-packaging
# Any number of interpreters for test-pythons: make test-pythons PYTHONS="/opt/python3.10/bin/python python3.13"
PYTHONS ?= python3.10 python3.11 python3.12 python3.13
# Where test-arm64 keeps its Debian, between runs too.
export ARM64_ROOT ?= .arm64

.PHONY: help demo check quick format lint types docs test test-lowest test-newest test-pythons test-arm64 lean coverage \
	dist bench tour hooks clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: $(INSTALLED) ## Make a motion dataset, train on it, export, verify and predict, in .demo (minutes on 2 cores)
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

check: lint types docs test ## All that has to hold before a change is handed in; .ci/run calls it

quick: lint types ## What to run after each change: style, types and the tests that are over at once (under a minute)
	@$(BIN)/python -m pytest -q -n auto --dist worksteal $(SLOW:%=--ignore=tests/%) \
		-k 'not (test_docstrings and (vidcls_train or vidcls_export)) and not torchs_bit_for_bit'

format: $(INSTALLED) ## Put the code into shape, and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

lint: $(INSTALLED) ## Check format and style
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check

types: $(INSTALLED) ## Check types, of tests and examples too
	@# Beside it, with the oldest Python that the SDK runs on: each run keeps one CPU busy.
	@$(BIN)/mypy --python-version 3.10 sdk tests/sdk examples & oldest=$$!; \
		$(BIN)/mypy; newest=$$?; wait $$oldest && exit $$newest

docs: $(INSTALLED) ## Build the pages for people into site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# VIDCLS_FULL_MATRIX=1 adds every codec in every container, VIDCLS_SLOW_TESTS=1 long waits and many repetitions.
test: $(INSTALLED) ## Run the tests; with VIDCLS_REQUIRE_CUDA=1 those that need a card must run too
	@$(BIN)/python -m pytest -m clock $(CLOCK)
	@$(BIN)/python -m pytest -m 'not clock' -n auto --dist worksteal

# Warnings are errors with the tested versions only: others deprecate other things.
test-lowest: $(LOWEST)/.installed ## Run the tests with the lowest versions that pyproject.toml allows, in .venv-lowest
	@$(LOWEST)/bin/python -m pytest -W default -m clock $(CLOCK)
	@$(LOWEST)/bin/python -m pytest -W default -m 'not clock' -n auto --dist worksteal

# Optimum, which exports, holds transformers below 4.58: what does not export is tested with the newest first.
test-newest: ## Run the tests with the newest versions that there are, in .venv-newest
	@$(PYTHON) -m venv --clear $(NEWEST)
	@$(NEWEST)/bin/python -m pip install -qq --upgrade -e '.[cpu,av,openvino,train,ray,test]' onnx
	@.ci/headless.sh $(NEWEST)
	@$(NEWEST)/bin/python -m pytest -W default -n auto --dist worksteal tests/sdk tests/train tests/parity
	@$(NEWEST)/bin/python -m pip install -qq --upgrade -e '.[cpu,av,live,openvino,train,export,ray,test]'
	@$(NEWEST)/bin/python -m pytest -W default -n auto --dist worksteal tests/export tests/sdk tests/parity

test-pythons: dist lean ## Install the wheel with each of PYTHONS, without PyTorch, and compare its answers
	@set -e; for python in $(PYTHONS); do \
		.ci/lean.sh $$python .venv-$$($$python -c 'import platform; print(platform.python_version())'); done

test-arm64: dist lean ## The same on a Debian for ARM64, emulated; needs root, debootstrap and qemu-user-static
	@.ci/arm64.sh

lean: $(INSTALLED) ## Make the models and answers that test-pythons and test-arm64 compare with, in .lean
	@$(BIN)/python .ci/lean.py make .lean

coverage: $(INSTALLED) ## Run the tests and print how much of each room they run
	@$(BIN)/python -m pytest -m clock $(CLOCK) --cov --cov-report=
	@$(BIN)/python -m pytest -m 'not clock' -n auto --dist worksteal --cov --cov-append --cov-report=
	@$(BIN)/python .ci/coverage_by_room.py

tour: $(INSTALLED) ## Run the notebook from top to bottom in short form
	@VIDCLS_SLOW_TESTS=1 $(BIN)/python -m pytest tests/docs/test_tour.py -k top_to_bottom

# The wheel is built from the unpacked source distribution. Both hold no times but SOURCE_DATE_EPOCH's, or 2020's.
dist: $(PACKAGING)/.installed ## Build the source distribution and from it the wheel, into dist, and check both
	@rm -rf dist
	@$(PACKAGING)/bin/python -m build --no-isolation
	@$(PACKAGING)/bin/python -m twine check --strict dist/*

bench: $(INSTALLED) ## Time an exported model beside PyTorch, pixels and decoding beside other libraries
	@$(BIN)/python tests/benchmarks/run.py
	@$(BIN)/python tests/benchmarks/preprocessing.py
	@$(BIN)/python tests/benchmarks/decoding.py

hooks: $(INSTALLED) ## Let git check format, style and types before each commit
	@$(BIN)/pre-commit install

clean: ## Remove what the other targets leave, but for .venv
	@rm -rf .demo .lean build dist site .coverage .pytest_cache .ruff_cache .mypy_cache
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

$(LOWEST)/.installed: pyproject.toml .ci/constraints-lowest.txt
	@$(PYTHON) -m venv --clear $(LOWEST)
	@$(LOWEST)/bin/python -m pip --disable-pip-version-check install -qq -c .ci/constraints-lowest.txt \
		-e '.[cpu,av,live,openvino,train,export,ray,test]'
	@.ci/headless.sh $(LOWEST) -c .ci/constraints-lowest.txt
	@touch $@

$(PACKAGING)/.installed: pyproject.toml .ci/constraints.txt
	@$(PYTHON) -m venv --clear $(PACKAGING)
	@$(PACKAGING)/bin/python -m pip --disable-pip-version-check install -qq -c .ci/constraints.txt \
		build hatchling twine 'readme-renderer[md]'
	@touch $@

# opencv-python needs libGL and X libraries, which servers lack and a user cannot install; its headless twin does not.
$(INSTALLED): pyproject.toml .ci/constraints.txt | $(BIN)/python
	@echo "installing what vidcls needs into .venv (PyTorch is large: this can take minutes)"
	@$(PIP) uninstall -qq --yes $(OTHER_RUNTIME)
	@$(PIP) install -qq -c .ci/constraints.txt -e '.[$(RUNTIME),train,export,dev]'
	@.ci/headless.sh .venv -c .ci/constraints.txt
	@rm -f .venv/.installed*
	@touch $@
