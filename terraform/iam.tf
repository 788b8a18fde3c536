# One account for each part, each role on the one thing it is needed for. On the project itself stand only roles that
# exist nowhere else (writing build logs), or under a condition that names the one resource.

locals {
  accounts = merge({
    build           = { id = "micro-batch-build", about = "Builds the functions' images." }
    check_threshold = { id = "micro-batch-check", about = "Runs check_threshold." }
    swap_executed   = { id = "micro-batch-swap", about = "Runs swap_executed." }
    trigger         = { id = "micro-batch-trigger", about = "Delivers the topic's messages to check_threshold." }
    }, {
    for name in keys(local.operations) : name => {
      id    = { operations = "micro-batch-operate", reconciliation = "micro-batch-nightly" }[name]
      about = { operations = "Runs operators' verbs inside the project.", reconciliation = "Runs the nightly reconciliation." }[name]
    }
  })

  deployers = merge(
    { for member in var.deployers : member => member },
    { for name, ci in module.deployer : "ci ${name}" => ci.deployer },
  )
  gchostpay1 = "serviceAccount:${var.gchostpay1_service_account}"
  runtime_members = {
    check_threshold = google_service_account.main["check_threshold"].member
    swap_executed   = google_service_account.main["swap_executed"].member
  }
  operations_members = { for name in keys(local.operations) : name => google_service_account.main[name].member }
  members            = merge(local.runtime_members, local.operations_members, { gchostpay1 = local.gchostpay1 })
}

resource "google_service_account" "main" {
  for_each = local.accounts

  account_id   = "${each.value.id}${var.suffix}"
  display_name = "Micro-batch conversion: ${replace(each.key, "_", " ")}"
  description  = each.value.about

  depends_on = [google_project_service.main]
}

# ------------------------------------------------------------------ secrets

resource "google_secret_manager_secret_iam_member" "accessor" {
  for_each = merge([
    for reader, secrets in local.secret_readers : {
      for secret in secrets : "${reader}/${secret}" => { reader = reader, secret = secret }
    }
  ]...)

  secret_id = lookup(local.secret_ids, each.value.secret, each.value.secret)
  role      = "roles/secretmanager.secretAccessor"
  member    = local.members[each.value.reader]
}

# Adding a version is enough to change the threshold; destroying one is not theirs.
resource "google_secret_manager_secret_iam_member" "operator" {
  for_each = merge([
    for role in ["roles/secretmanager.secretVersionAdder", "roles/secretmanager.viewer"] : merge([
      for secret in ["MICRO_BATCH_POLICY", "MICRO_BATCH_THRESHOLD_USD"] : {
        for operator in var.operators : "${operator}/${secret}/${role}" => { member = operator, role = role, secret = secret }
      }
    ]...)
  ]...)

  secret_id = google_secret_manager_secret.main[each.value.secret].secret_id
  role      = each.value.role
  member    = each.value.member
}

# ------------------------------------------------------------------ queues and topics

resource "google_cloud_tasks_queue_iam_member" "orders" {
  name     = google_cloud_tasks_queue.main["gchostpay1-batch-queue"].name
  location = var.region
  role     = "roles/cloudtasks.enqueuer"
  member   = local.members.check_threshold
}

resource "google_cloud_tasks_queue_iam_member" "callbacks" {
  name     = google_cloud_tasks_queue.main["microbatch-response-queue"].name
  location = var.region
  role     = "roles/cloudtasks.enqueuer"
  member   = local.gchostpay1
}

resource "google_pubsub_topic_iam_member" "events" {
  for_each = local.runtime_members

  topic  = google_pubsub_topic.main["micro-batch-events"].name
  role   = "roles/pubsub.publisher"
  member = each.value
}

# The schedule itself publishes as Cloud Scheduler's own agent and needs nothing here.
resource "google_pubsub_topic_iam_member" "operator" {
  for_each = var.operators

  topic  = google_pubsub_topic.main["micro-batch-trigger"].name
  role   = "roles/pubsub.publisher"
  member = each.value
}

