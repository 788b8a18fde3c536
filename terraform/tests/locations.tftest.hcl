# Where things are kept, by whose key, and by which way the database is reached.

mock_provider "google" {}

mock_provider "time" {}

run "secrets_stay_in_the_regions_named" {
  command = plan

  variables {
    secret_locations = ["europe-west1", "europe-west4"]
  }

  assert {
    condition = alltrue([
      for secret in google_secret_manager_secret.main :
      toset(secret.replication[0].user_managed[0].replicas[*].location) == toset(["europe-west1", "europe-west4"])
    ])
    error_message = "Where locations are restricted, every secret is kept in them and nowhere else."
  }
}

run "a_key_of_ones_own_encrypts_all_that_is_kept" {
  command = plan

  variables {
    kms_key                   = "projects/telepay-test/locations/us-central1/keyRings/payments/cryptoKeys/micro-batch"
    cloud_sql_connection_name = null
  }

  assert {
    condition = alltrue([
      for secret in google_secret_manager_secret.main :
      secret.replication[0].user_managed[0].replicas[0].customer_managed_encryption[0].kms_key_name == var.kms_key
      && secret.replication[0].user_managed[0].replicas[0].location == "us-central1"
    ])
    error_message = "Secrets are kept in the key's region, under the key."
  }
  assert {
    condition = alltrue(concat(
      [for topic in google_pubsub_topic.main : topic.kms_key_name == var.kms_key],
      [for function in google_cloudfunctions2_function.main : function.kms_key_name == var.kms_key],
      [google_artifact_registry_repository.functions.kms_key_name == var.kms_key],
      [google_storage_bucket.packages.encryption[0].default_kms_key_name == var.kms_key],
    ))
    error_message = "So are topics, functions, images and packages."
  }
  assert {
    condition     = length(google_kms_crypto_key_iam_member.agent) == 8
    error_message = "The agents that encrypt are granted the key."
  }
}

run "functions_reach_the_vpc_directly" {
  command = plan

  variables {
    cloud_sql_ip_type = "PRIVATE"
    vpc_egress        = { network = "main", subnetwork = "functions", tags = ["micro-batch"] }
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.main :
      function.service_config[0].direct_vpc_network_interface[0].subnetwork == "functions"
      && function.service_config[0].direct_vpc_egress == "VPC_EGRESS_PRIVATE_RANGES_ONLY"
    ])
    error_message = "Private addresses go through the subnetwork, ChangeNow straight out."
  }
}

run "a_private_address_without_a_vpc" {
  command         = plan
  expect_failures = [var.cloud_sql_ip_type]

  variables {
    cloud_sql_ip_type = "PRIVATE"
  }
}

run "two_ways_into_the_vpc" {
  command         = plan
  expect_failures = [var.vpc_connector]

  variables {
    vpc_connector = "projects/telepay-test/locations/us-central1/connectors/main"
    vpc_egress    = { network = "main", subnetwork = "main" }
  }
}

run "a_key_of_another_region" {
  command         = plan
  expect_failures = [var.kms_key]

  variables {
    kms_key = "projects/telepay-test/locations/global/keyRings/payments/cryptoKeys/micro-batch"
  }
}

run "secrets_beyond_their_keys_region" {
  command         = plan
  expect_failures = [var.secret_locations]

  variables {
    kms_key          = "projects/telepay-test/locations/us-central1/keyRings/payments/cryptoKeys/micro-batch"
    secret_locations = ["europe-west1"]
  }
}

run "secrets_everywhere_by_name" {
  command         = plan
  expect_failures = [var.secret_locations]

  variables {
    secret_locations = ["EU"]
  }
}
