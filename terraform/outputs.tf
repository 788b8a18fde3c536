locals {
  # Where the levers, the topic and the fence are, for the operators' command line: here and in the job.
  operator_environment = {
    FENCE                     = module.fence.address
    MICRO_BATCH_TRIGGER_TOPIC = google_pubsub_topic.main["micro-batch-trigger"].id
    POLICY_SECRET_ID          = local.secret_ids["MICRO_BATCH_POLICY"]
    THRESHOLD_SECRET_ID       = local.secret_ids["MICRO_BATCH_THRESHOLD_USD"]
  }
}

output "callback_url" {
  description = "Where GCHostPay1 calls back: MICROBATCH_URL and the path."
  value       = "${local.swap_executed_url}/swap-executed"
}

output "ci_identities" {
  description = "What a workflow needs to plan and to apply, where ci is set."
  value       = { for name, ci in module.deployer : name => ci.identities }
}

output "cloud_sql_connection_name" {
  description = "The instance that the migrations and the operators' commands connect to."
  value       = module.database.connection_name
}

# Over the resources, not the names: an output of names alone is not in the state after `make prepare`.
output "empty_secrets" {
  description = "Secrets that were created without a value, with the command that adds the first version of each."
  value = {
    for name, secret in google_secret_manager_secret.main :
    name => "printf %s \"$VALUE\" | gcloud secrets versions add ${secret.secret_id} --data-file=- --project=${var.project_id}" if contains(local.operator_secrets, name)
  }
}

output "installation" {
  description = "What `./microbatch deploy` needs to know of this installation."
  value = {
    callback_account = var.callback_authentication == "OIDC" ? var.gchostpay1_service_account : null
    callback_queue   = google_cloud_tasks_queue.main["microbatch-response-queue"].id
    callback_url     = local.swap_executed_url
    operations_job   = try(module.operations["operations"].name, null)
    order_queue      = google_cloud_tasks_queue.main["gchostpay1-batch-queue"].id
    packages_bucket  = google_storage_bucket.packages.name
    scheduler_job    = google_cloud_scheduler_job.main.id
    services         = { for name, function in google_cloudfunctions2_function.main : name => function.service_config[0].service }
    trigger_topic    = google_pubsub_topic.main["micro-batch-trigger"].id
  }
}

output "log_command" {
  description = "Follows what both functions write."
  value       = "gcloud beta logging tail '${module.watching.log_source}' --project=${var.project_id} --format='value(json_payload.message)'"
}

output "operator_environment" {
  description = "What `./microbatch` needs of this installation, as lines to evaluate; the database's three secrets are read apart."
  value = join("\n", [
    for name, value in merge(
      local.database_environment,
      local.operator_environment,
      { for name, job in module.operations : "MICRO_BATCH_JOB" => job.name if name == "operations" },
    ) : "export ${name}='${value}'"
  ])
}

output "pause_command" {
  description = "Pauses the schedule at once; set paused = true as well, or the next apply resumes it."
  value       = "gcloud scheduler jobs pause ${google_cloud_scheduler_job.main.name} --location=${var.region} --project=${var.project_id}"
}

output "policy_command" {
  description = "Stops opening batches while those in flight are brought to their end; the next check honours it."
  value       = "printf %s '{\"paused\": true}' | gcloud secrets versions add ${local.secret_ids["MICRO_BATCH_POLICY"]} --data-file=- --project=${var.project_id}"
}

output "seed_ids" {
  description = "The versions of the threshold and the policy that Terraform wrote; all later ones are the operators'."
  value       = { for name, version in google_secret_manager_secret_version.seed : name => version.id }
}

output "threshold_command" {
  description = "Raises (or lowers) the threshold, here to 50 dollars; the next check honours it."
  value       = "printf %s 50.00 | gcloud secrets versions add ${local.secret_ids["MICRO_BATCH_THRESHOLD_USD"]} --data-file=- --project=${var.project_id}"
}

output "trigger_command" {
  description = "Triggers a check now, as the schedule does."
  value       = "gcloud scheduler jobs run ${google_cloud_scheduler_job.main.name} --location=${var.region} --project=${var.project_id}"
}

output "trigger_forced_command" {
  description = "Triggers a check that opens a batch below the threshold."
  value       = "gcloud pubsub topics publish ${google_pubsub_topic.main["micro-batch-trigger"].name} --message=forced --attribute=force=true --project=${var.project_id}"
}
