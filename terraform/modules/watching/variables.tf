variable "channels" {
  description = "Ids of existing notification channels that get every alert."
  type        = list(string)
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
    queue_backlog     = number
  })
  nullable = false
}

variable "queues" {
  description = "The queues' names, by what the configuration calls them."
  type        = map(string)
  nullable    = false
}

variable "runbook_url" {
  description = "Where docs/runbook.md is read; every alert links to its section there."
  type        = string
  nullable    = false
}

variable "services" {
  description = "The functions' names, by entry point."
  type        = map(string)
  nullable    = false
}

variable "swap_cost_usd" {
  description = "What one swap costs, in US dollars."
  type        = number
  nullable    = false
}
