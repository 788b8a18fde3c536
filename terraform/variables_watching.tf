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
    ended in a day failed; pending_age_h hours that the oldest payment waits; queue_backlog tasks waiting in a queue
    for 15 minutes; no_batch_h hours without a batch while a payment waits as long (24 at most: Monitoring looks no
    further back).
  EOT
  type = object({
    check_silence_min = optional(number, 45)
    failure_rate_pct  = optional(number, 5)
    no_batch_h        = optional(number, 24)
    pending_age_h     = optional(number, 48)
    queue_backlog     = optional(number, 20)
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
}

variable "notification_channels" {
  description = "Ids of existing notification channels (projects/P/notificationChannels/N) that get every alert."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", id))])
    error_message = "notification_channels holds ids of the form projects/P/notificationChannels/N."
  }
}

variable "runbook_url" {
  description = "Where the on-call person finds docs/runbook.md; every alert links to its section there."
  type        = string
  default     = "docs/runbook.md"
  nullable    = false
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
