variable "budget" {
  description = "The billing account, amount and currency of a month's budget; null makes none."
  type = object({
    amount          = number
    billing_account = string
    currency        = string
  })
}

variable "channels" {
  description = "Ids of existing notification channels: for every alert, and for those of one severity."
  type = object({
    critical = list(string)
    error    = list(string)
    every    = list(string)
    warning  = list(string)
  })
  nullable = false
}

variable "database_id" {
  description = "project:instance of the Cloud SQL instance, as its metrics name it."
  type        = string
  nullable    = false
}

variable "emails" {
  description = "E-mail addresses that get every alert; each becomes a notification channel."
  type        = set(string)
  nullable    = false
}

variable "labels" {
  description = "Labels of the alerts and channels."
  type        = map(string)
  nullable    = false
}

variable "limits" {
  description = "When alerts fire; the root's alert_limits."
  type = object({
    check_silence_min = number
    failure_rate_pct  = number
    no_batch_h        = number
    pending_age_h     = number
    queue_wait_min    = number
  })
  nullable = false
}

variable "paused" {
  description = "Whether the schedule is paused on purpose: silence is then expected."
  type        = bool
  nullable    = false
}

variable "project_id" {
  description = "The project whose logs are read."
  type        = string
  nullable    = false
}

variable "project_number" {
  description = "The same project's number, as budgets name it."
  type        = string
  nullable    = false
}

variable "queues" {
  description = "The queues' names, by what the configuration calls them."
  type        = map(string)
  nullable    = false
}

variable "reconciliation" {
  description = "The name of the job that reconciles each night; null where there is none."
  type        = string
}

variable "runbook_url" {
  description = "The https address at which docs/runbook.md is read; null where it has none."
  type        = string
}

variable "services" {
  description = "The functions' names, by entry point."
  type        = map(string)
  nullable    = false
}

variable "suffix" {
  description = "What the names made here end in, with its hyphen; empty for the only installation of a project."
  type        = string
  nullable    = false
}

variable "swap_cost_usd" {
  description = "What one swap costs, in US dollars."
  type        = number
  nullable    = false
}
