# Deploying, trying the configuration, and going back; included by the Makefile. docs/deploy.md goes through it.
# plan, prepare, deploy and rollback need terraform with access to its provider, and Google credentials.

TERRAFORM ?= terraform
# An environment is terraform/environments/$(ENV).tfvars and, for its state, $(ENV).gcs.tfbackend beside it.
ENV ?= production
# Addresses in the plan whose loss is meant, separated by blanks: each may hold a resource's key in double quotes.
ALLOW ?=
# The hash that `make plan` printed, where it comes from somebody else than build/ (a CI's job before).
PLAN_SHA256 ?=

# Each environment has a data folder of its own, so that a plan of one never meets the state of another.
IN_TERRAFORM := TF_DATA_DIR='.terraform-$(ENV)' $(TERRAFORM) -chdir=terraform
INIT := $(IN_TERRAFORM) init -input=false -backend-config='environments/$(ENV).gcs.tfbackend'
VARIABLES := -var-file='environments/$(ENV).tfvars'
PLAN := build/$(ENV).tfplan
OUTPUTS := build/$(ENV).outputs.json
# The Python of the job's image, where the environment has one: its archive carries the wheels for it.
OPERATIONS = $(shell awk -F '"python3' '/^operations_job *= *{/ { wanted = 1 } /^runtime *=/ { minor = $$2 + 0 } \
  END { if (wanted) print "--operations 3." (minor ? minor : 11) }' 'terraform/environments/$(ENV).tfvars' 2>/dev/null)
PACKAGE = .venv/bin/python -m ops package $(OPERATIONS)
ALLOWED = $(foreach one,$(ALLOW),--allow '$(one)')
# What the verbs need to know of an installation; where that is not to be had, what can be typed without it.
TELL_OUTPUTS = mkdir -p build && $(IN_TERRAFORM) output -json > '$(OUTPUTS)' || { echo 'make $@: of $(ENV) Terraform tells nothing\
 here: after a fresh clone type make plan first, for another environment ENV=NAME. To stop opening batches without it: ./microbatch policy\
 pause; to stop the schedule: gcloud scheduler jobs pause micro-batch-conversion-job --location=REGION' >&2; exit 1; }
REVIEW = $(IN_TERRAFORM) show -json '../$(PLAN)' > '$(PLAN).json' \
  && .venv/bin/python -m ops deploy review $(ALLOWED) --file '$(PLAN)' '$(PLAN).json'

.PHONY: plan prepare deploy smoke rollback-revision rollback lock terraform-tools terraform-test

plan: setup ## Show what a deployment would change (ENV=production); refuses a loss (ALLOW='address address').
	$(PACKAGE)
	$(INIT)
	$(IN_TERRAFORM) plan -input=false $(VARIABLES) -out='../$(PLAN)'
	$(REVIEW)

prepare: setup ## First deployment only: make the secrets, the accounts and, where wanted, database and job (ENV=...).
	$(PACKAGE)
	$(INIT)
	$(IN_TERRAFORM) plan -input=false $(VARIABLES) -out='../$(PLAN)' -target=google_project_service.main \
	  -target=google_secret_manager_secret.main -target=google_secret_manager_secret_version.seed \
	  -target=google_service_account_iam_member.deployer -target=module.database \
	  -target=module.deployer -target=module.operations -target=google_storage_bucket_object.package
	$(REVIEW)
	$(IN_TERRAFORM) apply -input=false '../$(PLAN)'

deploy: setup ## Migrate, apply the very plan that make plan showed, and try it (ENV=..., PLAN_SHA256=...).
	.venv/bin/python -m ops deploy approved $(if $(PLAN_SHA256),--sha256 '$(PLAN_SHA256)') '$(PLAN)'
	$(IN_TERRAFORM) show -json '../$(PLAN)' > '$(PLAN).json'
	.venv/bin/python -m ops deploy migrate '$(PLAN).json'
	$(IN_TERRAFORM) apply -input=false '../$(PLAN)'
	$(MAKE) smoke

smoke: setup ## Try what is deployed: health, then one check through the topic and its row awaited (ENV=...).
	@$(TELL_OUTPUTS)
	.venv/bin/python -m ops deploy smoke '$(OUTPUTS)'

rollback-revision: setup ## Give both functions' traffic back to the revisions that passed their smoke test (ENV=...).
	@$(TELL_OUTPUTS)
	.venv/bin/python -m ops deploy rollback-revision '$(OUTPUTS)'

rollback: setup ## Pause the schedule and list what is pending and in flight (ENV=...).
	@$(TELL_OUTPUTS)
	.venv/bin/python -m ops deploy rollback '$(OUTPUTS)'

lock: setup ## Pin what each function installs, by the hashes of its files (functions/*/requirements.lock).
	$(PYTHON) -m venv build/lock-tools
	build/lock-tools/bin/pip install --quiet --disable-pip-version-check pip-tools==7.6.2
	for folder in functions/*/; do \
	  echo "# What $$(basename $$folder) installs, each file by its hash, without an address: written by \`make lock\`." > build/lock \
	  && build/lock-tools/bin/pip-compile --quiet --generate-hashes --strip-extras --no-header --no-annotate \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --constraint requirements/constraints.txt \
	    --output-file build/hashes $$folder/requirements.txt \
	  && cat build/lock build/hashes > $$folder/requirements.lock || exit 1; \
	done

terraform-tools: .venv-checkov/.installed ## Install checkov into .venv-checkov, for the tests of terraform/.

terraform-test: setup terraform-tools ## Try the configuration: plan to destroy, its tests, checkov.
	.venv/bin/python -m pytest -m 'long or not long' tests/terraform

.venv-checkov/.installed: requirements/checkov.txt
	$(PYTHON) -m venv --clear .venv-checkov
	.venv-checkov/bin/pip install --quiet --disable-pip-version-check --requirement requirements/checkov.txt
	touch $@
