# Who is told: everybody in emails, and for each severity the channels named for it.

locals {
  everybody = [for channel in google_monitoring_notification_channel.email : channel.id]
  channels = {
    CRITICAL = concat(local.everybody, var.channels.every, var.channels.critical)
    ERROR    = concat(local.everybody, var.channels.every, var.channels.error)
    WARNING  = concat(local.everybody, var.channels.every, var.channels.warning)
  }

  # The runbook's section of an alert, where it is another one's.
  sections = { force_expired = "ticks_unanswered" }

  # Where the on-call person reads on. A mail needs an address; without one the section's name has to do.
  documentation = {
    for key in concat(keys(local.line_alerts), keys(local.query_alerts), keys(local.objectives), ["platform_errors", "reconciliation_unexplained"]) :
    key => (
      var.runbook_url == null ?
      "Runbook: docs/runbook.md, section ${replace(lookup(local.sections, key, key), "_", "-")}" :
      "Runbook: [${replace(lookup(local.sections, key, key), "_", "-")}](${coalesce(var.runbook_url, "none")}#${replace(lookup(local.sections, key, key), "_", "-")})"
    )
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.emails

  display_name = "Micro-batch conversion${var.suffix}: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }
  user_labels  = var.labels
}

resource "google_billing_budget" "main" {
  for_each = var.budget == null ? {} : { month = var.budget }

  billing_account = each.value.billing_account
  display_name    = "Micro-batch conversion${var.suffix}: a month"

  amount {
    specified_amount {
      currency_code = each.value.currency
      units         = tostring(each.value.amount)
    }
  }

  budget_filter {
    labels   = { application = "micro-batch-conversion${var.suffix}" }
    projects = ["projects/${var.project_number}"]
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  all_updates_rule {
    monitoring_notification_channels = slice(local.channels["WARNING"], 0, min(5, length(local.channels["WARNING"])))
  }
}
