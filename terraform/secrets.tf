# No secret value passes through Terraform. Operators add the versions of what is secret; written here are only the
# values that are not: the initial threshold and policy, and the three names and addresses that GCHostPay1 reads.

locals {
  operator_secrets = [
    "CHANGENOW_API_KEY",
    "DATABASE_NAME_SECRET",
    "DATABASE_PASSWORD_SECRET",
    "DATABASE_USER_SECRET",
    "HOST_WALLET_ETH_ADDRESS",
    "HOST_WALLET_USDT_ADDRESS",
    "SUCCESS_URL_SIGNING_KEY",
  ]

  # Operators change these two at any time: only the first version is written, and never into a secret that has others.
  seeds = {
    MICRO_BATCH_POLICY        = jsonencode(var.policy)
    MICRO_BATCH_THRESHOLD_USD = format("%.2f", var.threshold_usd)
  }

  # Under the name of the secret: which queue it names.
  queue_secrets = {
    GCHOSTPAY1_BATCH_QUEUE    = "gchostpay1-batch-queue"
    MICROBATCH_RESPONSE_QUEUE = "microbatch-response-queue"
  }

  managed_secrets = setunion(
    setsubtract(local.operator_secrets, var.existing_secrets),
    keys(local.queue_secrets),
    keys(local.seeds),
    ["MICROBATCH_URL"],
  )

  secret_locations = var.kms_key == null ? var.secret_locations : toset([var.region])

  secret_names = {
    for name in local.managed_secrets :
    name => lookup(var.secret_names, name, "${name}${upper(replace(var.suffix, "-", "_"))}")
  }
  secret_ids = merge(
    { for name in var.existing_secrets : name => lookup(var.secret_names, name, name) },
    { for name, secret in google_secret_manager_secret.main : name => secret.secret_id },
  )
  secret_versions = merge(
    { for name in local.operator_secrets : name => lookup(var.secret_versions, name, "latest") },
    { for name, version in google_secret_manager_secret_version.queue : name => version.version },
  )

  # Who reads which secret, and no other.
  secret_readers = merge({
    for name, job in local.operations :
    name => concat(job.secrets, values(job.own_secrets), name == "operations" && local.is_steering ? keys(local.seeds) : [])
    }, {
    check_threshold = concat(
      local.functions.check_threshold.secrets,
      ["MICRO_BATCH_POLICY", "MICRO_BATCH_THRESHOLD_USD"], # through the API, in every check
    )
    swap_executed = local.functions.swap_executed.secrets
    gchostpay1 = concat(
      ["GCHOSTPAY1_BATCH_QUEUE", "MICROBATCH_RESPONSE_QUEUE", "MICROBATCH_URL"],
      # Both sides sign with one key. Where it exists already, GCHostPay1 has been granted it already.
      contains(var.existing_secrets, "SUCCESS_URL_SIGNING_KEY") ? [] : ["SUCCESS_URL_SIGNING_KEY"],
    )
  })
}

resource "google_secret_manager_secret" "main" {
  for_each = local.managed_secrets

  secret_id           = local.secret_names[each.key]
  deletion_protection = var.deletion_protection
  labels              = local.labels
  # A version destroyed by mistake is only disabled for a week, and can be enabled again.
  version_destroy_ttl = "604800s"

  replication {
    dynamic "auto" {
      for_each = length(local.secret_locations) == 0 ? ["everywhere"] : []
      content {}
    }

    dynamic "user_managed" {
      for_each = length(local.secret_locations) == 0 ? [] : ["in these regions"]
      content {
        dynamic "replicas" {
          for_each = local.secret_locations
          content {
            location = replicas.value

            dynamic "customer_managed_encryption" {
              for_each = var.kms_key[*]
              content {
                kms_key_name = customer_managed_encryption.value
              }
            }
          }
        }
      }
    }
  }

  lifecycle {
    # An adopted secret may be replicated otherwise; to change that is to replace it, with all its versions.
    ignore_changes = [replication]
  }

  depends_on = [google_kms_crypto_key_iam_member.agent, google_project_service.main]
}

# The newest version counts, whoever wrote it. Terraform writes version 1 when it makes the secret and never looks at
# the value again; a secret that is adopted keeps what it has. See seed_secrets for what destroying version 1 means.
resource "google_secret_manager_secret_version" "seed" {
  for_each = var.seed_secrets ? setsubtract(keys(local.seeds), var.adopt.secrets) : []

  secret          = google_secret_manager_secret.main[each.key].id
  secret_data     = local.seeds[each.key]
  deletion_policy = "ABANDON"

  lifecycle {
    ignore_changes = [enabled, secret_data]
  }
}

# These two follow the configuration. Readers of `latest` always find one: the new version is there before the old goes.
resource "google_secret_manager_secret_version" "queue" {
  for_each = local.queue_secrets

  secret      = google_secret_manager_secret.main[each.key].id
  secret_data = google_cloud_tasks_queue.main[each.value].name

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret_version" "url" {
  secret      = google_secret_manager_secret.main["MICROBATCH_URL"].id
  secret_data = local.swap_executed_url

  lifecycle {
    create_before_destroy = true
  }
}

import {
  for_each = var.adopt.secrets
  to       = google_secret_manager_secret.main[each.key]
  id       = "projects/${var.project_id}/secrets/${local.secret_names[each.key]}"
}
