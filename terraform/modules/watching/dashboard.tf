locals {
  # Left to right, top to bottom: title, unit, and a line for each legend.
  charts = [
    {
      title = "Pending against threshold", unit = "USD"
      lines = {
        pending   = format(local.mean.micro_batch_pending_usd, "30m", "30m")
        threshold = format(local.mean.micro_batch_threshold_usd, "30m", "30m")
      }
    },
    {
      title = "Oldest pending payment", unit = "h"
      lines = { age = "${format(local.mean.micro_batch_oldest_pending_age_s, "30m", "30m")} / 3600" }
    },
    {
      title = "Batches a day", unit = "batches"
      lines = {
        created   = format(local.count.micro_batch_conversions, "24h")
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
        "{{event}} {{refusal}}" = "sum by (event, refusal) (increase(${local.promql.micro_batch_refusals}{${local.on_run}}[1h]))"
        "{{event}}"             = "sum by (event) (increase(${local.promql.micro_batch_outages}{${local.on_run}}[1h]))"
        deferred                = format(local.count.micro_batch_deferrals, "1h")
        stuck                   = format(local.count.micro_batch_stuck, "1h")
      }
    },
    {
      title = "Checks an hour, by what they decided", unit = "checks"
      lines = { "{{reason}}" = "sum by (reason) (increase(${local.promql.micro_batch_checks}{${local.on_run}}[1h]))" }
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
      lines = { pending = format(local.mean.micro_batch_pending_payments, "30m", "30m") }
    },
  ]

  # Zero coordinates are left out, as the API leaves them out of its answer: else every plan would show a change.
  chart_tiles = [
    for index, chart in local.charts : merge(
      { for name, value in { xPos = (index % 2) * 24, yPos = floor(index / 2) * 12 } : name => value if value != 0 },
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

  log_tile = {
    yPos   = ceil(length(local.charts) / 2) * 12
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
    displayName  = "Micro-batch conversion"
    mosaicLayout = { columns = 48, tiles = concat(local.chart_tiles, [local.log_tile]) }
  })

  depends_on = [google_logging_metric.counter, google_logging_metric.measure]
}
