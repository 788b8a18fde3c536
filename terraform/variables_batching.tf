# How payments are batched, and with whom: schedule, first levers, GCHostPay1, ChangeNow, the functions' settings.

variable "callback_authentication" {
  description = <<-EOT
    Who may call swap_executed. OIDC: only GCHostPay1's service account, with an identity token on its tasks. SIGNATURE:
    anybody inside swap_executed_ingress (run.invoker for allUsers); the callback's own signature, and ChangeNow's
    confirmation of its amount, are what is checked. The GCHostPay1 that is deployed today sends no token and needs
    SIGNATURE: with OIDC the platform answers each callback 403 before our code runs, and every batch is settled by
    reconciliation, 20 minutes late or more. There is no default: decide it, and decide it again when GCHostPay1 changes.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = contains(["OIDC", "SIGNATURE"], var.callback_authentication)
    error_message = "callback_authentication must be OIDC or SIGNATURE."
  }
}

variable "changenow_api_url" {
  description = "Base address of ChangeNow's API, version 2."
  type        = string
  default     = "https://api.changenow.io/v2"
  nullable    = false

  validation {
    condition     = startswith(var.changenow_api_url, "https://")
    error_message = "changenow_api_url must be an https address: the API key travels in a header."
  }
}

variable "function_settings" {
  description = <<-EOT
    The functions' own settings, at the code's defaults. Seconds, but for batch_payments_max, the payments in one batch
    (what a database moves within its statement timeout), and received_deviation_pct: by how many percent the USDT
    received may differ from the batch's dollars before a person has to accept it.
  EOT
  type = object({
    batch_payments_max           = optional(number, 1000000)
    database_connect_timeout_s   = optional(number, 10)
    database_lock_timeout_s      = optional(number, 20)
    database_statement_timeout_s = optional(number, 180)
    http_timeout_s               = optional(number, 10)
    quote_age_max_s              = optional(number, 600)
    received_deviation_pct       = optional(number, 20)
    reconcile_grace_s            = optional(number, 1200)
    stuck_after_s                = optional(number, 3600)
    token_age_max_s              = optional(number, 90000)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for value in values(var.function_settings) : value > 0])
    error_message = "Every function setting must be above zero."
  }
  validation {
    condition     = var.function_settings.token_age_max_s > 86400
    error_message = "token_age_max_s must exceed 86400: the response queue retries a callback, with the token it was created with, for 24 hours."
  }
  validation {
    condition     = var.function_settings.database_statement_timeout_s < 300
    error_message = "database_statement_timeout_s must stay below swap_executed's own 300 seconds."
  }
  validation {
    condition     = var.function_settings.http_timeout_s <= 12
    error_message = "http_timeout_s must not be above 12: a check asks ChangeNow 13 times at most between two statements, and its lock waits for 300 seconds."
  }
}

variable "gchostpay1_checks_for_duplicates" {
  description = <<-EOT
    Whether GCHostPay1 looks for the batch's id before it pays. The one deployed today does not, and pays an order
    twice that is delivered twice: then an order is attempted once. True gives it ten attempts within 24 hours.
  EOT
  type        = bool
  default     = false
  nullable    = false
}

variable "gchostpay1_invoker" {
  description = <<-EOT
    Service account (e-mail, this project) whose OIDC token goes with the payment orders to GCHostPay1. Null sends
    none. It needs roles/run.invoker on GCHostPay1, which is granted where GCHostPay1 is deployed.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.gchostpay1_invoker == null || can(regex("^[^@\\s]+@[^@\\s]+\\.gserviceaccount\\.com$", var.gchostpay1_invoker))
    error_message = "gchostpay1_invoker must be a service account's e-mail address."
  }
}

variable "gchostpay1_service_account" {
  description = <<-EOT
    Service account (e-mail, this project) that GCHostPay1 runs as: it may enqueue callbacks, call swap_executed with
    its OIDC token and read the three secrets meant for it.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.gserviceaccount\\.com$", var.gchostpay1_service_account))
    error_message = "gchostpay1_service_account must be a service account's e-mail address."
  }
}

variable "gchostpay1_url" {
  description = "Address of GCHostPay1 to which payment orders are sent."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.gchostpay1_url, "https://")
    error_message = "gchostpay1_url must be an https address: the order's token travels in it."
  }
}

