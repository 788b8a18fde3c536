# Conditions over time, in PromQL, without the check that the metric exists: it does only once its first line was written,
# and what must be told above all is that no line ever came. Every key is a section of docs/runbook.md (with - for _).

locals {
  # A check is awaited every 15 minutes, and 5 more are left for its start; the rest of the silence is waited for, so
  # that nothing fires in the first minutes of an installation.
  check_window_min = 20

  check_ended_well = format("clamp_max(sum(increase(%s{%s,reason!=\"check_in_progress\"}[%dm])) or vector(0), 1)",
    local.promql.micro_batch_checks, local.on_run, local.check_window_min,
  )

  # lasts_s: how long the query must hold. while_paused: also where the schedule is paused by `paused = true`.
  query_alerts = {
    batch_failures = {
      title        = "More than ${var.limits.failure_rate_pct} % of the day's batches failed, and more than one"
      severity     = "ERROR"
      lasts_s      = 0
      while_paused = true
      query = format("%s / (%s + %s) > %s and %s >= 2",
        format(local.count.micro_batch_failed, "24h"), format(local.count.micro_batch_failed, "24h"),
        format(local.count.micro_batch_completed, "24h"), var.limits.failure_rate_pct / 100,
        format(local.count.micro_batch_failed, "24h"),
      )
    }
    # Each batch settled by reconciliation is one whose callback never came, or was refused by the platform.
    callbacks_missing = {
      title        = "Batches are settled by reconciliation: GCHostPay1's callbacks do not arrive"
      severity     = "WARNING"
      lasts_s      = 0
      while_paused = true
      query = format("sum(increase(%s{%s,settled_by=\"reconciliation\"}[24h])) >= 2",
        local.promql.micro_batch_completed, local.on_run,
      )
    }
    check_stopped = {
      title        = "No check ended well for ${var.limits.check_silence_min} minutes"
      severity     = "CRITICAL"
      lasts_s      = (var.limits.check_silence_min - local.check_window_min) * 60
      while_paused = false
      # Nothing written and never written both count as 0, unlike in a condition on absence. A check that only found
      # another one running tells nothing: the other may hang.
      query = "${local.check_ended_well} < 1"
    }
    # After an installation beside payments that waited, and quite right there for some hours.
    cut_over_pending = {
      title        = "Nothing is claimed: from when on payments are ours is not decided"
      severity     = "WARNING"
      lasts_s      = 4 * 3600
      while_paused = false
      query        = "sum(increase(${local.promql.micro_batch_checks}{${local.on_run},reason=\"cut_over_pending\"}[1h])) > 0"
    }
    dependency_unavailable = {
      title        = "The database, Cloud Tasks or Pub/Sub does not answer, again and again"
      severity     = "ERROR"
      lasts_s      = 0
      while_paused = true
      query        = "sum by (event) (increase(${local.promql.micro_batch_outages}{${local.on_run},event!=\"exchange_unavailable\"}[45m])) >= 3"
    }
    exchange_unavailable = {
      title        = "ChangeNow does not answer as it should, again and again"
      severity     = "ERROR"
      lasts_s      = 0
      while_paused = true
      query        = "sum(increase(${local.promql.micro_batch_outages}{${local.on_run},event=\"exchange_unavailable\"}[45m])) >= 3"
    }
    # A pause by the policy is somebody's decision: the day after it is not a surprise.
    no_batch = {
      title        = "No batch for ${var.limits.no_batch_h} h, while dollars wait as long"
      severity     = "WARNING"
      lasts_s      = 0
      while_paused = false
      query = format("%s < 1 and on() %s > %d and on() sum(increase(%s{%s,reason!=\"paused\"}[1h])) > 0",
        format(local.count.micro_batch_created, "${var.limits.no_batch_h}h"),
        format(local.mean.micro_batch_oldest_pending_age_s, "1h", "1h"), var.limits.no_batch_h * 3600,
        local.promql.micro_batch_checks, local.on_run,
      )
    }
    policy_unreadable = {
      title        = "Nothing is opened: no policy was ever valid"
      severity     = "ERROR"
      lasts_s      = 1800
      while_paused = false
      query        = "sum(increase(${local.promql.micro_batch_checks}{${local.on_run},reason=\"policy_unreadable\"}[1h])) > 0"
    }
    # At launch a queue holds one task now and then: a number of them would take a day to come together.
    queue_backlog = {
      title        = "A task waits in a queue for ${var.limits.queue_wait_min} minutes"
      severity     = "WARNING"
      lasts_s      = var.limits.queue_wait_min * 60
      while_paused = true
      query = format("sum by (queue_id) (cloudtasks_googleapis_com:queue_depth{monitored_resource=\"cloud_tasks_queue\",queue_id=~\"%s\"}) > 0",
        join("|", sort(values(var.queues))),
      )
    }
    ticks_unanswered = {
      title        = "Ticks wait for check_threshold, which does not take them"
      severity     = "ERROR"
      lasts_s      = 900
      while_paused = true
      query = format("max(pubsub_googleapis_com:subscription_oldest_unacked_message_age{monitored_resource=\"pubsub_subscription\",subscription_id=~\"eventarc-.*-%s-[0-9].*\"}) > 1800",
        var.services["check_threshold"],
      )
    }
  }

  # Objectives over 28 days, told by how fast their budget burns: over a long window, and still over a short one.
  # Monitoring evaluates a day, not more.
  objectives = {
    # 99.5 % of the quarters of an hour: 13 may be missed in 28 days. The hours before an installation's first checks
    # are none of them: twenty checks are awaited first (check_stopped tells of silence meanwhile).
    objective_checks = {
      title        = "Checks: the objective of 28 days will be missed at this rate"
      severity     = "ERROR"
      lasts_s      = 0
      while_paused = false
      query = format("%s > %s and %s > %s and %s >= 20",
        "(1 - avg_over_time((${local.check_ended_well})[6h:15m]))", 20 * 0.005,
        "(1 - avg_over_time((${local.check_ended_well})[1h:15m]))", 20 * 0.005,
        format(local.count.micro_batch_checks, "24h"),
      )
    }
    # 99 % of the batches within an hour of their order; of a few a day a single late one is no rate.
    objective_batches = {
      title        = "Batches: the objective of 28 days will be missed at this rate"
      severity     = "WARNING"
      lasts_s      = 0
      while_paused = true
      query = format("%s / %s > %s and %s >= 2",
        format(local.count.micro_batch_late, "24h"), format(local.count.micro_batch_completed, "24h"), 10 * 0.01,
        format(local.count.micro_batch_late, "24h"),
      )
    }
  }
}

resource "google_monitoring_alert_policy" "query" {
  for_each = merge(local.query_alerts, local.objectives)

  display_name          = "Micro-batch${var.suffix}: ${each.value.title}"
  combiner              = "OR"
  enabled               = each.value.while_paused || !var.paused
  notification_channels = local.channels[each.value.severity]
  severity              = each.value.severity
  user_labels           = var.labels

  conditions {
    display_name = each.value.title
    condition_prometheus_query_language {
      query                     = each.value.query
      disable_metric_validation = true
      duration                  = "${each.value.lasts_s}s"
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
