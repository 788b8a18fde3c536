locals {
  database_secrets = ["DATABASE_NAME_SECRET", "DATABASE_PASSWORD_SECRET", "DATABASE_USER_SECRET"]
  # What an order takes: the exchange, its queue, the two wallets, the signature.
  order_secrets = [
    "CHANGENOW_API_KEY", "GCHOSTPAY1_BATCH_QUEUE", "HOST_WALLET_ETH_ADDRESS", "HOST_WALLET_USDT_ADDRESS",
    "SUCCESS_URL_SIGNING_KEY",
  ]
  # Of these what the functions read: a function that logs in as its own account has no password.
  login_secrets = var.database_iam_login ? ["DATABASE_NAME_SECRET"] : local.database_secrets

  # The two functions, in what they differ. An environment holds what shared/settings.py reads, and nothing else; a
  # secret is named by the variable that carries it, which is the name of the secret as well.
  functions = {
    check_threshold = {
      name  = "micro-batch-check-threshold${var.suffix}"
      about = "Adds up the pending payments and opens a batch conversion when the threshold is reached."
      topic = "micro-batch-trigger"
      # Pub/Sub of the same project counts as internal; nobody else has a reason to call.
      ingress = "ALLOW_INTERNAL_ONLY"
      # Runs are serialised in the database; a second instance could only wait for the first.
      instances_max = 1
      requests_max  = 1   # of an instance, at once
      timeout_s     = 540 # the most an event function may have
      environment = merge(
        {
          BATCH_PAYMENTS_MAX     = tostring(var.function_settings.batch_payments_max)
          CLOUD_TASKS_LOCATION   = google_cloud_tasks_queue.main["gchostpay1-batch-queue"].location
          CLOUD_TASKS_PROJECT_ID = var.project_id
          FENCE                  = module.fence.address
          GCHOSTPAY1_URL         = var.gchostpay1_url
          POLICY_SECRET_ID       = local.secret_ids["MICRO_BATCH_POLICY"]
          QUOTE_AGE_MAX_S        = tostring(var.function_settings.quote_age_max_s)
          RECONCILE_GRACE_S      = tostring(var.function_settings.reconcile_grace_s)
          STUCK_AFTER_S          = tostring(var.function_settings.stuck_after_s)
          THRESHOLD_SECRET_ID    = local.secret_ids["MICRO_BATCH_THRESHOLD_USD"]
        },
        var.gchostpay1_invoker == null ? {} : { GCHOSTPAY1_INVOKER = var.gchostpay1_invoker },
      )
      secrets = concat(local.login_secrets, local.order_secrets)
    }
    swap_executed = {
      name  = "micro-batch-swap-executed${var.suffix}"
      about = "Takes GCHostPay1's callback and distributes the USDT received over the batch's payments."
      topic = null
      # Cloud Tasks of the same project counts as internal when it calls the run.app address.
      ingress       = var.swap_executed_ingress
      instances_max = 10 # as many as the response queue dispatches at once
      # As many as the code has threads for (shared/serving/worker.py): strangers who take their time leave room.
      requests_max = 80
      timeout_s    = 300
      environment  = { TOKEN_AGE_MAX_S = tostring(var.function_settings.token_age_max_s) }
      secrets      = concat(local.login_secrets, ["CHANGENOW_API_KEY", "SUCCESS_URL_SIGNING_KEY"])
    }
  }

  database_environment = {
    CLOUD_SQL_CONNECTION_NAME = module.database.connection_name
    CLOUD_SQL_IP_TYPE         = var.cloud_sql_ip_type
    GOOGLE_CLOUD_PROJECT      = var.project_id
  }

  environment = merge(local.database_environment, {
    BATCH_EVENTS_TOPIC           = google_pubsub_topic.main["micro-batch-events"].name
    CHANGENOW_API_URL            = var.changenow_api_url
    DATABASE_CONNECT_TIMEOUT_S   = tostring(var.function_settings.database_connect_timeout_s)
    DATABASE_LOCK_TIMEOUT_S      = tostring(var.function_settings.database_lock_timeout_s)
    DATABASE_STATEMENT_TIMEOUT_S = tostring(var.function_settings.database_statement_timeout_s)
    HTTP_TIMEOUT_S               = tostring(var.function_settings.http_timeout_s)
    RECEIVED_DEVIATION_PCT       = tostring(var.function_settings.received_deviation_pct)
  })

  # As whom a function logs in: as its own account, with a token, or by user and password from secrets.
  logins = {
    for name in keys(local.functions) : name => (
      var.database_iam_login ?
      { CLOUD_SQL_IAM_LOGIN = "true", DATABASE_USER_SECRET = module.database.users[name] } :
      { CLOUD_SQL_IAM_LOGIN = "false" }
    )
  }

  # The run.app address, which Cloud Tasks has to use to count as internal.
  swap_executed_url = google_cloudfunctions2_function.main["swap_executed"].service_config[0].uri

  packages = {
    for name in concat(keys(local.functions), [for name in keys(local.operations) : name if name == "operations"]) :
    name => abspath("${path.module}/${var.package_dir}/${name}.zip")
  }
  package_sha256 = {
    for name, file in local.packages : name => fileexists(file) ? filesha256(file) : "run-make-package-first"
  }
  operations_sha256 = lookup(local.package_sha256, "operations", null)
}