variable "package_dir" {
  description = "Folder of check_threshold.zip and swap_executed.zip, as `make package` builds them; relative to this folder."
  type        = string
  default     = "../build"
  nullable    = false
}

variable "paused" {
  description = <<-EOT
    Pauses the schedule: no check runs, nothing is opened or reconciled, and the alert on silence is off. True until an
    operator says otherwise, so that a first installation does nothing by itself; also the first step of a rollback.
  EOT
  type        = bool
  default     = true
  nullable    = false
}

variable "policy" {
  description = <<-EOT
    The first version of MICRO_BATCH_POLICY. Initial value only: operators change the secret. It pauses, until an
    operator has gone through the checklist. quote_deviation_pct is in percent, the max_ values bound the age, count and
    dollars of a batch's payments and the batches in flight. cost_ratio opens a batch once a swap's fixed cost is at most
    the share start of the pending dollars, which grows by a factor of e with every tau_hours that the oldest has waited.
  EOT
  type = object({
    cost_ratio          = optional(object({ start = number, tau_hours = number }))
    max_age_hours       = optional(number)
    max_batch_usd       = optional(number)
    max_in_flight       = optional(number)
    max_payments        = optional(number)
    paused              = optional(bool, true)
    quote_deviation_pct = optional(number, 20)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key, value in var.policy : value == null || try(tonumber(value) > 0, true)])
    error_message = "The numbers of policy must be above zero, or null."
  }

  validation {
    condition = var.policy.cost_ratio == null || try(
      var.policy.cost_ratio.start > 0 && var.policy.cost_ratio.start <= 1 && var.policy.cost_ratio.tau_hours > 0, false
    )
    error_message = "cost_ratio needs a start above 0 and up to 1, and a tau_hours above 0."
  }
}

variable "queue_names" {
  description = <<-EOT
    Queues that are called otherwise in this project, by their usual names: an adopted one of another generation of the
    services (microbatch-response-queue = "pgp-microbatch-response-queue-v1"). GCHostPay1 learns both names from secrets.
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.queue_names), ["gchostpay1-batch-queue", "microbatch-response-queue"])) == 0
    error_message = "queue_names may name gchostpay1-batch-queue and microbatch-response-queue."
  }
}

variable "runtime" {
  description = "Python runtime of both functions. The default is the version that the tests run on."
  type        = string
  default     = "python311"
  nullable    = false

  validation {
    condition     = can(regex("^python31[1-4]$", var.runtime))
    error_message = "runtime must be python311, python312, python313 or python314."
  }
}

variable "schedule" {
  description = "When the threshold is checked, in cron format, in time_zone."
  type        = string
  default     = "*/15 * * * *"
  nullable    = false

  validation {
    condition     = can(regex("^\\S+ \\S+ \\S+ \\S+ \\S+$", var.schedule))
    error_message = "schedule must have the five fields of cron."
  }
}

variable "swap_executed_ingress" {
  description = <<-EOT
    Who may reach swap_executed on the network. The default admits Cloud Tasks of this project (and is not the
    internet); ALLOW_ALL is for a GCHostPay1 that calls from elsewhere.
  EOT
  type        = string
  default     = "ALLOW_INTERNAL_ONLY"
  nullable    = false

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_AND_GCLB", "ALLOW_INTERNAL_ONLY"], var.swap_executed_ingress)
    error_message = "swap_executed_ingress must be ALLOW_INTERNAL_ONLY, ALLOW_INTERNAL_AND_GCLB or ALLOW_ALL."
  }
}

variable "swap_executed_invokers" {
  description = "IAM members who may call swap_executed beside GCHostPay1's service account."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.swap_executed_invokers : can(regex("^(user|group|serviceAccount):[^\\s]+@[^\\s]+$", member))])
    error_message = "swap_executed_invokers holds members of the form user:, group: or serviceAccount:. For a caller without a token see callback_authentication."
  }
}

variable "threshold_usd" {
  description = "Pending total, in US dollars, at which a batch is opened. Initial value only: operators change the secret."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.threshold_usd > 0
    error_message = "threshold_usd must be above zero; to stop batching, pause the schedule."
  }
  validation {
    condition     = floor(var.threshold_usd * 100) == var.threshold_usd * 100
    error_message = "threshold_usd is in dollars and whole cents."
  }
}

variable "time_zone" {
  description = "Time zone of the schedule, from the tz database."
  type        = string
  default     = "Etc/UTC"
  nullable    = false
}
