# No secret value in Terraform, and no operator's value ever written over.

mock_provider "google" {}

mock_provider "time" {}

run "the_initial_threshold_is_twenty_dollars" {
  command = plan

  assert {
    condition     = nonsensitive(google_secret_manager_secret_version.seed["MICRO_BATCH_THRESHOLD_USD"].secret_data) == "20.00"
    error_message = "The first version of MICRO_BATCH_THRESHOLD_USD is 20.00."
  }
  assert {
    condition     = jsondecode(nonsensitive(google_secret_manager_secret_version.seed["MICRO_BATCH_POLICY"].secret_data)) == { paused = true, cost_ratio = null, max_age_hours = null, max_payments = null, max_batch_usd = null, max_in_flight = null, quote_deviation_pct = 20 }
    error_message = "The first policy pauses and switches nothing else on, every key written out."
  }
}

run "first" {
  command = apply
}

run "another_initial_threshold_leaves_the_secret_alone" {
  command = apply

  variables {
    threshold_usd = 75
  }

  assert {
    condition     = nonsensitive(google_secret_manager_secret_version.seed["MICRO_BATCH_THRESHOLD_USD"].secret_data) == "20.00"
    error_message = "After the first apply the threshold belongs to the operators."
  }
  assert {
    condition     = google_secret_manager_secret_version.seed["MICRO_BATCH_THRESHOLD_USD"].id == run.first.seed_ids["MICRO_BATCH_THRESHOLD_USD"]
    error_message = "And no further version is written."
  }
}

run "terraform_writes_no_version_of_a_secret_secret" {
  command = plan

  assert {
    condition     = toset(keys(google_secret_manager_secret_version.seed)) == toset(["MICRO_BATCH_POLICY", "MICRO_BATCH_THRESHOLD_USD"])
    error_message = "Seeds: threshold and policy."
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret_version.queue)) == toset(["GCHOSTPAY1_BATCH_QUEUE", "MICROBATCH_RESPONSE_QUEUE"])
    error_message = "Published: the queues' names (and swap_executed's address)."
  }
}

run "a_destroyed_seed_is_not_restored_once_seeding_is_off" {
  command = plan

  variables {
    seed_secrets = false
  }

  assert {
    condition     = length(google_secret_manager_secret_version.seed) == 0
    error_message = "With seed_secrets = false Terraform writes neither secret."
  }
}

run "existing_secrets_are_used_and_not_managed" {
  command = plan

  variables {
    existing_secrets = ["CHANGENOW_API_KEY", "SUCCESS_URL_SIGNING_KEY"]
  }

  assert {
    condition     = !contains(keys(google_secret_manager_secret.main), "CHANGENOW_API_KEY") && contains(keys(google_secret_manager_secret.main), "HOST_WALLET_ETH_ADDRESS")
    error_message = "An existing secret is not created; the others are."
  }
  assert {
    condition     = contains([for one in google_cloudfunctions2_function.main["swap_executed"].service_config[0].secret_environment_variables : one.secret], "CHANGENOW_API_KEY")
    error_message = "An existing secret still reaches the functions."
  }
}

run "a_pinned_version_reaches_both_functions" {
  command = plan

  variables {
    secret_versions = { SUCCESS_URL_SIGNING_KEY = "7" }
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.main :
      one([for one in function.service_config[0].secret_environment_variables : one.version if one.key == "SUCCESS_URL_SIGNING_KEY"]) == "7"
    ])
    error_message = "Both functions must sign and verify with the same version."
  }
}

run "secrets_are_protected_from_deletion" {
  command = plan

  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.main : secret.deletion_protection && secret.version_destroy_ttl == "604800s"])
    error_message = "Secrets are protected, and a destroyed version can be brought back for a week."
  }
}
