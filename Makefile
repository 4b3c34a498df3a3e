# The commands of Ganvas; `make help` lists them. Needed: make, git and Python 3.11 or later.

HOST ?= 127.0.0.1
PORT ?= 7860
MLFLOW_PORT ?= 5000
DATA ?= data/painter
MINUTES ?= 5
RECIPE ?= painter
STYLIST ?= stylist
STEPS ?= 400
RANKS ?= 2
LANES ?= 2

# The first of these that is 3.11 or later makes the environment.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && echo $$python && break; done)

READY := .venv/.ready
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true

# DVC asks for git, or to be told that there is none.
DVC := { git rev-parse --git-dir >/dev/null 2>&1 || dvc config --local core.no_scm true; } && dvc

LANE_THREADS = $$(( ($$(getconf _NPROCESSORS_ONLN) + $(LANES) - 1) / $(LANES) ))

.DEFAULT_GOAL := help
.PHONY: help setup repro zoo train-distributed demo app promote rollback registry-sync test check bench bench-serve quality ablations mlflow clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

setup: $(READY) ## Make .venv and install the pinned versions
	@:

repro: $(READY) ## Run the pipeline: dvc repro of the recipes in params.yaml
	@$(DVC) repro

# Small networks leave processors idle, so LANES recipes train at once; what `evaluate` times has the machine to itself.
zoo: $(READY) zoo/dvc.yaml ## Run the pipeline of all recipes in zoo/params.yaml, LANES at once: 23 minutes on two cores
	@$(DVC) stage list --name-only zoo/dvc.yaml | grep :export@ | \
		OMP_NUM_THREADS=$${OMP_NUM_THREADS:-$(LANE_THREADS)} xargs -P $(LANES) -n 1 dvc --wait-for-lock repro
	@$(DVC) repro zoo/dvc.yaml
	@python -m pipeline compare --params zoo/params.yaml --out reports/zoo.md
	@echo "Look at the models with: python -m demo --models zoo/models"

zoo/dvc.yaml: zoo/stages.yaml
	@cp $< $@

train-distributed: $(READY) ## Train RECIPE in RANKS processes that share each batch, gloo on CPUs, NCCL on GPUs
	@$(DVC) repro prepare@$(RECIPE)
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} torchrun --standalone --nproc-per-node $(RANKS) -m pipeline train $(RECIPE)

demo: repro ## Run the pipeline, then open the page on http://HOST:PORT
	@python -m demo --host $(HOST) --port $(PORT) --open

app: $(READY) ## Open the page alone, with the models that are there
	@python -m demo --host $(HOST) --port $(PORT)

promote: $(READY) ## Make the model of RECIPE champion, if it is committed and the gate lets it pass
	@python -m pipeline promote $(RECIPE)

rollback: $(READY) ## Make the champion before the last one champion of RECIPE again
	@python -m pipeline rollback $(RECIPE)

registry-sync: $(READY) ## Make MLflow's registry say what champions.yaml says, rebuilding what it lacks
	@python -m pipeline registry-sync

test: $(READY) ## Run the whole test suite, the browser test included
	@python -m pytest --numprocesses auto --dist worksteal

check: $(READY) ## Run ruff, mypy and import-linter
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports

bench: $(READY) ## Measure models, steps, decoding and the pipeline as committed, after make repro
	@python bench/run.py

bench-serve: $(READY) ## Put the engine under load, beside torch eager behind the same endpoint
	@python bench/serve.py

quality: $(READY) ## Draw quality against time, after make repro: the painter's recipe beside the plain DCGAN (DATA, MINUTES)
	@python bench/quality.py $(DATA) --minutes $(MINUTES)

ablations: $(READY) ## Train a stylizing recipe without one term of its objective at a time, side by side (STYLIST, STEPS)
	@python bench/ablations.py $(STYLIST) --steps $(STEPS)

mlflow: $(READY) ## Open MLflow's page on the embedded store, on http://127.0.0.1:MLFLOW_PORT
	@env -u MLFLOW_TRACKING_URI -u DVC_ROOT python -c "from pipeline.store import connect; connect()"
	@echo "MLflow's page will be on http://127.0.0.1:$(MLFLOW_PORT) in a moment; Ctrl-C ends it"
	@PYTHONWARNINGS=ignore MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow server --host 127.0.0.1 \
		--port $(MLFLOW_PORT) --workers 1 --uvicorn-opts "--log-level critical" \
		--backend-store-uri "sqlite:///$(CURDIR)/.mlflow/mlflow.db" \
		--default-artifact-root "file://$(CURDIR)/.mlflow/artifacts"

clean: ## Remove .venv and all caches; data, models and reports stay
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): constraints.txt pyproject.toml tools/install.py
	@test -n "$(PYTHON)" || { echo "Ganvas needs Python 3.11 or later; install it, or say make PYTHON=/path/to/python." >&2; exit 1; }
	@test -x .venv/bin/python || "$(PYTHON)" -m venv .venv
	@.venv/bin/python tools/install.py
	@touch $@
