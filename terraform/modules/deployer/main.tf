# Who deploys from a CI, without a key that could leak: GitHub's own tokens are exchanged for a short-lived one. A plan
# may be made by any job of the repository and only reads; applying is for jobs of one environment, to which the
# repository's owners attach reviewers.

locals {
  identities = {
    deployer = {
      about   = "Applies a reviewed plan; jobs of one environment of the repository act as it."
      members = "attribute.deploys/${var.repository}/${var.environment}"
      roles = [
        "roles/artifactregistry.admin", "roles/cloudfunctions.developer", "roles/cloudscheduler.admin",
        "roles/cloudsql.client", "roles/cloudtasks.admin", "roles/eventarc.admin", "roles/iam.roleAdmin",
        "roles/iam.serviceAccountAdmin", "roles/logging.configWriter", "roles/logging.viewer", "roles/monitoring.editor",
        "roles/pubsub.admin", "roles/resourcemanager.projectIamAdmin", "roles/run.admin", "roles/secretmanager.admin",
        "roles/serviceusage.serviceUsageAdmin", "roles/storage.admin",
      ]
    }
    planner = {
      about   = "Plans a change and looks for drift; any job of the repository acts as it."
      members = "attribute.repository/${var.repository}"
      roles   = ["roles/iam.securityReviewer", "roles/secretmanager.viewer", "roles/viewer"]
    }
  }
}

resource "google_service_account" "main" {
  for_each = local.identities

  account_id   = "micro-batch-${each.key}${var.suffix}"
  display_name = "Micro-batch conversion: ${each.key}"
  description  = each.value.about
}

resource "google_project_iam_member" "main" {
  for_each = merge([
    for name, identity in local.identities : { for role in identity.roles : "${name}/${role}" => { name = name, role = role } }
  ]...)

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.main[each.value.name].member
}

resource "google_iam_workload_identity_pool" "main" {
  workload_identity_pool_id = "micro-batch-ci${var.suffix}"
  display_name              = "Micro-batch conversion: CI"
  description               = "Jobs of ${var.repository}."
}

resource "google_iam_workload_identity_pool_provider" "github" {
  # checkov:skip=CKV_GCP_125:The condition names one repository, whose form the variable's validation holds it to; the rule does not read it through a variable.
  workload_identity_pool_id          = google_iam_workload_identity_pool.main.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  # Without it jobs of every repository on GitHub would be admitted.
  attribute_condition = "assertion.repository == '${var.repository}'"
  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.deploys"    = "assertion.repository + '/' + (has(assertion.environment) ? assertion.environment : '')"
    "attribute.repository" = "assertion.repository"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "main" {
  for_each = local.identities

  service_account_id = google_service_account.main[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.main.name}/${each.value.members}"
}
