# make demo   the whole workflow on eight synthetic patients, on a CPU
# make test   linters, types, tests
# make test-long   tests with real scans and HD-BET, too long to run at every change
# make phantom-study   proof of learning: 92 synthetic patients through the workflow, all models, hours
# make learning        share of what can be known, 64 patients straight from the generator, hours
# make phantom-study-proportions   networks in the paper's proportions, most of a day
# make test-slurm   a small study on a real one-node Slurm (root; SKIP_SLURM=reason skips it)
# All of them set up .venv first (make setup).

PYTHON ?= python3
CORES ?= $(shell nproc)
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Pure Python that its authors publish without wheels; everything else comes as wheels.
SOURCE_ONLY := acvl_utils,connection_pool,HD_BET

DEMO := --profile workflow/profiles/local --configfile config/demo/config.yaml
# Small volumes and networks: two jobs side by side are faster than two threads in one.
SMALL := --set-threads train_model=1 predict_test=1 occlusion_map=1 \
         predict_arrival=1 occlusion_arrival=1 occlusion_cubes=1 occlusion_control=1 \
         dose_counterfactual=1 \
         --resources gpu=$(CORES)
PHANTOMS := resources/phantoms
STUDY := --profile workflow/profiles/local --configfile config/phantoms/config.yaml
# A test that is skipped for a reason that this table does not hold fails the run.
SKIPS := --expected-skips tests/expected_skips.tsv
EVALUATION := results/phantoms/cohorts/phantoms/evaluation/metrics.tsv

LEARNING := python benchmarks/learning.py --out results/learning
PROPORTIONS := intensity/postop/proportions intensity/dose/proportions \
               intensity/postop-event-dose/proportions

.PHONY: setup demo phantom-study learning phantom-study-proportions test test-long test-slurm lint types unit clean-demo

setup: $(VENV)/ready

$(VENV)/ready: envs/requirements.lock pyproject.toml
	@echo "Setting up $(VENV) (about 3 GB, a few minutes the first time)"
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --only-binary :all: --no-binary $(SOURCE_ONLY) -r envs/requirements.lock
	pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: setup
	ricenet phantom --out $(PHANTOMS) --subjects 8 --seed 7 --scale 2 --canvas-mm 2 --processes $(CORES)
	snakemake $(DEMO) $(SMALL) --cores $(CORES)
	@echo
	@echo "The report: results/demo/cohorts/demo/report/index.html"

# Not the report: docs/results-phantom.md needs no occlusion maps.
phantom-study: setup
	@echo "Expected: 92 patients of about 60 s and 35 trainings of about 150 s of one core: 3 hours"
	ricenet phantom --out resources/phantom-study --subjects 92 --seed 7 --scale 1.5 --canvas-mm 2 --processes $(CORES)
	snakemake $(EVALUATION) $(STUDY) $(SMALL) --cores $(CORES)
	@echo
	@echo "The table: $(EVALUATION)"

# Both print their cost first, and go on where they were stopped: ROWS='shape/postop/*' picks rows.
learning: setup
	$(LEARNING) $(if $(ROWS),--rows $(ROWS))

phantom-study-proportions: setup
	$(LEARNING) --rows $(PROPORTIONS)

# Linters beside the type checker, then the tests, which need all cores.
test: setup
	$(MAKE) --jobs=2 --output-sync=target lint types
	$(MAKE) unit

lint:
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	lint-imports
	snakemake --lint $(DEMO)

types:
	mypy

# In parallel with one thread each; then what runs the workflow on the whole machine.
unit:
	OMP_NUM_THREADS=1 pytest -n $(CORES) --dist loadfile --no-loadscope-reorder -m "not whole_machine and not long" --durations=10 $(SKIPS)
	pytest tests/workflow -m "whole_machine and not long" --durations=10 $(SKIPS)

test-long: setup
	pytest -m long --durations=10 $(SKIPS)

test-slurm: setup
	SKIP_SLURM="$(SKIP_SLURM)" pytest --durations=3 tests/workflow/slurm_study.py

clean-demo:
	rm -rf results/demo $(PHANTOMS)
