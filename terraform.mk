# Deploying, trying the configuration, and going back; included by the Makefile. docs/deploy.md goes through it.
# plan, prepare, deploy and rollback need terraform with access to its provider, and Google credentials.

TERRAFORM ?= terraform
TFVARS ?= terraform.tfvars
ALLOW ?=

IN_TERRAFORM := $(TERRAFORM) -chdir=terraform

.PHONY: plan prepare deploy smoke rollback terraform-tools terraform-test

plan: package ## Show what a deployment would change (TFVARS=terraform.tfvars); refuses a loss (ALLOW=address).
	$(IN_TERRAFORM) init -input=false
	$(IN_TERRAFORM) plan -input=false -var-file='$(TFVARS)' -out=../build/plan.tfplan
	$(IN_TERRAFORM) show -json ../build/plan.tfplan > build/plan.json
	.venv/bin/python -m ops deploy review $(if $(ALLOW),--allow '$(ALLOW)') build/plan.json

prepare: setup ## First deployment only: make the secrets (empty) and, if none is named, the database.
	$(IN_TERRAFORM) init -input=false
	$(IN_TERRAFORM) apply -input=false -var-file='$(TFVARS)' -target=google_project_service.main \
	  -target=google_secret_manager_secret.main -target=module.database

deploy: plan ## Package, migrate, apply and try it: health, then one check through the topic.
	$(MAKE) migrate
	$(IN_TERRAFORM) apply -input=false ../build/plan.tfplan
	$(MAKE) smoke

smoke: setup ## Try what is deployed: health, then one check through the topic and its row awaited.
	@mkdir -p build
	$(IN_TERRAFORM) output -json > build/outputs.json
	.venv/bin/python -m ops deploy smoke build/outputs.json

rollback: setup ## Pause the schedule and list what is pending and in flight.
	@mkdir -p build
	$(IN_TERRAFORM) output -json > build/outputs.json
	.venv/bin/python -m ops deploy rollback build/outputs.json

terraform-tools: .venv-checkov/.installed ## Install checkov into .venv-checkov, for the tests of terraform/.

terraform-test: setup terraform-tools ## Try the configuration: plan to destroy, its tests, checkov.
	.venv/bin/python -m pytest tests/terraform

.venv-checkov/.installed: requirements-checkov.txt
	$(PYTHON) -m venv --clear .venv-checkov
	.venv-checkov/bin/pip install --quiet --disable-pip-version-check --requirement requirements-checkov.txt
	touch $@
