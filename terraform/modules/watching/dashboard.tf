locals {
  # As of the last check: one comes every 15 minutes, and a longer window would show the mean of two.
  last_check = "15m"
  in_flight = format("%s - %s - %s", format(local.count.micro_batch_created, "24h"),
    format(local.count.micro_batch_completed, "24h"), format(local.count.micro_batch_failed, "24h"),
  )

  # The first row, a number each.
  scorecards = {
    "Pending, USD"                        = format(local.mean.micro_batch_pending_usd, local.last_check, local.last_check)
    "Threshold, USD"                      = format(local.mean.micro_batch_threshold_usd, local.last_check, local.last_check)
    "In flight: opened less ended, a day" = local.in_flight
    "Minutes since a check ended well"    = "(time() - max_over_time(timestamp(${local.check_ended_well} == 1)[24h:5m])) / 60"
  }

  # Left to right, top to bottom: title, unit, and a line for each legend.
  charts = [
    {
      title = "Pending against threshold", unit = "USD"
      lines = {
        pending   = format(local.mean.micro_batch_pending_usd, local.last_check, local.last_check)
        threshold = format(local.mean.micro_batch_threshold_usd, local.last_check, local.last_check)
      }
    },
    {
      title = "Oldest pending payment", unit = "h"
      lines = { age = "${format(local.mean.micro_batch_oldest_pending_age_s, "30m", "30m")} / 3600" }
    },
    {
      title = "Batches a day", unit = "batches"
      lines = {
        created   = format(local.count.micro_batch_created, "24h")
        completed = format(local.count.micro_batch_completed, "24h")
        failed    = format(local.count.micro_batch_failed, "24h")
      }
    },
    {
      title = "Mean batch size", unit = "payments; USD"
      lines = {
        payments = format(local.mean.micro_batch_size_payments, "24h", "24h")
        dollars  = format(local.mean.micro_batch_size_usd, "24h", "24h")
      }
    },
    {
      title = "From creation to completion, mean of a day", unit = "min"
      lines = { duration = "${format(local.mean.micro_batch_duration_s, "24h", "24h")} / 60" }
    },
    {
      title = "Savings a day: swaps not made, at ${var.swap_cost_usd} USD each", unit = "USD"
      lines = {
        saved = format("(sum(increase(%s_sum{%s}[24h])) - sum(increase(%s_count{%s}[24h]))) * %s",
          local.promql.micro_batch_size_payments, local.on_run, local.promql.micro_batch_size_payments, local.on_run,
          var.swap_cost_usd,
        )
      }
    },
    {
      title = "Received against quoted", unit = "%"
      lines = {
        received = format("100 * sum(increase(%s_sum{%s}[24h])) / sum(increase(%s_sum{%s}[24h]))",
          local.promql.micro_batch_received_usdt, local.on_run, local.promql.micro_batch_quoted_usdt, local.on_run,
        )
      }
    },
    {
      title = "Distributions that did not sum (must stay 0)", unit = "batches"
      lines = { mismatches = format(local.count.micro_batch_distribution_mismatches, "24h") }
    },
    {
      title = "Failures and refusals an hour", unit = "lines"
      lines = {
        "$${event} $${refusal}" = "sum by (event, refusal) (increase(${local.promql.micro_batch_refusals}{${local.on_run}}[1h]))"
        "$${event}"             = "sum by (event) (increase(${local.promql.micro_batch_outages}{${local.on_run}}[1h]))"
        deferred                = format(local.count.micro_batch_deferrals, "1h")
        stuck                   = format(local.count.micro_batch_stuck, "1h")
      }
    },
    {
      title = "Checks an hour, by what they decided", unit = "checks"
      lines = { "$${reason}" = "sum by (reason) (increase(${local.promql.micro_batch_checks}{${local.on_run}}[1h]))" }
    },
    {
      title = "Queue depth", unit = "tasks"
      lines = {
        for name, queue in var.queues : name =>
        "sum(cloudtasks_googleapis_com:queue_depth{monitored_resource=\"cloud_tasks_queue\",queue_id=\"${queue}\"})"
      }
    },
    {
      title = "Pending payments", unit = "payments"
      lines = { pending = format(local.mean.micro_batch_pending_payments, local.last_check, local.last_check) }
    },
    {
      title = "Objectives: met over the last day (99.5 % of the checks, 99 % of the batches)", unit = "%"
      lines = {
        checks  = "100 * avg_over_time((${local.check_ended_well})[24h:15m])"
        batches = "100 * (1 - ${format(local.count.micro_batch_late, "24h")} / ${format(local.count.micro_batch_completed, "24h")})"
      }
    },
    {
      title = "The database: processor and disk in use", unit = "%"
      lines = {
        for what in ["cpu", "disk"] : what =>
        "100 * max(cloudsql_googleapis_com:database_${what}_utilization{monitored_resource=\"cloudsql_database\",database_id=\"${var.database_id}\"})"
      }
    },
  ]

  # Zero coordinates are left out, as the API leaves them out of its answer: else every plan would show a change.
  chart_tiles = [
    for index, chart in local.charts : merge(
      { for name, value in { xPos = (index % 2) * 24, yPos = local.scorecards_height + floor(index / 2) * 12 } : name => value if value != 0 },
      {
        width  = 24
        height = 12
        widget = {
          title = chart.title
          xyChart = {
            dataSets = [
              for legend, query in chart.lines : {
                legendTemplate  = legend
                plotType        = "LINE"
                targetAxis      = "Y1"
                timeSeriesQuery = { prometheusQuery = query }
              }
            ]
            yAxis = { label = chart.unit, scale = "LINEAR" }
          }
        }
      },
    )
  ]

  scorecards_height = 6
  scorecard_tiles = [
    for index, title in sort(keys(local.scorecards)) : merge(
      { for name, value in { xPos = index * 12 } : name => value if value != 0 },
      {
        width  = 12
        height = local.scorecards_height
        widget = {
          title = title
          scorecard = {
            timeSeriesQuery = { prometheusQuery = local.scorecards[title] }
          }
        }
      },
    )
  ]

  log_tile = {
    yPos   = local.scorecards_height + ceil(length(local.charts) / 2) * 12
    width  = 48
    height = 16
    widget = {
      title     = "Warnings and errors"
      logsPanel = { filter = "${local.log_source} AND severity>=WARNING" }
    }
  }
}

resource "google_monitoring_dashboard" "main" {
  dashboard_json = jsonencode({
    displayName  = "Micro-batch conversion${var.suffix}"
    mosaicLayout = { columns = 48, tiles = concat(local.scorecard_tiles, local.chart_tiles, [local.log_tile]) }
  })

  depends_on = [google_logging_metric.counter, google_logging_metric.measure]
}
