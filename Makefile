# Every target installs what it needs first; see `make help`.

PYTHON ?= python3
PAYMENTS ?= sandbox/demo/payments.csv
export PAYMENTS
SANDBOX_ARGS ?=
PYTEST_ARGS ?= -n 2
SEEDS ?= 1000
SIMULATE_ARGS ?=
BENCH_ARGS ?=
MUTANTS_ARGS ?= --sample 500

REQUIREMENTS := requirements/constraints.txt requirements/dev.txt $(wildcard functions/*/requirements.txt)
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup hooks lint format test long drills simulate mutants bench demo sandbox functions schema operate screenshots migrate package clean

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make .venv with the pinned packages (Python 3.11+; PYTHON=python3.12 picks one).

$(INSTALLED): $(REQUIREMENTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'make setup: Python 3.11 or newer is needed, as $(PYTHON) or by make PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo 'make setup: $(PYTHON) lacks venv or ensurepip (on Debian and Ubuntu: apt install python3-venv)' >&2; exit 1; }
	$(PYTHON) -m ops.command_line.venv

hooks: setup ## Let git run `make lint` before each commit and the unit tests before each push.
	.venv/bin/prek install

lint: setup ## Check style, formatting, types, and that migrations hold nobody up.
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/squawk --config ops/schema/squawk.toml ops/migrations/*.sql
	.venv/bin/mypy

format: setup ## Rewrite the Python files as `make lint` wants them.
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format

test: setup ## Run every test but the long ones (PYTEST_ARGS='tests/unit -x' to choose).
	.venv/bin/python -m pytest $(PYTEST_ARGS)

long: setup ## Run what `make test` leaves out: drills, loads, backlogs; some half an hour.
	.venv/bin/python -m pytest -m long $(PYTEST_ARGS)

drills: setup ## Play every drill of docs/drills.md as it is written, some ten minutes.
	.venv/bin/python -m pytest -m 'long or not long' tests/e2e/test_drills.py

simulate: setup ## Drive the real code through SEEDS=1000 seeded histories of a faulty world.
	.venv/bin/python -m tests.simulation --seeds $(SEEDS) $(SIMULATE_ARGS)

mutants: setup ## Change the code in 500 small ways and see that a test notices each (MUTANTS_ARGS='--module shared/model/money.py').
	.venv/bin/python -m tests.mutants $(MUTANTS_ARGS)

bench: setup ## Measure everything beside its limit; nothing is written without --keep (BENCH_ARGS='--sizes 10 1000 --history 20000').
	.venv/bin/python -m tests.bench $(BENCH_ARGS)

demo: setup ## Play payments through the whole flow and print the account (PAYMENTS=file.csv).
	@.venv/bin/python -m sandbox demo "$$PAYMENTS"

sandbox: setup ## Keep the same world running, to type into (SANDBOX_ARGS=--short: for drills; --chain: with a chain; SANDBOX_GCHOSTPAY1_URL, SANDBOX_GCACCUMULATOR_URL: services of your own).
	@.venv/bin/python -m sandbox run $(SANDBOX_ARGS)

functions: setup ## Serve both functions from this tree, against the running sandbox.
	@.venv/bin/python -m sandbox functions

schema: setup ## Write docs/reference/schema.md anew, from a database made for it.
	.venv/bin/python -m tests.ops.schema.schema_page

operate: setup ## Write docs/operate.md anew, its sessions played in a world of their own.
	.venv/bin/python -m tests.ops.operate.sessions

screenshots: setup ## Take docs/screenshots anew, with a Chromium, from a month of made-up records.
	.venv/bin/python -m tests.ops.pages.screenshots

migrate: setup ## Bring the database of DATABASE_URL, or of the Cloud SQL settings, up to date.
	.venv/bin/python -m ops migrate

package: setup ## Build build/<function>.zip, the same bytes each time.
	.venv/bin/python -m ops package

clean: ## Remove .venv, build/ and the tools' caches.
	rm -rf .venv .venv-checkov .venv.lock build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -type d -name __pycache__ -prune -exec rm -rf {} +

include ops/deployment/terraform.mk
