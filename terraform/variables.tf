variable "adopt" {
  description = <<-EOT
    What already exists in the project and is to be managed from here on instead of being created: names of queues,
    topics and secrets, the scheduler job, the Cloud SQL instance (only when cloud_sql_connection_name is null).
    Applying imports them; the names may stay listed afterwards. An adopted secret keeps its versions.
  EOT
  type = object({
    database_instance = optional(bool, false)
    queues            = optional(set(string), [])
    scheduler_job     = optional(bool, false)
    secrets           = optional(set(string), [])
    topics            = optional(set(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(var.adopt.queues, ["gchostpay1-batch-queue", "microbatch-response-queue"])) == 0
    error_message = "adopt.queues may name gchostpay1-batch-queue and microbatch-response-queue."
  }
  validation {
    condition     = length(setsubtract(var.adopt.topics, ["micro-batch-events", "micro-batch-trigger"])) == 0
    error_message = "adopt.topics may name micro-batch-events and micro-batch-trigger."
  }
  validation {
    condition     = length(setintersection(var.adopt.secrets, var.existing_secrets)) == 0
    error_message = "A secret is either adopted (managed here) or existing (managed elsewhere), not both."
  }
  validation {
    condition = length(setsubtract(var.adopt.secrets, [
      "CHANGENOW_API_KEY", "DATABASE_NAME_SECRET", "DATABASE_PASSWORD_SECRET", "DATABASE_USER_SECRET",
      "GCHOSTPAY1_BATCH_QUEUE", "HOST_WALLET_ETH_ADDRESS", "HOST_WALLET_USDT_ADDRESS", "MICROBATCH_RESPONSE_QUEUE",
      "MICROBATCH_URL", "MICRO_BATCH_POLICY", "MICRO_BATCH_THRESHOLD_USD", "SUCCESS_URL_SIGNING_KEY",
    ])) == 0
    error_message = "adopt.secrets names a secret that this configuration does not manage."
  }
  validation {
    condition     = !var.adopt.database_instance || var.cloud_sql_connection_name == null
    error_message = "adopt.database_instance needs cloud_sql_connection_name = null: a named instance is only used, not managed."
  }
}

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

variable "allow_unauthenticated_callback" {
  description = <<-EOT
    Lets swap_executed be called without an identity token (grants run.invoker to allUsers). Only for a GCHostPay1
    that sends no OIDC token; the callback's own signature and the internal ingress then are what protects it.
  EOT
  type        = bool
  default     = false
  nullable    = false
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

variable "cloud_sql_connection_name" {
  description = <<-EOT
    project:region:instance of the Cloud SQL instance that holds payout_accumulation. It is used, not managed. Null
    makes this configuration create (or adopt) an instance of its own, see database_instance.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.cloud_sql_connection_name == null || can(regex("^([a-z0-9.-]+:)?[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]+$", var.cloud_sql_connection_name))
    error_message = "cloud_sql_connection_name must be project:region:instance."
  }
}

variable "cloud_sql_ip_type" {
  description = "How the functions reach Cloud SQL: PUBLIC, PRIVATE or PSC. The last two need vpc_connector."
  type        = string
  default     = "PUBLIC"
  nullable    = false

  validation {
    condition     = contains(["PUBLIC", "PRIVATE", "PSC"], var.cloud_sql_ip_type)
    error_message = "cloud_sql_ip_type must be PUBLIC, PRIVATE or PSC."
  }
  validation {
    condition     = var.cloud_sql_ip_type == "PUBLIC" || var.vpc_connector != null
    error_message = "cloud_sql_ip_type PRIVATE and PSC are reached through a VPC: set vpc_connector."
  }
  validation {
    condition     = var.cloud_sql_connection_name != null || (var.cloud_sql_ip_type == "PRIVATE") == (var.private_network != null)
    error_message = "An instance created here is private exactly when private_network is set: then cloud_sql_ip_type must be PRIVATE, else PUBLIC."
  }
}

variable "database_instance" {
  description = "The Cloud SQL instance to create when cloud_sql_connection_name is null; disk_size_gb in GiB."
  type = object({
    availability_type = optional(string, "REGIONAL")
    database          = optional(string, "telepaydb")
    disk_size_gb      = optional(number, 20)
    name              = optional(string, "telepaypsql")
    tier              = optional(string, "db-custom-1-3840")
  })
  default  = {}
  nullable = false
}

variable "database_version" {
  description = "PostgreSQL of the Cloud SQL instance created here; for an adopted one, what it runs: a later one is an upgrade."
  type        = string
  default     = "POSTGRES_18"
  nullable    = false

  validation {
    condition     = can(regex("^POSTGRES_(1[4-9]|[2-9][0-9])$", var.database_version))
    error_message = "database_version must be POSTGRES_14 or later."
  }
}

variable "deletion_protection" {
  description = <<-EOT
    Refuses to destroy what cannot be got back: the secrets, the Cloud SQL instance, the bucket with what was
    deployed. Set it to false, apply, and only then destroy.
  EOT
  type        = bool
  default     = true
  nullable    = false
}

variable "existing_secrets" {
  description = <<-EOT
    Operators' secrets that exist already and are managed elsewhere: they are only granted to the functions. The
    others are created empty, and an operator adds their first version before the functions are deployed.
  EOT
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = length(setsubtract(var.existing_secrets, [
      "CHANGENOW_API_KEY", "DATABASE_NAME_SECRET", "DATABASE_PASSWORD_SECRET", "DATABASE_USER_SECRET",
      "HOST_WALLET_ETH_ADDRESS", "HOST_WALLET_USDT_ADDRESS", "SUCCESS_URL_SIGNING_KEY",
    ])) == 0
    error_message = "existing_secrets may name the operators' secrets only; to take over another one, list it in adopt.secrets."
  }
}

variable "function_settings" {
  description = <<-EOT
    The functions' own settings, at the code's defaults. Seconds, but for received_deviation_pct: by how many percent
    the USDT received may differ from the batch's dollars before a person has to accept it.
  EOT
  type = object({
    database_connect_timeout_s   = optional(number, 10)
    database_lock_timeout_s      = optional(number, 20)
    database_statement_timeout_s = optional(number, 180)
    http_timeout_s               = optional(number, 10)
    quote_age_max_s              = optional(number, 600)
    received_deviation_pct       = optional(number, 50)
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

variable "labels" {
  description = "Labels put on everything that takes labels, beside this configuration's own."
  type        = map(string)
  default     = {}
  nullable    = false
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

variable "operators" {
  description = <<-EOT
    IAM members who run the service day by day: they may add versions to MICRO_BATCH_THRESHOLD_USD and
    MICRO_BATCH_POLICY (never destroy one) and trigger a check. For example group:payments@example.com.
  EOT
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group|serviceAccount):[^\\s]+@[^\\s]+$", member))])
    error_message = "operators holds members of the form user:, group: or serviceAccount:, and nobody public."
  }
}

variable "package_dir" {
  description = "Folder of check_threshold.zip and swap_executed.zip, as `make package` builds them; relative to this folder."
  type        = string
  default     = "../build"
  nullable    = false
}

variable "paused" {
  description = "Pauses the schedule: no check runs, nothing is opened or reconciled. The first step of a rollback."
  type        = bool
  default     = false
  nullable    = false
}

variable "policy" {
  description = <<-EOT
    The first version of MICRO_BATCH_POLICY. Initial value only: operators change the secret. quote_deviation_pct is
    in percent, the max_ values bound the age, count and dollars of a batch's payments and the batches in flight.
  EOT
  type = object({
    max_age_hours       = optional(number)
    max_batch_usd       = optional(number)
    max_in_flight       = optional(number)
    max_payments        = optional(number)
    paused              = optional(bool, false)
    quote_deviation_pct = optional(number, 20)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key, value in var.policy : value == null || try(tonumber(value) > 0, true)])
    error_message = "The numbers of policy must be above zero, or null."
  }
}

variable "private_network" {
  description = <<-EOT
    Self link of the VPC network for the Cloud SQL instance created here: it then has a private address only. The
    network needs private services access. Null gives it a public address that only connectors can use.
  EOT
  type        = string
  default     = null
}

variable "project_id" {
  description = "The Google Cloud project everything is in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project's id (not its number or display name)."
  }
}

variable "region" {
  description = "Region of the functions, queues, schedule and of a Cloud SQL instance created here."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as us-central1, not a zone."
  }
}

variable "runbook_url" {
  description = "Where the on-call person finds docs/runbook.md; every alert links to its section there."
  type        = string
  default     = "docs/runbook.md"
  nullable    = false
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

variable "secret_versions" {
  description = <<-EOT
    Versions of operators' secrets that the functions get, by secret. An unnamed secret is read at its latest version
    when an instance starts; a number makes a rotation take effect with the next apply, in all instances.
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : can(regex("^(latest|[1-9][0-9]*)$", version))])
    error_message = "secret_versions holds version numbers or latest."
  }
}

variable "seed_secrets" {
  description = <<-EOT
    Writes the first version of MICRO_BATCH_THRESHOLD_USD and MICRO_BATCH_POLICY. Set it to false once operators
    have added versions of their own and before version 1 of either is destroyed: Terraform would otherwise take the
    missing version for its own to restore, and the newest version counts.
  EOT
  type        = bool
  default     = true
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
    error_message = "swap_executed_invokers holds members of the form user:, group: or serviceAccount:. For a caller without a token see allow_unauthenticated_callback."
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

variable "vpc_connector" {
  description = "Id of an existing Serverless VPC Access connector, for a Cloud SQL instance with a private address only."
  type        = string
  default     = null
}
