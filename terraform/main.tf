terraform {
  # 1.7: import blocks take for_each; 1.9: validations look at other variables; 1.11: tests override values in a plan.
  required_version = ">= 1.11"

  # Where the state is comes from environments/ENV.gcs.tfbackend. Without one init stops: a state on somebody's disk is
  # one that the next person does not have.
  backend "gcs" {}

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }
}

provider "google" {
  project = var.project_id
  region  = var.region
}

data "google_project" "main" {
  project_id = var.project_id
}

locals {
  bucket_prefix = "${replace(replace(var.project_id, ":", "-"), ".", "-")}-micro-batch-"
  labels = merge(var.labels, {
    application = "micro-batch-conversion${var.suffix}"
    managed_by  = "terraform"
  })

  # Whether batches are steered from inside: ended, ordered again, settled by hand.
  is_steering = try(var.operations_job.steers, false)

  # The jobs that run operators' verbs inside the project: one for any verb, one for the nightly reconciliation.
  operations = merge(
    var.operations_job == null ? {} : {
      operations = {
        image       = var.operations_job.image
        own_secrets = {}
        schedule    = null
        secrets     = concat(local.database_secrets, local.is_steering ? local.order_secrets : [])
        words       = ["migrate", "--check"]
      }
    },
    var.reconciliation == null || var.operations_job == null ? {} : {
      reconciliation = {
        image = var.operations_job.image
        own_secrets = merge(
          { for secret in var.reconciliation.list_key_secret[*] : "CHANGENOW_PRIVATE_API_KEY" => secret },
          { for secret in var.reconciliation.node_secret[*] : "ETHEREUM_RPC_URL" => secret },
        )
        schedule = var.reconciliation.schedule
        secrets  = concat(local.database_secrets, ["CHANGENOW_API_KEY", "HOST_WALLET_ETH_ADDRESS", "HOST_WALLET_USDT_ADDRESS"])
        words    = ["reconcile", "--log"]
      }
    },
  )

  instance_name  = coalesce(var.database_instance.name, "telepaypsql${var.suffix}")
  project_number = data.google_project.main.number

  # The services that the configuration calls. cloudresourcemanager and serviceusage have to be on before the first
  # plan (docs/deploy.md); everything else is switched on here and stays on when the configuration is destroyed, since
  # other services of the project may use it.
  apis = setunion(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "cloudscheduler.googleapis.com",
      "cloudtasks.googleapis.com",
      "eventarc.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "pubsub.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "sqladmin.googleapis.com",
      "storage.googleapis.com",
    ],
    var.ci == null ? [] : ["iamcredentials.googleapis.com", "sts.googleapis.com"],
    var.kms_key == null ? [] : ["cloudkms.googleapis.com"],
    var.monthly_budget == null ? [] : ["billingbudgets.googleapis.com"],
    var.private_network == null ? [] : ["servicenetworking.googleapis.com"],
    var.vpc_connector == null ? [] : ["vpcaccess.googleapis.com"],
    var.vpc_egress == null ? [] : ["compute.googleapis.com"],
  )
}

resource "google_project_service" "main" {
  for_each = local.apis

  project            = var.project_id
  service            = each.key
  disable_on_destroy = false
}

module "database" {
  source = "./modules/database"

  connection_name     = var.cloud_sql_connection_name
  database_version    = var.database_version
  deletion_protection = var.deletion_protection
  instance            = merge(var.database_instance, { name = local.instance_name })
  kms_key             = var.kms_key
  labels              = local.labels
  private_network     = var.private_network
  project_id          = var.project_id
  region              = var.region
  runtime_users       = var.database_iam_login ? { for name in keys(local.functions) : name => google_service_account.main[name].email } : {}

  depends_on = [google_kms_crypto_key_iam_member.agent, google_project_service.main]
}

module "deployer" {
  source   = "./modules/deployer"
  for_each = var.ci == null ? {} : { github = var.ci }

  environment = each.value.environment
  project_id  = var.project_id
  repository  = each.value.repository
  suffix      = var.suffix

  depends_on = [google_project_service.main]
}

module "fence" {
  source = "./modules/fence"

  bucket              = "${local.bucket_prefix}fence${var.suffix}"
  deletion_protection = var.deletion_protection
  kms_key             = var.kms_key
  labels              = local.labels
  location            = var.region
  members = merge(
    { check_threshold = local.runtime_members.check_threshold },
    { for name, member in local.operations_members : name => member if name == "operations" && local.is_steering },
    { for member in var.operators : member => member },
  )
  suffix = var.suffix

  depends_on = [google_kms_crypto_key_iam_member.agent, google_project_service.main]
}

module "operations" {
  source   = "./modules/operations"
  for_each = local.operations

  archive_sha256 = local.operations_sha256
  bucket         = google_storage_bucket.packages.name
  connector      = var.vpc_connector
  environment = merge(
    local.database_environment,
    local.operator_environment,
    { CHANGENOW_API_URL = var.changenow_api_url },
    # Whoever steers decides by what check_threshold goes by.
    {
      for name, value in merge(local.environment, local.functions.check_threshold.environment) : name => value
      if each.key == "operations" && local.is_steering
    },
  )
  image           = coalesce(each.value.image, "python:${replace(var.runtime, "python3", "3.")}-slim")
  kms_key         = var.kms_key
  labels          = local.labels
  name            = each.key
  network         = var.vpc_egress
  region          = var.region
  schedule        = each.value.schedule
  secrets         = merge({ for name in each.value.secrets : name => local.secret_ids[name] }, each.value.own_secrets)
  service_account = google_service_account.main[each.key].email
  suffix          = var.suffix
  time_zone       = var.time_zone
  words           = each.value.words

  # Its account's grants take minutes to act, as those of the functions do.
  depends_on = [time_sleep.grants]
}

module "watching" {
  source = "./modules/watching"

  budget         = var.monthly_budget
  channels       = var.notification_channels
  database_id    = "${module.database.project}:${module.database.instance}"
  emails         = var.alert_emails
  labels         = local.labels
  limits         = var.alert_limits
  paused         = var.paused
  project_id     = var.project_id
  project_number = local.project_number
  queues         = { for name, queue in google_cloud_tasks_queue.main : name => queue.name }
  reconciliation = contains(keys(local.operations), "reconciliation") ? "micro-batch-reconciliation${var.suffix}" : null
  runbook_url    = var.runbook_url
  services       = { for name, function in local.functions : name => function.name }
  suffix         = var.suffix
  swap_cost_usd  = var.swap_cost_usd

  depends_on = [google_project_service.main]
}

import {
  for_each = toset(var.adopt.database_instance ? [local.instance_name] : [])
  to       = module.database.google_sql_database_instance.main[each.key]
  id       = each.key
}

import {
  for_each = toset(var.adopt.database_instance ? [local.instance_name] : [])
  to       = module.database.google_sql_database.main[each.key]
  id       = "projects/${var.project_id}/instances/${each.key}/databases/${var.database_instance.database}"
}
