# One command each; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := constraints.txt
STAMP := $(VENV)/.installed
DATA := $(or $(VP_DATA_DIR),data)
MOVIEPY := moviepy-2.2.1.tar.gz

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format docs check-docs lock image images test-cluster bench bench-gpu clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with oriane and its tools in it

$(STAMP): pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: apt-get install python3, or PYTHON=/path/to/python3 make setup"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
		{ echo "Python cannot make environments: apt-get install python3-venv"; exit 1; }
	@echo "installing into $(VENV) (some minutes the first time)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint $(LOCK) --editable '.[dev]'
	@touch $@

demo: setup $(DATA)/packages/$(MOVIEPY) ## run everything on real videos, search them, draw a contact sheet
	$(BIN)/oriane demo --packages $(DATA)/packages

# The source package of moviepy carries a real trailer of 55 s; without it the demo does with less.
$(DATA)/packages/$(MOVIEPY): | $(STAMP)
	@mkdir -p $(@D)
	-@$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --no-binary moviepy \
		--dest $(@D) moviepy==2.2.1

bench: setup $(DATA)/packages/$(MOVIEPY) ## measure against others; ARGS=--help says what else
	$(BIN)/python -m benchmarks --packages $(DATA)/packages --folder $(DATA)/bench $(ARGS)

test: setup ## run the tests
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

docs: setup ## render .env.example and the reference pages
	$(BIN)/python -m workflows.reference

check-docs: setup ## fail if a rendered file is stale
	$(BIN)/python -m workflows.reference --check

lint: setup ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## apply the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## resolve constraints.txt and images/requirements anew (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --quiet \
		--no-annotate --no-emit-find-links --no-header --upgrade --output-file $(LOCK)
	images/lock

image: ## build the image of a phase, PHASE=crop [VARIANT=cuda]; images/build --help says more
	@images/build $(PHASE)

images: ## build the images of all phases
	@images/build all

CLUSTER_LOAD ?= kind load docker-image
test-cluster: setup ## run the pipeline on a real cluster (docs/cluster.md)
	REGISTRY=localhost MODEL=packaged:conse images/build all
	@for component in $$($(BIN)/python -c 'from components.contract import COMPONENTS; print(*COMPONENTS)'); do \
		$(CLUSTER_LOAD) localhost/oriane-$$component:0.1.0 || exit 1; done
	ORIANE_CLUSTER_TESTS=1 $(BIN)/pytest -v tests/cluster $(ARGS)

bench-gpu: setup ## measure the model, the embed phase and the codecs on this machine's GPU
	$(BIN)/python -m benchmarks.gpu $(ARGS)

clean: ## remove the environment and all data of local runs
	rm -rf $(VENV) $(DATA)
