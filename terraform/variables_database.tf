# Where payout_accumulation is, and the way there.

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
  description = "How the functions reach Cloud SQL: PUBLIC, PRIVATE or PSC. The last two need vpc_egress or vpc_connector."
  type        = string
  default     = "PUBLIC"
  nullable    = false

  validation {
    condition     = contains(["PUBLIC", "PRIVATE", "PSC"], var.cloud_sql_ip_type)
    error_message = "cloud_sql_ip_type must be PUBLIC, PRIVATE or PSC."
  }
  validation {
    condition     = var.cloud_sql_ip_type == "PUBLIC" || var.vpc_connector != null || var.vpc_egress != null
    error_message = "cloud_sql_ip_type PRIVATE and PSC are reached through a VPC: set vpc_egress or vpc_connector."
  }
  validation {
    condition     = var.cloud_sql_connection_name != null || (var.cloud_sql_ip_type == "PRIVATE") == (var.private_network != null)
    error_message = "An instance created here is private exactly when private_network is set: then cloud_sql_ip_type must be PRIVATE, else PUBLIC."
  }
}

variable "database_iam_login" {
  description = <<-EOT
    Lets each function log in to the database as its own service account, without a password, as a user that owns
    nothing: `make deploy` grants it what it needs after the migrations, which the user of the secrets runs. An instance
    that is only used needs the flag cloudsql.iam_authentication. False logs in as the user of the secrets.
  EOT
  type        = bool
  default     = false
  nullable    = false
}

variable "database_instance" {
  description = "The Cloud SQL instance to create when cloud_sql_connection_name is null (telepaypsql, if it has no name); disk_size_gb in GiB."
  type = object({
    availability_type = optional(string, "REGIONAL")
    database          = optional(string, "telepaydb")
    disk_size_gb      = optional(number, 20)
    name              = optional(string)
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

variable "private_network" {
  description = <<-EOT
    Self link of the VPC network for the Cloud SQL instance created here: it then has a private address only. The
    network needs private services access. Null gives it a public address that only connectors can use.
  EOT
  type        = string
  default     = null
}

variable "vpc_connector" {
  description = "Id of an existing Serverless VPC Access connector, for a Cloud SQL instance with a private address only."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_connector == null || var.vpc_egress == null
    error_message = "The functions reach the VPC by vpc_egress or by vpc_connector, not by both."
  }
}

variable "vpc_egress" {
  description = <<-EOT
    Network, subnetwork and network tags by which the functions reach private addresses directly, without a connector.
    The subnetwork needs a /26 or more. Where an organisation's policy asks for all traffic through the VPC, all_traffic
    sends it there: ChangeNow then needs a NAT.
  EOT
  type = object({
    all_traffic = optional(bool, false)
    network     = string
    subnetwork  = string
    tags        = optional(list(string), [])
  })
  default = null
}