# The smoke test from inside: a task on the callback queue that is awaited and taken back, a message on the topic. Whoever
# steers looks for a batch's order in its queue, takes it out, sends it again.
resource "google_cloud_tasks_queue_iam_member" "operations" {
  for_each = merge([
    for queue in length(local.operations) == 0 ? [] : local.is_steering ? keys(local.queues) : ["microbatch-response-queue"] : {
      for role in ["enqueuer", "taskDeleter", "viewer"] : "${queue}/${role}" => { queue = queue, role = role }
    }
  ]...)

  name     = google_cloud_tasks_queue.main[each.value.queue].name
  location = var.region
  role     = "roles/cloudtasks.${each.value.role}"
  member   = local.members.operations
}

resource "google_secret_manager_secret_iam_member" "steering" {
  for_each = local.is_steering ? local.seeds : {}

  secret_id = google_secret_manager_secret.main[each.key].secret_id
  role      = "roles/secretmanager.secretVersionAdder"
  member    = local.members.operations
}

resource "google_pubsub_topic_iam_member" "operations" {
  for_each = { for name, member in local.operations_members : name => member if name == "operations" }

  topic  = google_pubsub_topic.main["micro-batch-trigger"].name
  role   = "roles/pubsub.publisher"
  member = each.value
}

# ------------------------------------------------------------------ calling the functions

# A function that is replaced is a new service with no caller: its grants are made again in the same apply.
resource "google_cloud_run_v2_service_iam_member" "trigger" {
  name     = google_cloudfunctions2_function.main["check_threshold"].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.main["trigger"].member

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.main["check_threshold"].id]
  }
}

resource "google_cloud_run_v2_service_iam_member" "callback" {
  for_each = setunion([local.gchostpay1], var.swap_executed_invokers)

  name     = google_cloudfunctions2_function.main["swap_executed"].name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.main["swap_executed"].id]
  }
}

resource "google_cloud_run_v2_service_iam_member" "unauthenticated" {
  # checkov:skip=CKV_GCP_102:Off unless an operator says that GCHostPay1 sends no token (callback_authentication); the callback is signed, and the ingress stays internal.
  count = var.callback_authentication == "SIGNATURE" ? 1 : 0

  name     = google_cloudfunctions2_function.main["swap_executed"].name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.main["swap_executed"].id]
  }
}

# An OIDC token on a task is made in the name of an account that the creator of the task may act as: check_threshold
# as the account that GCHostPay1 lets in, GCHostPay1 as itself.
resource "google_service_account_iam_member" "order_token" {
  for_each = toset(var.gchostpay1_invoker == null ? [] : concat(["check_threshold"], local.is_steering ? ["operations"] : []))

  service_account_id = "projects/${var.project_id}/serviceAccounts/${var.gchostpay1_invoker}"
  role               = "roles/iam.serviceAccountUser"
  member             = local.members[each.key]
}

resource "google_service_account_iam_member" "callback_token" {
  service_account_id = "projects/${var.project_id}/serviceAccounts/${var.gchostpay1_service_account}"
  role               = "roles/iam.serviceAccountUser"
  member             = local.gchostpay1
}

# Deploying a function takes acting as the accounts that it runs and is built as; the smoke test calls as GCHostPay1.
resource "google_service_account_iam_member" "deployer" {
  for_each = merge([
    for name, member in local.deployers : {
      for key in keys(local.accounts) : "${name}/${key}" => { member = member, account = google_service_account.main[key].name }
    }
  ]...)

  service_account_id = each.value.account
  role               = "roles/iam.serviceAccountUser"
  member             = each.value.member
}

resource "google_service_account_iam_member" "smoke_test" {
  for_each = {
    for name, member in merge(local.deployers, local.operations_members) : name => member
    if name != "reconciliation" && var.callback_authentication == "OIDC"
  }

  service_account_id = "projects/${var.project_id}/serviceAccounts/${var.gchostpay1_service_account}"
  role               = "roles/iam.serviceAccountUser"
  member             = each.value
}

# ------------------------------------------------------------------ operators

