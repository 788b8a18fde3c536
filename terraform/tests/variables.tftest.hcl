# What is refused when it is wrong, before anything is touched.

mock_provider "google" {}

mock_provider "time" {}

variables {
  project_id                 = "telepay-test"
  callback_authentication    = "OIDC"
  gchostpay1_url             = "https://gchostpay1.example.com"
  gchostpay1_service_account = "gchostpay1@telepay-test.iam.gserviceaccount.com"
  cloud_sql_connection_name  = "telepay-test:us-central1:telepaypsql"
}

run "a_threshold_of_zero" {
  command         = plan
  expect_failures = [var.threshold_usd]

  variables {
    threshold_usd = 0
  }
}

run "a_threshold_with_thousandths" {
  command         = plan
  expect_failures = [var.threshold_usd]

  variables {
    threshold_usd = 20.005
  }
}

run "an_operator_who_is_everybody" {
  command         = plan
  expect_failures = [var.operators]

  variables {
    operators = ["allUsers"]
  }
}

run "everybody_as_invoker" {
  command         = plan
  expect_failures = [var.swap_executed_invokers]

  variables {
    swap_executed_invokers = ["allUsers"]
  }
}

run "everybody_with_an_account_as_invoker" {
  command         = plan
  expect_failures = [var.swap_executed_invokers]

  variables {
    swap_executed_invokers = ["allAuthenticatedUsers"]
  }
}

run "an_order_in_clear_text" {
  command         = plan
  expect_failures = [var.gchostpay1_url]

  variables {
    gchostpay1_url = "http://gchostpay1.example.com"
  }
}

run "an_api_key_in_clear_text" {
  command         = plan
  expect_failures = [var.changenow_api_url]

  variables {
    changenow_api_url = "http://api.changenow.io/v2"
  }
}

run "a_person_as_gchostpay1" {
  command         = plan
  expect_failures = [var.gchostpay1_service_account]

  variables {
    gchostpay1_service_account = "someone@example.com"
  }
}

run "a_person_as_invoker_of_gchostpay1" {
  command         = plan
  expect_failures = [var.gchostpay1_invoker]

  variables {
    gchostpay1_invoker = "someone@example.com"
  }
}

run "a_schedule_with_four_fields" {
  command         = plan
  expect_failures = [var.schedule]

  variables {
    schedule = "*/15 * * *"
  }
}

run "a_runtime_that_is_not_python" {
  command         = plan
  expect_failures = [var.runtime]

  variables {
    runtime = "nodejs22"
  }
}

run "a_runtime_too_old" {
  command         = plan
  expect_failures = [var.runtime]

  variables {
    runtime = "python310"
  }
}

run "an_instance_without_its_region" {
  command         = plan
  expect_failures = [var.cloud_sql_connection_name]

  variables {
    cloud_sql_connection_name = "telepay-test:telepaypsql"
  }
}

run "a_token_age_shorter_than_the_retries" {
  command         = plan
  expect_failures = [var.function_settings]

  variables {
    function_settings = { token_age_max_s = 3600 }
  }
}

run "a_statement_longer_than_the_function" {
  command         = plan
  expect_failures = [var.function_settings]

  variables {
    function_settings = { database_statement_timeout_s = 300 }
  }
}

run "a_policy_that_bounds_by_nothing" {
  command         = plan
  expect_failures = [var.policy]

  variables {
    policy = { max_payments = 0 }
  }
}

run "a_limit_of_zero" {
  command         = plan
  expect_failures = [var.alert_limits]

  variables {
    alert_limits = { check_silence_min = 0 }
  }
}

run "two_days_that_monitoring_cannot_see" {
  command         = plan
  expect_failures = [var.alert_limits]

  variables {
    alert_limits = { no_batch_h = 48 }
  }
}

run "a_channel_that_is_an_address" {
  command         = plan
  expect_failures = [var.notification_channels]

  variables {
    notification_channels = { critical = ["someone@example.com"] }
  }
}

run "an_address_that_is_none" {
  command         = plan
  expect_failures = [var.alert_emails]

  variables {
    alert_emails = ["someone"]
  }
}

run "a_secret_that_is_not_the_operators" {
  command         = plan
  expect_failures = [var.existing_secrets]

  variables {
    existing_secrets = ["MICRO_BATCH_THRESHOLD_USD"]
  }
}

run "adopting_a_secret_managed_elsewhere" {
  command         = plan
  expect_failures = [var.adopt]

  variables {
    existing_secrets = ["CHANGENOW_API_KEY"]
    adopt            = { secrets = ["CHANGENOW_API_KEY"] }
  }
}

run "adopting_a_strange_queue" {
  command         = plan
  expect_failures = [var.adopt]

  variables {
    adopt = { queues = ["default"] }
  }
}

run "adopting_an_instance_that_is_only_used" {
  command         = plan
  expect_failures = [var.adopt]

  variables {
    adopt = { database_instance = true }
  }
}

run "a_version_that_is_no_number" {
  command         = plan
  expect_failures = [var.secret_versions]

  variables {
    secret_versions = { CHANGENOW_API_KEY = "newest" }
  }
}

run "an_ingress_that_does_not_exist" {
  command         = plan
  expect_failures = [var.swap_executed_ingress]

  variables {
    swap_executed_ingress = "ALLOW_SOME"
  }
}

run "a_zone_for_a_region" {
  command         = plan
  expect_failures = [var.region]

  variables {
    region = "us-central1-a"
  }
}

run "a_project_number" {
  command         = plan
  expect_failures = [var.project_id]

  variables {
    project_id = "123456789012"
  }
}

run "savings_from_swaps_that_cost_nothing" {
  command         = plan
  expect_failures = [var.swap_cost_usd]

  variables {
    swap_cost_usd = 0
  }
}

run "a_database_too_old" {
  command         = plan
  expect_failures = [var.database_version]

  variables {
    database_version = "POSTGRES_13"
  }
}

run "an_undecided_callback" {
  command         = plan
  expect_failures = [var.callback_authentication]

  variables {
    callback_authentication = "NONE"
  }
}

run "everybody_deploys" {
  command         = plan
  expect_failures = [var.deployers]

  variables {
    deployers = ["allAuthenticatedUsers"]
  }
}

run "a_silence_shorter_than_a_check" {
  command         = plan
  expect_failures = [var.alert_limits]

  variables {
    alert_limits = { check_silence_min = 15 }
  }
}

run "a_runbook_that_no_mail_can_open" {
  command         = plan
  expect_failures = [var.runbook_url]

  variables {
    runbook_url = "docs/runbook.md"
  }
}
