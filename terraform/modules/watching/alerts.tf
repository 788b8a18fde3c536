# Every key below is a section of docs/runbook.md (with - for _).

locals {
  # One line is enough to call a person. remind_s: at most one notification in that time.
  line_alerts = {
    amount_refused = {
      title    = "The USDT received is far from what the batch is worth"
      severity = "CRITICAL"
      filter   = "jsonPayload.event=\"amount_refused\""
      remind_s = 3600
    }
    batch_refunded = {
      title    = "ChangeNow sent a batch's ETH back, less fees"
      severity = "ERROR"
      filter   = "jsonPayload.event=\"batch_refunded\""
      remind_s = 3600
    }
    batch_stuck = {
      title    = "A batch does not come to an end"
      severity = "ERROR"
      filter   = "jsonPayload.event=\"batch_stuck\""
      remind_s = 3600
    }
    callback_refused = {
      title    = "A callback of GCHostPay1 was refused"
      severity = "WARNING"
      filter   = "jsonPayload.event=\"callback_refused\""
      remind_s = 3600
    }
    configuration_fallback = {
      title    = "The threshold or the policy could not be read; the last valid one is in force"
      severity = "WARNING"
      filter   = "jsonPayload.event=(\"policy_fallback\" OR \"threshold_fallback\")"
      remind_s = 21600
    }
    distribution_mismatch = {
      title    = "The database refused a distribution that does not sum"
      severity = "CRITICAL"
      filter   = "jsonPayload.event=\"distribution_mismatch\""
      remind_s = 3600
    }
    internal_error = {
      title    = "An error of the functions' own"
      severity = "ERROR"
      filter   = "jsonPayload.event=\"internal_error\""
      remind_s = 3600
    }
    paid_after_failure = {
      title    = "A batch that was given up was paid after all"
      severity = "CRITICAL"
      filter   = "jsonPayload.event=\"paid_after_failure\""
      remind_s = 3600
    }
    payments_unclaimable = {
      title    = "Payments whose dollars cannot be used wait for ever"
      severity = "WARNING"
      filter   = "jsonPayload.event=\"payments_unclaimable\""
      remind_s = 86400
    }
    pending_age = {
      title    = "The oldest payment has waited longer than ${var.limits.pending_age_h} h"
      severity = "WARNING"
      filter   = "jsonPayload.event=\"check_completed\" AND jsonPayload.oldest_pending_age_s>${var.limits.pending_age_h * 3600}"
      remind_s = 21600
    }
    quote_refused = {
      title    = "The guard refused a quote: the swap is not worth what the payments are worth"
      severity = "ERROR"
      filter   = "jsonPayload.event=\"quote_refused\""
      remind_s = 3600
    }
    settings_invalid = {
      title    = "A function refuses to work with its settings"
      severity = "CRITICAL"
      filter   = "jsonPayload.event=\"settings_invalid\""
      remind_s = 3600
    }
  }

  # A condition over time. PromQL without the check that the metric exists: it does only once its first line was
  # written, and what must be told above all is that no line ever came.
  query_alerts = {
    batch_failures = {
      title    = "More than ${var.limits.failure_rate_pct} % of the day's batches failed"
      severity = "ERROR"
      query = format("%s / (%s + %s) > %s",
        format(local.count.micro_batch_failed, "24h"), format(local.count.micro_batch_failed, "24h"),
        format(local.count.micro_batch_completed, "24h"), var.limits.failure_rate_pct / 100,
      )
    }
    check_stopped = {
      title    = "No check ended well for ${var.limits.check_silence_min} minutes"
      severity = "CRITICAL"
      # Nothing written and never written both count as 0, unlike in a condition on absence. A check that only found
      # another one running tells nothing: the other may hang.
      query = format("(sum(increase(%s{%s,reason!=\"check_in_progress\"}[%dm])) or vector(0)) < 1",
        local.promql.micro_batch_checks, local.on_run, var.limits.check_silence_min,
      )
    }
    dependency_unavailable = {
      title    = "The database, Cloud Tasks or Pub/Sub does not answer, again and again"
      severity = "ERROR"
      query    = "sum by (event) (increase(${local.promql.micro_batch_outages}{${local.on_run},event!=\"exchange_unavailable\"}[45m])) >= 3"
    }
    exchange_unavailable = {
      title    = "ChangeNow does not answer as it should, again and again"
      severity = "ERROR"
      query    = "sum(increase(${local.promql.micro_batch_outages}{${local.on_run},event=\"exchange_unavailable\"}[45m])) >= 3"
    }
    no_batch = {
      title    = "No batch for ${var.limits.no_batch_h} h, while dollars wait as long"
      severity = "WARNING"
      query = format("%s < 1 and on() %s > %d",
        format(local.count.micro_batch_conversions, "${var.limits.no_batch_h}h"),
        format(local.mean.micro_batch_oldest_pending_age_s, "1h", "1h"), var.limits.no_batch_h * 3600,
      )
    }
  }

  documentation = {
    for key in concat(keys(local.line_alerts), keys(local.query_alerts), ["queue_backlog"]) :
    key => "Runbook: ${var.runbook_url}#${replace(key, "_", "-")}"
  }
}

resource "google_monitoring_alert_policy" "line" {
  for_each = local.line_alerts

  display_name          = "Micro-batch: ${each.value.title}"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = each.value.severity
  user_labels           = var.labels

  conditions {
    display_name = each.value.title
    condition_matched_log {
      filter = "${local.log_source} AND ${each.value.filter}"
    }
  }

  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit {
      period = "${each.value.remind_s}s"
    }
  }

  documentation {
    content   = local.documentation[each.key]
    mime_type = "text/markdown"
  }
}

resource "google_monitoring_alert_policy" "query" {
  for_each = local.query_alerts

  display_name          = "Micro-batch: ${each.value.title}"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = each.value.severity
  user_labels           = var.labels

  conditions {
    display_name = each.value.title
    condition_prometheus_query_language {
      query                     = each.value.query
      disable_metric_validation = true
      duration                  = "0s"
      evaluation_interval       = "60s"
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    content   = local.documentation[each.key]
    mime_type = "text/markdown"
  }

  depends_on = [google_logging_metric.counter, google_logging_metric.measure]
}

resource "google_monitoring_alert_policy" "queue_backlog" {
  display_name          = "Micro-batch: tasks pile up in a queue"
  combiner              = "OR"
  notification_channels = local.channels
  severity              = "WARNING"
  user_labels           = var.labels

  dynamic "conditions" {
    for_each = var.queues
    content {
      display_name = "${conditions.key} holds more than ${var.limits.queue_backlog} tasks"
      condition_threshold {
        comparison = "COMPARISON_GT"
        duration   = "900s"
        filter = join(" AND ", [
          "resource.type = \"cloud_tasks_queue\"",
          "resource.labels.queue_id = \"${conditions.value}\"",
          "metric.type = \"cloudtasks.googleapis.com/queue/depth\"",
        ])
        threshold_value = var.limits.queue_backlog

        aggregations {
          alignment_period   = "60s"
          per_series_aligner = "ALIGN_MAX"
        }
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    content   = local.documentation.queue_backlog
    mime_type = "text/markdown"
  }
}
