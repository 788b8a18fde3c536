# What the installation is: its project, its region, its people, what was there before it.

variable "adopt" {
  description = <<-EOT
    What already exists in the project and is to be managed from here on instead of being created: names of queues,
    topics and secrets, the Cloud SQL instance (only when cloud_sql_connection_name is null).
    Applying imports them; the names may stay listed afterwards. An adopted secret keeps its versions.
  EOT
  type = object({
    database_instance = optional(bool, false)
    queues            = optional(set(string), [])
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

variable "ci" {
  description = <<-EOT
    The repository on GitHub (owner/name) and its environment from which this is deployed: makes an identity that plans,
    for every job of the repository, and one that applies, for jobs of that environment. Null makes neither.
  EOT
  type = object({
    environment = string
    repository  = string
  })
  default = null

  validation {
    condition     = var.ci == null || can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.ci.repository))
    error_message = "ci.repository must be owner/name: anything wider would let other repositories deploy."
  }
  validation {
    condition     = var.ci == null || can(regex("^[a-z0-9-]+$", var.ci.environment))
    error_message = "ci.environment must be an environment's name, in lower case."
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

variable "deployers" {
  description = <<-EOT
    IAM members who apply this configuration without owning the project: `make prepare` lets them act as the accounts
    that it makes, which deploying a function takes. Their other roles are listed in docs/deploy.md.
  EOT
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.deployers : can(regex("^(user|group|serviceAccount):[^\\s]+@[^\\s]+$", member))])
    error_message = "deployers holds members of the form user:, group: or serviceAccount:."
  }
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

variable "kms_key" {
  description = <<-EOT
    Id of a Cloud KMS key (projects/P/locations/REGION/keyRings/R/cryptoKeys/K, in this region) that encrypts the
    secrets, topics, packages, images, functions and a Cloud SQL instance created here. Null leaves that to Google. The
    service agents are granted the key; secrets are then replicated in this region alone.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/${var.region}/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key must be the id of a key in var.region: projects/P/locations/REGION/keyRings/R/cryptoKeys/K."
  }
}

variable "labels" {
  description = "Labels put on everything that takes labels, beside this configuration's own."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "operations_job" {
  description = <<-EOT
    Makes a Cloud Run job in which the operators' verbs run inside the project: migrations, smoke test, cut-over, for a
    database that no laptop reaches (`make deploy` then uses it by itself). It runs these very sources on an image that
    brings Python alone, of the same version as runtime: python:3.11-slim and so on, if none is given; better is a copy
    in your own registry, by its digest. Null makes none. With steers it also runs the verbs that move money's course or ask
    ChangeNow (accept, release, resend, fence, reconcile, threshold, policy): the job then reads what check_threshold
    reads, may send an order, and is for whoever may run it. Where no other way leads to the database, they need it.
  EOT
  type = object({
    image  = optional(string)
    steers = optional(bool, false)
  })
  default = null

  validation {
    condition     = try(var.operations_job.image, null) == null || can(regex("^[a-z0-9][a-z0-9._/:-]*(@sha256:[0-9a-f]{64})?$", var.operations_job.image))
    error_message = "operations_job.image must be an image, with its tag or its digest."
  }
}

variable "operators" {
  description = <<-EOT
    IAM members who run the service day by day: they may add versions to MICRO_BATCH_THRESHOLD_USD and
    MICRO_BATCH_POLICY (never destroy one), trigger a check, pause and resume the schedule, look into the queues and
    read the logs. For example group:payments@example.com.
  EOT
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group|serviceAccount):[^\\s]+@[^\\s]+$", member))])
    error_message = "operators holds members of the form user:, group: or serviceAccount:, and nobody public."
  }
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

variable "secret_locations" {
  description = <<-EOT
    Regions that the secrets created here are kept in, where an organisation's policy restricts locations. Empty leaves
    the choice to Google. Later changes do not move a secret: that would replace it, with all its versions.
  EOT
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for location in var.secret_locations : can(regex("^[a-z]+-[a-z]+[0-9]+$", location))])
    error_message = "secret_locations holds regions such as us-central1."
  }
  validation {
    condition     = var.kms_key == null || length(setsubtract(var.secret_locations, [var.region])) == 0
    error_message = "With kms_key secrets are kept in var.region alone: a key encrypts in its own region only."
  }
}

variable "secret_names" {
  description = <<-EOT
    Secrets that are called otherwise in this project, by the variable that carries them: of another generation of the
    services (MICROBATCH_URL = "PGP_MICROBATCH_URL") or of another environment. Unnamed, a secret made here is called as
    its variable, with the suffix; one of existing_secrets as its variable.
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for id in values(var.secret_names) : can(regex("^[A-Za-z0-9_-]{1,255}$", id))])
    error_message = "secret_names holds ids of secrets: letters, digits, _ and -."
  }
  validation {
    condition = length(setsubtract(keys(var.secret_names), [
      "CHANGENOW_API_KEY", "DATABASE_NAME_SECRET", "DATABASE_PASSWORD_SECRET", "DATABASE_USER_SECRET",
      "GCHOSTPAY1_BATCH_QUEUE", "HOST_WALLET_ETH_ADDRESS", "HOST_WALLET_USDT_ADDRESS", "MICROBATCH_RESPONSE_QUEUE",
      "MICROBATCH_URL", "MICRO_BATCH_POLICY", "MICRO_BATCH_THRESHOLD_USD", "SUCCESS_URL_SIGNING_KEY",
    ])) == 0
    error_message = "secret_names names a secret that this configuration does not know."
  }
  validation {
    condition     = length(distinct(values(var.secret_names))) == length(var.secret_names)
    error_message = "secret_names gives two secrets one id."
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

variable "suffix" {
  description = <<-EOT
    What every name made here ends in, so that two environments fit one project: for example -staging. In names of
    secrets it reads _STAGING, of metrics _staging. Empty for the only installation of a project; changing it later
    replaces everything.
  EOT
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(-[a-z][a-z0-9]{0,8})?$", var.suffix))
    error_message = "suffix must be empty or a hyphen, a letter and up to 8 more letters or digits (an account's name has room for no more)."
  }
}
