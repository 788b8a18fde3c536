# Only when no existing instance is named: the instance and the database. Its user and password are made by an
# operator (docs/deploy.md), so that no password is ever in a plan or a state.

locals {
  managed = var.connection_name == null
  # project:region:instance, where the project itself may hold a colon (example.com:project).
  parts = split(":", local.managed ? "::" : var.connection_name)
}

resource "google_sql_database_instance" "main" {
  # checkov:skip=CKV_GCP_60:Private as soon as private_network is set; without a VPC the public address admits connectors only, and no network is authorised.
  for_each = toset(local.managed ? [var.instance.name] : [])

  name                = each.key
  database_version    = var.database_version
  deletion_protection = var.deletion_protection
  encryption_key_name = var.kms_key
  region              = var.region

  settings {
    availability_type           = var.instance.availability_type
    connector_enforcement       = "REQUIRED"
    deletion_protection_enabled = var.deletion_protection
    disk_autoresize             = true
    disk_size                   = var.instance.disk_size_gb
    edition                     = "ENTERPRISE"
    tier                        = var.instance.tier
    user_labels                 = var.labels

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      start_time                     = "03:00"
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = 30
      }
    }

    ip_configuration {
      ipv4_enabled    = var.private_network == null
      private_network = var.private_network
      ssl_mode        = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    }

    # One by one, since scanners do not read a dynamic block. No statement's values are logged.
    database_flags {
      name  = "cloudsql.enable_pgaudit"
      value = "on"
    }
    dynamic "database_flags" {
      for_each = length(var.runtime_users) == 0 ? [] : ["on"]
      content {
        name  = "cloudsql.iam_authentication"
        value = database_flags.value
      }
    }
    database_flags {
      name  = "log_checkpoints"
      value = "on"
    }
    database_flags {
      name  = "log_connections"
      value = "on"
    }
    database_flags {
      name  = "log_disconnections"
      value = "on"
    }
    database_flags {
      name  = "log_duration"
      value = "on"
    }
    database_flags {
      name  = "log_hostname"
      value = "on"
    }
    database_flags {
      name  = "log_lock_waits"
      value = "on"
    }
    database_flags {
      name  = "log_min_duration_statement"
      value = "-1"
    }
    database_flags {
      name  = "log_min_error_statement"
      value = "error"
    }
    database_flags {
      name  = "log_min_messages"
      value = "warning"
    }
    database_flags {
      name  = "log_statement"
      value = "ddl"
    }
    database_flags {
      name  = "pgaudit.log"
      value = "ddl,role"
    }

    insights_config {
      query_insights_enabled = true
    }
  }

  lifecycle {
    # Each of these would replace a running instance by an empty one: the disk that grew by itself, and what an
    # adopted instance was created with.
    ignore_changes = [encryption_key_name, settings[0].collation, settings[0].disk_size]
  }
}

resource "google_sql_database" "main" {
  for_each = google_sql_database_instance.main

  name     = var.instance.database
  instance = each.value.name
  # It goes with the instance. By itself it could not be dropped while a session is open or a role owns its tables.
  deletion_policy = "ABANDON"
}

# The functions' own users: no password, and no right but what the migrations' owner grants.
resource "google_sql_user" "runtime" {
  for_each = var.runtime_users

  name     = trimsuffix(each.value, ".gserviceaccount.com")
  instance = local.managed ? google_sql_database_instance.main[var.instance.name].name : reverse(local.parts)[0]
  project  = local.managed ? var.project_id : join(":", slice(local.parts, 0, length(local.parts) - 2))
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"
}
