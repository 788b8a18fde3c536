# Metrics counted from the functions' own log lines, by their field `event` (shared/logs.py). A test feeds lines that
# the code writes to every filter in this file and in the alerts.

locals {
  log_source = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", [for name in sort(values(var.services)) : "\"${name}\""])})",
  ])

  event_filter = "jsonPayload.event=(%s)"

  # Counted lines; and: a further condition. No name here is one of the architecture document's (its metric
  # micro_batch_conversions exists where its phase 11 was done, and a metric cannot be adopted). Labels are fields of the line, and only such as hold one of a few words: every value is a series.
  counters = {
    micro_batch_created   = { about = "Batch conversions created.", events = ["batch_created"], labels = ["reason"] }
    micro_batch_completed = { about = "Batch conversions completed.", events = ["batch_completed"], labels = ["settled_by"] }
    micro_batch_late = {
      about  = "Batch conversions completed later than an hour after they were opened."
      events = ["batch_completed"]
      labels = []
      and    = "jsonPayload.duration_s>3600"
    }
    micro_batch_failed                  = { about = "Batch conversions that failed, by what ChangeNow said.", events = ["batch_failed"], labels = ["reason"] }
    micro_batch_stuck                   = { about = "Reports of a batch that does not come to an end.", events = ["batch_stuck"], labels = ["exchange_status"] }
    micro_batch_checks                  = { about = "Checks that ended well, by what they decided.", events = ["check_completed"], labels = ["reason"] }
    micro_batch_distribution_mismatches = { about = "Completions that the database refused because the shares do not sum.", events = ["distribution_mismatch"], labels = [] }
    micro_batch_refusals = {
      about  = "What was refused, and why.",
      events = ["amount_refused", "callback_refused", "quote_refused"]
      labels = ["event", "refusal"]
    }
    micro_batch_deferrals = { about = "Callbacks put off with a 503.", events = ["callback_deferred"], labels = [] }
    micro_batch_outages = {
      about  = "Calls to something outside that did not answer as it should.",
      events = ["database_unavailable", "events_unpublished", "exchange_unavailable", "tasks_unavailable"]
      labels = ["event"]
    }
  }

  # Measured lines: the distribution of one field. Amounts are written as plain decimal text.
  measures = {
    micro_batch_pending_usd          = { about = "Dollars pending at each check.", event = "check_completed", field = "pending_usd", unit = "USD" }
    micro_batch_pending_payments     = { about = "Payments pending at each check.", event = "check_completed", field = "pending_payments", unit = "1" }
    micro_batch_threshold_usd        = { about = "The threshold at each check.", event = "check_completed", field = "threshold_usd", unit = "USD" }
    micro_batch_oldest_pending_age_s = { about = "Age of the oldest pending payment at each check.", event = "check_completed", field = "oldest_pending_age_s", unit = "s" }
    micro_batch_size_usd             = { about = "Dollars in each batch.", event = "batch_created", field = "total_usd", unit = "USD" }
    micro_batch_size_payments        = { about = "Payments in each batch.", event = "batch_created", field = "payments", unit = "1" }
    micro_batch_quoted_usdt          = { about = "USDT quoted for each completed batch.", event = "batch_completed", field = "quoted_usdt", unit = "USDT" }
    micro_batch_received_usdt        = { about = "USDT received for each completed batch.", event = "batch_completed", field = "received_usdt", unit = "USDT" }
    micro_batch_duration_s           = { about = "From a batch's creation to its completion.", event = "batch_completed", field = "duration_s", unit = "s" }
  }

  metric_names = {
    for name in concat(keys(local.counters), keys(local.measures)) : name => "${name}${replace(var.suffix, "-", "_")}"
  }

  # How PromQL names them.
  promql = {
    for name in concat(keys(local.counters), keys(local.measures)) : name => "logging_googleapis_com:user_${local.metric_names[name]}"
  }
  on_run = "monitored_resource=\"cloud_run_revision\""
  # The mean over a time: exact, where a percentile of a distribution is a guess within a bucket.
  mean = {
    for name in keys(local.measures) : name =>
    "sum(increase(${local.promql[name]}_sum{${local.on_run}}[%s])) / sum(increase(${local.promql[name]}_count{${local.on_run}}[%s]))"
  }
  # The count over a time; 0, not nothing, where no line came.
  count = {
    for name in keys(local.counters) : name => "(sum(increase(${local.promql[name]}{${local.on_run}}[%s])) or vector(0))"
  }
}

resource "google_logging_metric" "counter" {
  for_each = local.counters

  name        = local.metric_names[each.key]
  description = each.value.about
  filter = join(" AND ", compact([
    local.log_source,
    format(local.event_filter, join(" OR ", [for event in each.value.events : "\"${event}\""])),
    lookup(each.value, "and", null),
  ]))
  label_extractors = { for label in each.value.labels : label => "EXTRACT(jsonPayload.${label})" }

  metric_descriptor {
    display_name = each.value.about
    metric_kind  = "DELTA"
    value_type   = "INT64"
    unit         = "1"

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }
}

resource "google_logging_metric" "measure" {
  for_each = local.measures

  name            = local.metric_names[each.key]
  description     = each.value.about
  filter          = "${local.log_source} AND jsonPayload.event=\"${each.value.event}\""
  value_extractor = "EXTRACT(jsonPayload.${each.value.field})"

  metric_descriptor {
    display_name = each.value.about
    metric_kind  = "DELTA"
    value_type   = "DISTRIBUTION"
    unit         = each.value.unit == "s" ? "s" : "1"
  }

  bucket_options {
    exponential_buckets {
      growth_factor      = 1.5
      num_finite_buckets = 48
      scale              = 0.1
    }
  }
}
