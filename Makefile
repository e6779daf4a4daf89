# Each target does all the set-up it needs on a fresh machine: Python 3.11 or later, Go and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMPILED := $(wildcard predictor/weld_predictor/scoring/*.[ch] predictor/weld_predictor/intake/*.[ch])
RIG_TOOLS := etcd kube-apiserver kube-controller-manager kube-scheduler kubectl caddy helm versitygw kube-score prometheus
# What depends on KServe's resource definitions.
OF_KSERVE := $(wildcard tests/contract/test_kserve_*.py) tests/contract/test_operator_cluster.py tests/e2e/test_any_cluster.py
# Two processes: much of the time a test waits for a server.
IN_TWO := -n 2 --dist loadscope --no-loadscope-reorder --durations 25 --durations-min 5

.PHONY: help setup tools demo test test-minimal test-rest test-long test-fast test-images images audit evaluate fuzz features bench bench-plan simulate-rollouts rollout-interruptions fleet check crd upgrade-report permissions lock clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): .ci/constraints.txt pyproject.toml $(COMPILED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "weldserve needs Python 3.11 or later; set PYTHON=/path/to/python3.11")'
	@echo "Setting up $(VENV) (pinned and checked by hash; about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement .ci/constraints.txt
	@PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(INSTALLED) ## Install the product and its development tools into .venv

tools: setup ## Build etcd, Kubernetes, Helm and the rig's other programs, once for each version (about ten minutes)
	@$(BIN)/python -m tests.sandbox.tools $(RIG_TOOLS)

demo: tools ## Run the whole path on this machine; DEMO_FLAGS=--keep leaves it up
	@$(BIN)/python -m tests.sandbox.demo $(DEMO_FLAGS)

test: tools ## Run all tests
	@$(BIN)/pytest $(IN_TWO) $(PYTEST_FLAGS)

test-minimal: tools ## Run the tests against KServe's definitions again, with those made from its SDK, as on a user's clone
	@WELDSERVE_SANDBOX_SCHEMAS=minimal $(BIN)/pytest $(OF_KSERVE) $(IN_TWO) $(PYTEST_FLAGS)

test-rest: tools ## Count what the operator writes in five minutes at rest
	@WELDSERVE_REST_SECONDS=300 $(BIN)/pytest tests/e2e/test_healing.py -k "at_rest" --timeout 900 $(PYTEST_FLAGS)

test-long: tools ## Run the end-to-end tests that take minutes each: the real autoscaler under load
	@$(BIN)/pytest tests/e2e/long --timeout 900 $(PYTEST_FLAGS)

test-fast: setup ## Run the tests that need no cluster
	@$(BIN)/pytest tests/unit $(PYTEST_FLAGS)

images: setup ## Build both images with buildah, podman or docker; IMAGES_FLAGS=--python-image=NAME
	@$(BIN)/python .ci/images $(IMAGES_FLAGS)

test-images: tools ## Build both images on a base made of Debian's packages, and run them (as root; buildah, mmdebstrap, runc)
	@$(BIN)/pytest tests/images $(PYTEST_FLAGS)

audit: setup ## Look for known vulnerabilities in the pinned packages (asks PyPI's advisory database)
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement .ci/constraints.txt || { \
		echo "Either a package named above is vulnerable, or its advisories cannot be had from here: \"could not be audited\", \"Max retries\"" >&2; exit 1; }

evaluate: setup ## Train the reference bundles and hold them against the truth (about five minutes); EVALUATE_FLAGS=--seed=1
	@test -f build/bundles/2.0.0/manifest.json || $(BIN)/weldserve bundle train-reference --out build/bundles
	@$(BIN)/weldserve evaluate --bundles build/bundles --out build/evaluation.json $(EVALUATE_FLAGS)
	@$(BIN)/weldserve bundle report --bundles build/bundles --evaluation build/evaluation.json --out build/report.png

fuzz: setup ## Send a predictor 10,000 requests that nobody should send; SEED=2 for others
	@$(BIN)/python -m tests.integration.predictor_fuzz --requests=10000 --seed=$(or $(SEED),1)

features: setup ## Compare the features of serving and of training for 1,000,000 readings
	@$(BIN)/python -m tests.integration.feature_equality --readings=1000000

bench: setup ## Measure the predictor beside other model servers (half an hour; the first time it installs them); BENCH_FLAGS="--quick --no-peers"
	@$(BIN)/python -m tests.bench $(BENCH_FLAGS)

bench-plan: setup ## Compare a plan's simulation with the real predictor at four loads (nine minutes, on a quiet machine)
	@$(BIN)/python -m tests.bench.planning

simulate-rollouts: setup ## Simulate 2,000 rollouts of bundles whose truth is known, through the real gates; SIMULATE_FLAGS=--seed=2
	@$(BIN)/python -m tests.simulation.rollouts $(SIMULATE_FLAGS)

rollout-interruptions: tools ## Kill the operator before and after every write of a rollout (10 to 30 minutes); PLANTS=6 operators at once
	@$(BIN)/python -m tests.campaigns.rollout_interruptions --plants=$(or $(PLANTS),6)

fleet: tools ## Let a fleet grow to 2,000 WeldModels in three regions, and measure its operator (an hour); FLEET_FLAGS="--sizes 10 100"
	@$(BIN)/python -m tests.fleet $(FLEET_FLAGS)

check: setup ## Lint, formatting, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

crd: setup ## Write the CRD anew from the types
	@$(BIN)/weldserve crd > manifests/crd/weldmodels.weldserve.io.yaml
	@cp manifests/crd/weldmodels.weldserve.io.yaml charts/weldserve-crds/templates/

upgrade-report: setup ## Say what an upgrade from the last release would restart, and whom a new definition would break
	@$(BIN)/python -m tests.releases.report

permissions: tools ## Write the table of the operator's permissions anew (charts/weldserve/PERMISSIONS.md) from a run of it
	@$(BIN)/python -m tests.permissions.record

lock: setup ## Choose new versions of all dependencies, with hashes
	@$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --all-extras --upgrade \
		--generate-hashes --no-header --no-annotate --no-emit-package weldserve --output-file .ci/constraints.txt

clean: ## Remove all that the targets above made in this folder (the rig's tools stay in the user's cache)
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -rf *.egg-info operator/*.egg-info predictor/*.egg-info predictor/weld_predictor/scoring/*.so
