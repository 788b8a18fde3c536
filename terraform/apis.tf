# The services that the configuration calls. cloudresourcemanager and serviceusage have to be on before the first
# plan (docs/deploy.md); everything else is switched on here and stays on when the configuration is destroyed, since
# other services of the project may use it.

locals {
  apis = setunion(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "cloudscheduler.googleapis.com",
      "cloudtasks.googleapis.com",
      "eventarc.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "pubsub.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "sqladmin.googleapis.com",
      "storage.googleapis.com",
    ],
    var.vpc_connector == null ? [] : ["vpcaccess.googleapis.com"],
    var.private_network == null ? [] : ["servicenetworking.googleapis.com"],
  )
}

resource "google_project_service" "main" {
  for_each = local.apis

  project            = var.project_id
  service            = each.key
  disable_on_destroy = false
}