# Neither Cloud Scheduler nor Cloud Logging has policies of its own, and the ready-made role that may pause a job may
# also rewrite and delete it.
resource "google_project_iam_custom_role" "operator" {
  for_each = toset(length(var.operators) == 0 ? [] : ["microBatchOperator"])

  role_id     = "${each.key}${replace(title(var.suffix), "-", "")}"
  title       = "Micro-batch operator"
  description = "Pauses, resumes and runs the schedule, and looks into the queues."
  permissions = [
    "cloudscheduler.jobs.enable",
    "cloudscheduler.jobs.get",
    "cloudscheduler.jobs.list",
    "cloudscheduler.jobs.pause",
    "cloudscheduler.jobs.run",
    "cloudtasks.queues.get",
    "cloudtasks.queues.list",
    "cloudtasks.tasks.get",
    "cloudtasks.tasks.list",
  ]
}

resource "google_project_iam_member" "operator" {
  for_each = merge([
    for operator in var.operators : {
      "${operator}/logs"   = { member = operator, role = "roles/logging.viewer" }
      "${operator}/charts" = { member = operator, role = "roles/monitoring.viewer" }
      "${operator}/own"    = { member = operator, role = google_project_iam_custom_role.operator["microBatchOperator"].name }
    }
  ]...)

  project = var.project_id
  role    = each.value.role
  member  = each.value.member
}

# ------------------------------------------------------------------ encryption

# Google's own agents do the encrypting, each for what it keeps.
resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = toset(var.kms_key == null ? [] : [
    "gcf-admin-robot", "gcp-sa-artifactregistry", "gcp-sa-cloud-sql", "gcp-sa-eventarc", "gcp-sa-pubsub",
    "gcp-sa-secretmanager", "gs-project-accounts", "serverless-robot-prod",
  ])

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${local.project_number}@${each.key}.iam.gserviceaccount.com"

  depends_on = [google_project_service.main]
}

# ------------------------------------------------------------------ Cloud SQL

# Cloud SQL has no policies of its own: the condition narrows the project's role to the one instance.
resource "google_project_iam_member" "cloud_sql" {
  for_each = merge(
    { for name, member in merge(local.runtime_members, local.operations_members) : name => { member = member, role = "client" } },
    var.database_iam_login ? { for name, member in local.runtime_members : "${name}/login" => { member = member, role = "instanceUser" } } : {},
  )

  project = module.database.project
  role    = "roles/cloudsql.${each.value.role}"
  member  = each.value.member

  condition {
    title       = "only ${module.database.instance}"
    description = "The instance that holds payout_accumulation."
    expression  = "resource.service == 'sqladmin.googleapis.com' && resource.name == 'projects/${module.database.project}/instances/${module.database.instance}'"
  }
}

# ------------------------------------------------------------------ builds

resource "google_artifact_registry_repository_iam_member" "build" {
  location   = google_artifact_registry_repository.functions.location
  repository = google_artifact_registry_repository.functions.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.main["build"].member
}

resource "google_storage_bucket_iam_member" "build" {
  for_each = toset(concat(["build"], keys(local.operations_members)))

  bucket = google_storage_bucket.packages.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.main[each.key].member
}

# Cloud Functions copies the source to a bucket of its own before the build, and makes that bucket when it is first
# needed: there is nothing yet to put a policy on.
resource "google_project_iam_member" "build_source" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.main["build"].member

  condition {
    title       = "only the functions' sources"
    description = "The bucket that Cloud Functions copies sources to."
    expression  = "resource.name.startsWith('projects/_/buckets/gcf-v2-sources-${local.project_number}-${var.region}')"
  }
}

resource "google_project_iam_member" "build_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.main["build"].member
}

# Grants take minutes to act, and Google's agents of a service that was just switched on as long to appear: the first
# build or trigger of a new project fails without this pause. It is made once; a later apply does not wait.
resource "time_sleep" "grants" {
  create_duration = "180s"

  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_kms_crypto_key_iam_member.agent,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_source,
    google_project_iam_member.cloud_sql,
    google_project_service.main,
    google_secret_manager_secret_iam_member.accessor,
    google_service_account_iam_member.deployer,
    google_storage_bucket_iam_member.build,
  ]
}
