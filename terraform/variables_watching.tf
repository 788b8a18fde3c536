# Who is told of what, and when.

variable "alert_emails" {
  description = "E-mail addresses that get every alert; each becomes a notification channel."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))])
    error_message = "alert_emails holds something that is not an e-mail address."
  }
}

variable "alert_limits" {
  description = <<-EOT
    When alerts fire: check_silence_min minutes without a successful check; failure_rate_pct percent of the batches
    ended in a day failed (and more than one); pending_age_h hours that the oldest payment waits; queue_wait_min minutes
    that a task waits in a queue; no_batch_h hours without a batch while a payment waits as long (24 at most: Monitoring
    looks no further back).
  EOT
  type = object({
    check_silence_min = optional(number, 45)
    failure_rate_pct  = optional(number, 5)
    no_batch_h        = optional(number, 24)
    pending_age_h     = optional(number, 48)
    queue_wait_min    = optional(number, 30)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for limit in values(var.alert_limits) : limit > 0])
    error_message = "Every alert limit must be above zero."
  }
  validation {
    condition     = var.alert_limits.no_batch_h <= 24
    error_message = "alert_limits.no_batch_h may be 24 at most: Monitoring evaluates a day, not more."
  }
  validation {
    condition     = var.alert_limits.check_silence_min >= 30
    error_message = "alert_limits.check_silence_min must be 30 or more: a check comes every 15 minutes and takes some."
  }
}

variable "monthly_budget" {
  description = <<-EOT
    What the service may cost in a month, in whole units of the billing account's currency; at 50, 90 and 100 percent
    the channels of warnings are told. Null makes no budget (it takes rights on the billing account).
  EOT
  type = object({
    amount          = number
    billing_account = string
    currency        = string
  })
  default = null
}

variable "notification_channels" {
  description = <<-EOT
    Ids of existing notification channels (projects/P/notificationChannels/N): every gets all alerts, the others those
    of their severity. A pager belongs to critical, a chat room to warning.
  EOT
  type = object({
    critical = optional(list(string), [])
    error    = optional(list(string), [])
    every    = optional(list(string), [])
    warning  = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for id in flatten(values(var.notification_channels)) : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", id))])
    error_message = "notification_channels holds ids of the form projects/P/notificationChannels/N."
  }
}

variable "reconciliation" {
  description = <<-EOT
    Runs the verb reconcile each night, in a job like operations_job's (which it needs): every batch with ChangeNow
    and, where node_secret names a secret that holds the address of an Ethereum node, with the chain. list_key_secret
    names the secret of the private key that ChangeNow's list wants of a partner who has one. What nobody has explained
    is told to the channels of errors. The schedule is in the form of cron. Null runs none.
  EOT
  type = object({
    list_key_secret = optional(string)
    node_secret     = optional(string)
    schedule        = optional(string, "20 3 * * *")
  })
  default = null

  validation {
    condition     = var.reconciliation == null || var.operations_job != null
    error_message = "reconciliation runs in a job like that of operations_job: set that as well."
  }
  validation {
    condition     = var.reconciliation == null || can(regex("^\\S+ \\S+ \\S+ \\S+ \\S+$", var.reconciliation.schedule))
    error_message = "reconciliation.schedule must have the five fields of cron."
  }
}

variable "runbook_url" {
  description = <<-EOT
    The https address at which the on-call person reads docs/runbook.md; every alert links to its section there. Null
    names the section only: a path of the repository is a dead link in a mail.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.runbook_url == null || can(regex("^https://[^\\s#]+$", var.runbook_url))
    error_message = "runbook_url must be an https address, without a #."
  }
}

variable "swap_cost_usd" {
  description = "What one swap costs in gas and network fees, in US dollars; the dashboard's savings are counted with it."
  type        = number
  default     = 3.5
  nullable    = false

  validation {
    condition     = var.swap_cost_usd > 0
    error_message = "swap_cost_usd must be above zero."
  }
}