# ------------------------------------------------------------------ source and build

resource "google_storage_bucket" "packages" {
  # checkov:skip=CKV_GCP_62:Holds the functions' public source archives only; who reads them is of no interest.
  name                        = "${local.bucket_prefix}packages${var.suffix}"
  location                    = var.region
  force_destroy               = !var.deletion_protection
  labels                      = local.labels
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  versioning {
    enabled = true
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]
    content {
      default_kms_key_name = encryption.value
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 5
      with_state         = "ARCHIVED"
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agent, google_project_service.main]
}

# Named by content: a package that did not change is not deployed again, one that did is a new object.
resource "google_storage_bucket_object" "package" {
  for_each = local.packages

  bucket = google_storage_bucket.packages.name
  name   = "${each.key}-${local.package_sha256[each.key]}.zip"
  source = each.value

  lifecycle {
    create_before_destroy = true
    # Another checkout has the same package elsewhere. A new name brings its own source along.
    ignore_changes = [source]
  }
}

resource "google_artifact_registry_repository" "functions" {
  repository_id = "micro-batch-functions${var.suffix}"
  description   = "Images that Cloud Build makes of the functions."
  format        = "DOCKER"
  kms_key_name  = var.kms_key
  labels        = local.labels
  location      = var.region

  # Every build leaves an image. Ten of each function are enough to go back to.
  cleanup_policies {
    id     = "delete-what-is-old"
    action = "DELETE"
    condition {
      older_than = "7776000s"
    }
  }
  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agent, google_project_service.main]
}

# ------------------------------------------------------------------ the two functions

resource "google_cloudfunctions2_function" "main" {
  # checkov:skip=CKV_GCP_124:Not read through the map; terraform/tests/access.tftest.hcl asserts the internal ingress of both functions.
  for_each = local.functions

  name         = each.value.name
  description  = each.value.about
  kms_key_name = var.kms_key
  labels       = local.labels
  location     = var.region

  build_config {
    docker_repository = google_artifact_registry_repository.functions.id
    entry_point       = each.key
    runtime           = var.runtime
    service_account   = google_service_account.main["build"].name
    source {
      storage_source {
        bucket = google_storage_bucket.packages.name
        object = google_storage_bucket_object.package[each.key].name
      }
    }
  }

  service_config {
    all_traffic_on_latest_revision   = true
    available_cpu                    = "1"
    available_memory                 = "512Mi"
    environment_variables            = merge(local.environment, local.logins[each.key], each.value.environment)
    ingress_settings                 = each.value.ingress
    max_instance_count               = each.value.instances_max
    max_instance_request_concurrency = each.value.requests_max
    min_instance_count               = 0
    service_account_email            = google_service_account.main[each.key].email
    timeout_seconds                  = each.value.timeout_s
    vpc_connector                    = var.vpc_connector
    vpc_connector_egress_settings    = var.vpc_connector == null ? null : "PRIVATE_RANGES_ONLY"
    direct_vpc_egress = (
      var.vpc_egress == null ? null :
      var.vpc_egress.all_traffic ? "VPC_EGRESS_ALL_TRAFFIC" : "VPC_EGRESS_PRIVATE_RANGES_ONLY"
    )

    dynamic "direct_vpc_network_interface" {
      for_each = var.vpc_egress[*]
      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
        tags       = direct_vpc_network_interface.value.tags
      }
    }

    dynamic "secret_environment_variables" {
      for_each = sort(each.value.secrets)
      content {
        key        = secret_environment_variables.value
        project_id = var.project_id
        secret     = local.secret_ids[secret_environment_variables.value]
        version    = local.secret_versions[secret_environment_variables.value]
      }
    }
  }

  dynamic "event_trigger" {
    for_each = each.value.topic[*]
    content {
      event_type            = "google.cloud.pubsub.topic.v1.messagePublished"
      pubsub_topic          = google_pubsub_topic.main[event_trigger.value].id
      retry_policy          = "RETRY_POLICY_RETRY" # unset would drop a message whose check failed
      service_account_email = google_service_account.main["trigger"].email
      trigger_region        = var.region
    }
  }

  # A revision whose account may not read its secrets, or a build without its rights, fails for good.
  depends_on = [time_sleep.grants]
}
