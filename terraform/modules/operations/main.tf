# The operators' command line inside the project, for a database that has no public address: a job that unpacks an
# archive of these very sources, as named by its SHA-256, and runs one verb. There is no image of ours and no build: the
# image brings Python alone, the archive its packages as wheels (docs/decisions/0015).

locals {
  schedules = { for schedule in var.schedule[*] : "nightly" => schedule }
}

resource "google_cloud_run_v2_job" "main" {
  name                = "micro-batch-${var.name}${var.suffix}"
  deletion_protection = false # it holds nothing
  labels              = var.labels
  location            = var.region

  template {
    task_count = 1

    template {
      encryption_key  = var.kms_key
      max_retries     = 0 # a person, or the next schedule, decides about a second time
      service_account = var.service_account
      timeout         = "3600s"

      containers {
        image   = var.image
        command = ["/bin/sh", "-euc", file("${path.module}/start.sh"), "microbatch"]
        args    = var.words

        dynamic "env" {
          for_each = merge(var.environment, { ARCHIVE_SHA256 = var.archive_sha256, PACKAGES = "/packages" })
          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "env" {
          for_each = var.secrets
          content {
            name = env.key
            value_source {
              secret_key_ref {
                secret  = env.value
                version = "latest"
              }
            }
          }
        }

        resources {
          limits = { cpu = "1", memory = "1Gi" } # its files lie in memory
        }

        volume_mounts {
          mount_path = "/packages"
          name       = "packages"
        }
      }

      volumes {
        name = "packages"
        gcs {
          bucket    = var.bucket
          read_only = true
        }
      }

      dynamic "vpc_access" {
        for_each = var.connector == null && var.network == null ? [] : ["to the database"]
        content {
          connector = var.connector
          egress    = var.network != null && try(var.network.all_traffic, false) ? "ALL_TRAFFIC" : "PRIVATE_RANGES_ONLY"

          dynamic "network_interfaces" {
            for_each = var.network[*]
            content {
              network    = network_interfaces.value.network
              subnetwork = network_interfaces.value.subnetwork
              tags       = network_interfaces.value.tags
            }
          }
        }
      }
    }
  }
}

# Where it has a schedule, it starts itself, as its own account.
resource "google_cloud_run_v2_job_iam_member" "schedule" {
  for_each = local.schedules

  name     = google_cloud_run_v2_job.main.name
  location = var.region
  role     = "roles/run.invoker"
  member   = "serviceAccount:${var.service_account}"
}

resource "google_cloud_scheduler_job" "main" {
  for_each = local.schedules

  name        = "micro-batch-${var.name}${var.suffix}"
  description = "Starts the job of the same name."
  region      = var.region
  schedule    = each.value
  time_zone   = var.time_zone

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/projects/${google_cloud_run_v2_job.main.project}/locations/${var.region}/jobs/${google_cloud_run_v2_job.main.name}:run"

    oauth_token {
      service_account_email = var.service_account
    }
  }

  depends_on = [google_cloud_run_v2_job_iam_member.schedule]
}
