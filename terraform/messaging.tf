# Names from the architecture document and the deployed neighbours: changing one breaks GCHostPay1.

locals {
  # Retrying ends only when both the attempts and the duration are used up: with 10 attempts it is the 24 hours that
  # end it. The waits grow to an hour, so that ten attempts alone already span two hours (15 + 30 + 60 + ... + 3600 s)
  # should the count ever be what ends it, and a task that will never succeed costs a few dozen calls a day instead of
  # slowing its queue down.
  queues = {
    # Orders to pay. The GCHostPay1 that is deployed pays twice when an order reaches it twice: one attempt, and 0 s
    # written out, since an adopted queue would keep its 24 hours, and with them more attempts. An order that is lost is
    # given back once ChangeNow says that it was not paid. GCHostPay1 refuses a token older than 300 s: where there are
    # ten attempts, the first come quickly.
    "gchostpay1-batch-queue" = {
      max_attempts       = var.gchostpay1_checks_for_duplicates ? 10 : 1
      max_doublings      = 9
      max_retry_duration = var.gchostpay1_checks_for_duplicates ? "86400s" : "0s"
      min_backoff        = "5s"
    }
    # Callbacks with the USDT received. A 503 means "not finished at ChangeNow yet" or an outage there.
    "microbatch-response-queue" = {
      max_attempts       = 10
      max_doublings      = 8
      max_retry_duration = "86400s"
      min_backoff        = "15s"
    }
  }

  queue_names = { for name in keys(local.queues) : name => lookup(var.queue_names, name, "${name}${var.suffix}") }

  topics = {
    "micro-batch-events"  = "What happened to batches, for GCBatchProcessor and others."
    "micro-batch-trigger" = "Each message is one threshold check; attribute force=true opens a batch below the threshold."
  }
}

resource "google_cloud_tasks_queue" "main" {
  for_each = local.queues

  name     = local.queue_names[each.key]
  location = var.region

  rate_limits {
    max_concurrent_dispatches = 10
    max_dispatches_per_second = 10
  }

  retry_config {
    max_attempts       = each.value.max_attempts
    max_backoff        = "3600s"
    max_doublings      = each.value.max_doublings
    max_retry_duration = each.value.max_retry_duration
    min_backoff        = each.value.min_backoff
  }

  # Every attempt and its answer is in the log: without it a refused order leaves no trace on our side.
  stackdriver_logging_config {
    sampling_ratio = 1
  }

  depends_on = [google_project_service.main]
}

resource "google_pubsub_topic" "main" {
  for_each = local.topics

  name         = "${each.key}${var.suffix}"
  kms_key_name = var.kms_key
  labels       = local.labels
  # Kept a week, so that a new subscriber can seek back over what it missed.
  message_retention_duration = each.key == "micro-batch-events" ? "604800s" : null

  depends_on = [google_kms_crypto_key_iam_member.agent, google_project_service.main]
}

# Never adopted: the old service's job of this name calls a URL. It is paused, then deleted (docs/deploy.md), since a
# patched one would go on with the old target should the patch fail half way.
resource "google_cloud_scheduler_job" "main" {
  name        = "micro-batch-conversion-job${var.suffix}"
  description = "Triggers the threshold check."
  paused      = var.paused
  region      = var.region
  schedule    = var.schedule
  time_zone   = var.time_zone

  pubsub_target {
    topic_name = google_pubsub_topic.main["micro-batch-trigger"].id
    data       = base64encode(jsonencode({ source = "micro-batch-conversion-job${var.suffix}" }))
  }

  # A publish that fails is tried again well before the next tick.
  retry_config {
    max_backoff_duration = "60s"
    min_backoff_duration = "5s"
    retry_count          = 3
  }

  depends_on = [google_project_service.main]
}

import {
  for_each = var.adopt.queues
  to       = google_cloud_tasks_queue.main[each.key]
  id       = "projects/${var.project_id}/locations/${var.region}/queues/${local.queue_names[each.key]}"
}

import {
  for_each = var.adopt.topics
  to       = google_pubsub_topic.main[each.key]
  id       = "projects/${var.project_id}/topics/${each.key}${var.suffix}"
}
