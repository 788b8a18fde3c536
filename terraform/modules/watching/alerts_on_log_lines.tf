# What one line in the log is enough for. Every key is a section of docs/runbook.md (with - for _).

locals {
  # events: any of them; and: a further condition; remind_s: at most one notification in that time; has_batch: the line
  # names its batch, and so does the notification.
  line_alerts = {
    amount_refused = {
      title     = "The USDT received is far from what the batch is worth"
      severity  = "CRITICAL"
      events    = ["amount_refused"]
      has_batch = true
      remind_s  = 3600
    }
    batch_refunded = {
      title     = "ChangeNow sent a batch's ETH back, less fees"
      severity  = "ERROR"
      events    = ["batch_refunded"]
      has_batch = true
      remind_s  = 3600
    }
    batch_stuck = {
      title     = "A batch does not come to an end"
      severity  = "ERROR"
      events    = ["batch_stuck"]
      has_batch = true
      remind_s  = 3600
    }
    callback_refused = {
      title     = "A callback of GCHostPay1 was refused"
      severity  = "WARNING"
      events    = ["callback_refused"]
      has_batch = true
      remind_s  = 3600
    }
    configuration_fallback = {
      title    = "The threshold or the policy could not be read; the last valid one is in force"
      severity = "WARNING"
      events   = ["policy_fallback", "threshold_fallback"]
      remind_s = 21600
    }
    database_behind = {
      title     = "The database has forgotten orders that are out: it was restored from a backup"
      severity  = "CRITICAL"
      events    = ["database_behind"]
      has_batch = true
      remind_s  = 3600
    }
    deposit_lost = {
      title    = "ETH was paid to an exchange that ended without a payout"
      severity = "CRITICAL"
      events   = ["deposit_lost", "deposits_lost"]
      remind_s = 3600
    }
    distribution_mismatch = {
      title     = "The database refused a distribution that does not sum"
      severity  = "CRITICAL"
      events    = ["distribution_mismatch"]
      has_batch = true
      remind_s  = 3600
    }
    fence_unavailable = {
      title    = "The fence cannot be read or written, so that no order leaves"
      severity = "ERROR"
      events   = ["fence_unavailable"]
      remind_s = 3600
    }
    # Beside ticks_unanswered: what somebody asked for was not done, and no check will do it by itself.
    force_expired = {
      title    = "A forced check came an hour late, and forced nothing"
      severity = "WARNING"
      events   = ["force_expired"]
      remind_s = 3600
    }
    internal_error = {
      title    = "An error of the functions' own"
      severity = "ERROR"
      events   = ["internal_error"]
      remind_s = 3600
    }
    paid_after_failure = {
      title     = "A batch that was given up was paid after all"
      severity  = "CRITICAL"
      events    = ["paid_after_failure"]
      has_batch = true
      remind_s  = 3600
    }
    payments_unclaimable = {
      title    = "Payments wait that no batch takes as they stand"
      severity = "WARNING"
      events   = ["payments_unclaimable"]
      and      = "severity>=WARNING"
      remind_s = 86400
    }
    pending_age = {
      title    = "The oldest payment has waited longer than ${var.limits.pending_age_h} h"
      severity = "WARNING"
      events   = ["check_completed"]
      and      = "jsonPayload.oldest_pending_age_s>${var.limits.pending_age_h * 3600}"
      remind_s = 21600
    }
    quote_refused = {
      title    = "The guard refused a quote: the swap is not worth what the payments are worth"
      severity = "ERROR"
      events   = ["quote_refused"]
      remind_s = 3600
    }
    settings_invalid = {
      title    = "A function refuses to work with its settings"
      severity = "CRITICAL"
      events   = ["settings_invalid"]
      remind_s = 3600
    }
  }
}

resource "google_monitoring_alert_policy" "line" {
  for_each = local.line_alerts

  display_name          = "Micro-batch${var.suffix}: ${each.value.title}"
  combiner              = "OR"
  notification_channels = local.channels[each.value.severity]
  severity              = each.value.severity
  user_labels           = var.labels

  conditions {
    display_name = each.value.title
    condition_matched_log {
      filter = join(" AND ", compact([
        local.log_source,
        format(local.event_filter, join(" OR ", [for event in each.value.events : "\"${event}\""])),
        lookup(each.value, "and", null),
      ]))
      label_extractors = lookup(each.value, "has_batch", false) ? { batch = "EXTRACT(jsonPayload.batch_conversion_id)" } : null
    }
  }

  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit {
      period = "${each.value.remind_s}s"
    }
  }

  documentation {
    content   = "${lookup(each.value, "has_batch", false) ? "Batch `$${log.extracted_label.batch}`. " : ""}${local.documentation[each.key]}"
    mime_type = "text/markdown"
    subject   = "Micro-batch${var.suffix}: ${each.value.title}${lookup(each.value, "has_batch", false) ? " ($${log.extracted_label.batch})" : ""}"
  }
}

# What the platform answers in the place of our code, or when it breaks down under a call: a missing or wrong identity
# token is a 403 before a line of ours is written. Such requests are in no metric of Cloud Run, but in its request log. A 500
# of check_threshold is its own, with a line of its own: the tick has to come again.
resource "google_monitoring_alert_policy" "platform" {
  for_each = {
    check_threshold = ["403", "429", "502", "504"]
    swap_executed   = ["403", "429", "500", "502", "504"]
  }

  display_name          = "Micro-batch${var.suffix}: the platform refused a call of ${each.key}, or it broke down under one"
  combiner              = "OR"
  notification_channels = local.channels["ERROR"]
  severity              = "ERROR"
  user_labels           = var.labels

  conditions {
    display_name = "${join(", ", each.value)} in the request log"
    condition_matched_log {
      filter = join(" AND ", [
        "resource.type=\"cloud_run_revision\"",
        "resource.labels.service_name=\"${var.services[each.key]}\"",
        "logName=\"projects/${var.project_id}/logs/run.googleapis.com%2Frequests\"",
        "httpRequest.status=(${join(" OR ", each.value)})",
      ])
      label_extractors = { status = "EXTRACT(httpRequest.status)" }
    }
  }

  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit {
      period = "3600s"
    }
  }

  documentation {
    content   = "Status $${log.extracted_label.status}. ${local.documentation.platform_errors}"
    mime_type = "text/markdown"
  }
}

# A difference that nobody has explained is a line at ERROR, one of which not all could be asked a line at WARNING; that
# the job ended otherwise than well, or did not start, Cloud Run writes itself, at the same severities.
resource "google_monitoring_alert_policy" "reconciliation" {
  for_each = toset(var.reconciliation[*])

  display_name          = "Micro-batch${var.suffix}: the nightly reconciliation found a difference, or did not end"
  combiner              = "OR"
  notification_channels = local.channels["ERROR"]
  severity              = "ERROR"
  user_labels           = var.labels

  conditions {
    display_name = "A warning or an error of the job ${each.key}"
    condition_matched_log {
      filter = "resource.type=\"cloud_run_job\" AND resource.labels.job_name=\"${each.key}\" AND severity>=WARNING"
    }
  }

  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit {
      period = "21600s"
    }
  }

  documentation {
    content   = local.documentation.reconciliation_unexplained
    mime_type = "text/markdown"
  }
}
