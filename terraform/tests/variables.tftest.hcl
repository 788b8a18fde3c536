# What is refused when it is wrong, before anything is touched: in each run every variable has a wrong value (of two
# kinds of wrong the second is in the next run), and each is refused by itself.

mock_provider "google" {}

mock_provider "time" {}

run "wrong_values_first" {
  command = plan
  expect_failures = [
    var.alert_emails,
    var.alert_limits,
    var.callback_authentication,
    var.changenow_api_url,
    var.cloud_sql_connection_name,
    var.database_version,
    var.deployers,
    var.existing_secrets,
    var.function_settings,
    var.gchostpay1_invoker,
    var.gchostpay1_service_account,
    var.gchostpay1_url,
    var.notification_channels,
    var.operators,
    var.policy,
    var.project_id,
    var.queue_names,
    var.reconciliation,
    var.region,
    var.runbook_url,
    var.runtime,
    var.schedule,
    var.secret_names,
    var.secret_versions,
    var.suffix,
    var.swap_cost_usd,
    var.swap_executed_ingress,
    var.swap_executed_invokers,
    var.threshold_usd,
  ]

  variables {
    # an address that is none
    alert_emails = ["someone"]
    # a limit of zero
    alert_limits = { check_silence_min = 0 }
    # an undecided callback
    callback_authentication = "NONE"
    # an api key in clear text
    changenow_api_url = "http://api.changenow.io/v2"
    # an instance without its region
    cloud_sql_connection_name = "telepay-test:telepaypsql"
    # a database too old
    database_version = "POSTGRES_13"
    # everybody deploys
    deployers = ["allAuthenticatedUsers"]
    # a secret that is not the operators
    existing_secrets = ["MICRO_BATCH_THRESHOLD_USD"]
    # a token age shorter than the retries
    function_settings = { token_age_max_s = 3600 }
    # a person as invoker of gchostpay1
    gchostpay1_invoker = "someone@example.com"
    # a person as gchostpay1
    gchostpay1_service_account = "someone@example.com"
    # an order in clear text
    gchostpay1_url = "http://gchostpay1.example.com"
    # a channel that is an address
    notification_channels = { critical = ["someone@example.com"] }
    # an operator who is everybody
    operators = ["allUsers"]
    # a policy that bounds by nothing
    policy = { max_payments = 0 }
    # a project number
    project_id = "123456789012"
    # a strange queue
    queue_names = { default = "q" }
    # a reconciliation without a job to run in
    reconciliation = {}
    # a zone for a region
    region = "us-central1-a"
    # a runbook that no mail can open
    runbook_url = "docs/runbook.md"
    # a runtime that is not python
    runtime = "nodejs22"
    # a schedule with four fields
    schedule = "*/15 * * *"
    # a secret that nobody reads
    secret_names = { PGP_MICROBATCH_URL = "MICROBATCH_URL" }
    # a version that is no number
    secret_versions = { CHANGENOW_API_KEY = "newest" }
    # a suffix without its hyphen
    suffix = "staging"
    # savings from swaps that cost nothing
    swap_cost_usd = 0
    # an ingress that does not exist
    swap_executed_ingress = "ALLOW_SOME"
    # everybody as invoker
    swap_executed_invokers = ["allUsers"]
    # a threshold of zero
    threshold_usd = 0
  }
}

run "wrong_values_second" {
  command = plan
  expect_failures = [
    var.adopt,
    var.alert_limits,
    var.function_settings,
    var.policy,
    var.runtime,
    var.secret_names,
    var.suffix,
    var.swap_executed_invokers,
    var.threshold_usd,
  ]

  variables {
    # adopting a secret managed elsewhere
    existing_secrets = ["CHANGENOW_API_KEY"]
    adopt            = { secrets = ["CHANGENOW_API_KEY"] }
    # two days that monitoring cannot see
    alert_limits = { no_batch_h = 48 }
    # a statement longer than the function
    function_settings = { database_statement_timeout_s = 300 }
    # a swap that may cost more than all that waits
    policy = { cost_ratio = { start = 1.5, tau_hours = 12 } }
    # a runtime too old
    runtime = "python310"
    # an id that is a path
    secret_names = { MICROBATCH_URL = "projects/p/secrets/s" }
    # a suffix longer than an account holds
    suffix = "-production-eu"
    # everybody with an account as invoker
    swap_executed_invokers = ["allAuthenticatedUsers"]
    # a threshold with thousandths
    threshold_usd = 20.005
  }
}

run "wrong_values_third" {
  command = plan
  expect_failures = [
    var.adopt,
    var.alert_limits,
    var.function_settings,
    var.secret_names,
  ]

  variables {
    # adopting a strange queue
    adopt = { queues = ["default"] }
    # a silence shorter than a check
    alert_limits = { check_silence_min = 15 }
    # a question to changenow longer than a check's lock waits for thirteen of them
    function_settings = { http_timeout_s = 13 }
    # two secrets of one name
    secret_names = { MICROBATCH_URL = "A", MICROBATCH_RESPONSE_QUEUE = "A" }
  }
}

run "wrong_values_fourth" {
  command = plan
  expect_failures = [
    var.adopt,
    var.function_settings,
  ]

  variables {
    # adopting an instance that is only used
    adopt = { database_instance = true }
    # a lock that nobody waits for
    function_settings = { database_lock_timeout_s = 0 }
  }
}
