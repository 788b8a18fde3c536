# Who may do what: every grant is listed here, so that a new one has to be written down twice.

mock_provider "google" {
  override_during = plan
}

mock_provider "time" {}

override_data {
  target          = data.google_project.main
  override_during = plan
  values          = { number = "123456789012" }
}

override_resource {
  target          = google_service_account.main["build"]
  override_during = plan
  values          = { member = "serviceAccount:build", email = "build", name = "build" }
}

override_resource {
  target          = google_service_account.main["check_threshold"]
  override_during = plan
  values          = { member = "serviceAccount:check", email = "check", name = "check" }
}

override_resource {
  target          = google_service_account.main["swap_executed"]
  override_during = plan
  values          = { member = "serviceAccount:swap", email = "swap", name = "swap" }
}

override_resource {
  target          = google_service_account.main["trigger"]
  override_during = plan
  values          = { member = "serviceAccount:trigger", email = "trigger", name = "trigger" }
}

override_resource {
  target          = google_project_iam_custom_role.operator
  override_during = plan
  values          = { name = "projects/telepay-test/roles/microBatchOperator" }
}

run "secrets_are_granted_one_by_one" {
  command = plan

  assert {
    condition = toset([for grant in google_secret_manager_secret_iam_member.accessor : "${grant.member} ${grant.secret_id}" if grant.member == "serviceAccount:check"]) == toset([
      for secret in [
        "CHANGENOW_API_KEY", "DATABASE_NAME_SECRET", "DATABASE_PASSWORD_SECRET", "DATABASE_USER_SECRET",
        "GCHOSTPAY1_BATCH_QUEUE", "HOST_WALLET_ETH_ADDRESS", "HOST_WALLET_USDT_ADDRESS", "MICRO_BATCH_POLICY",
        "MICRO_BATCH_THRESHOLD_USD", "SUCCESS_URL_SIGNING_KEY",
      ] : "serviceAccount:check ${secret}"
    ])
    error_message = "check_threshold reads ten secrets."
  }
  assert {
    condition = toset([for grant in google_secret_manager_secret_iam_member.accessor : "${grant.member} ${grant.secret_id}" if grant.member == "serviceAccount:swap"]) == toset([
      for secret in [
        "CHANGENOW_API_KEY", "DATABASE_NAME_SECRET", "DATABASE_PASSWORD_SECRET", "DATABASE_USER_SECRET",
        "SUCCESS_URL_SIGNING_KEY",
      ] : "serviceAccount:swap ${secret}"
    ])
    error_message = "swap_executed reads five secrets: no wallet, no queue."
  }
  assert {
    condition = toset([for grant in google_secret_manager_secret_iam_member.accessor : grant.secret_id if strcontains(grant.member, "gchostpay1@")]) == toset([
      "GCHOSTPAY1_BATCH_QUEUE", "MICROBATCH_RESPONSE_QUEUE", "MICROBATCH_URL", "SUCCESS_URL_SIGNING_KEY",
    ])
    error_message = "GCHostPay1 reads the three values meant for it and the common signing key."
  }
  assert {
    condition     = alltrue([for grant in google_secret_manager_secret_iam_member.accessor : grant.role == "roles/secretmanager.secretAccessor"])
    error_message = "Reading a secret takes no more than secretAccessor."
  }
}

run "an_existing_signing_key_is_not_granted_again_to_gchostpay1" {
  command = plan

  variables {
    existing_secrets = ["SUCCESS_URL_SIGNING_KEY"]
  }

  assert {
    condition = !contains(
      [for grant in google_secret_manager_secret_iam_member.accessor : grant.secret_id if strcontains(grant.member, "gchostpay1@")],
      "SUCCESS_URL_SIGNING_KEY",
    )
    error_message = "GCHostPay1 reads the existing key already; its grant is not ours."
  }
}

run "nobody_public_calls_anything_with_oidc" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.unauthenticated) == 0
    error_message = "With OIDC swap_executed must not be public."
  }
  assert {
    condition     = toset([for grant in google_cloud_run_v2_service_iam_member.callback : grant.member]) == toset(["serviceAccount:gchostpay1@telepay-test.iam.gserviceaccount.com"])
    error_message = "Only GCHostPay1's account calls swap_executed."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.trigger.member == "serviceAccount:trigger" && google_cloud_run_v2_service_iam_member.trigger.role == "roles/run.invoker"
    error_message = "The trigger's account may call check_threshold, and nothing else."
  }
  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.main :
      function.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    ])
    error_message = "Both functions are reached from inside only: by Pub/Sub and by Cloud Tasks."
  }
}

run "a_public_callback_is_asked_for_by_name" {
  command = plan

  variables {
    callback_authentication = "SIGNATURE"
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_member.unauthenticated[0].member == "allUsers" && google_cloudfunctions2_function.main["swap_executed"].service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    error_message = "The variable opens swap_executed to callers without a token, still only from inside."
  }
}

run "each_part_has_an_account_of_its_own" {
  command = plan

  assert {
    condition = length(distinct([
      google_cloudfunctions2_function.main["check_threshold"].service_config[0].service_account_email,
      google_cloudfunctions2_function.main["check_threshold"].event_trigger[0].service_account_email,
      google_cloudfunctions2_function.main["swap_executed"].service_config[0].service_account_email,
      google_cloudfunctions2_function.main["swap_executed"].build_config[0].service_account,
    ])) == 4
    error_message = "Two runtime accounts, the trigger's and the build's."
  }
}

run "queues_and_topics_are_granted_one_by_one" {
  command = plan

  assert {
    condition     = google_cloud_tasks_queue_iam_member.orders.member == "serviceAccount:check" && google_cloud_tasks_queue_iam_member.orders.name == "gchostpay1-batch-queue" && google_cloud_tasks_queue_iam_member.orders.role == "roles/cloudtasks.enqueuer"
    error_message = "check_threshold may add orders to GCHostPay1's queue."
  }
  assert {
    condition     = strcontains(google_cloud_tasks_queue_iam_member.callbacks.member, "gchostpay1@") && google_cloud_tasks_queue_iam_member.callbacks.name == "microbatch-response-queue" && google_cloud_tasks_queue_iam_member.callbacks.role == "roles/cloudtasks.enqueuer"
    error_message = "GCHostPay1 may add callbacks to the response queue."
  }
  assert {
    condition     = toset([for grant in google_pubsub_topic_iam_member.events : "${grant.member} ${grant.topic} ${grant.role}"]) == toset(["serviceAccount:check micro-batch-events roles/pubsub.publisher", "serviceAccount:swap micro-batch-events roles/pubsub.publisher"])
    error_message = "Both functions publish batch events, and nothing else."
  }
  assert {
    condition     = length(google_service_account_iam_member.order_token) == 0
    error_message = "Without an invoker check_threshold acts as nobody."
  }
}

run "project_roles_stand_under_a_condition" {
  command = plan

  assert {
    condition     = toset([for grant in google_project_iam_member.cloud_sql : "${grant.member} ${grant.role}"]) == toset(["serviceAccount:check roles/cloudsql.client", "serviceAccount:swap roles/cloudsql.client"])
    error_message = "The two functions connect to Cloud SQL."
  }
  assert {
    condition     = alltrue([for grant in google_project_iam_member.cloud_sql : strcontains(grant.condition[0].expression, "resource.name == 'projects/telepay-test/instances/telepaypsql'")])
    error_message = "And to the one instance only."
  }
  assert {
    condition     = strcontains(google_project_iam_member.build_source.condition[0].expression, "projects/_/buckets/gcf-v2-sources-123456789012-us-central1")
    error_message = "A build reads the functions' sources only."
  }
  assert {
    condition     = google_project_iam_member.build_logs.role == "roles/logging.logWriter"
    error_message = "Writing logs is the one role without a condition."
  }
}

run "an_order_token_needs_acting_as_the_invoker" {
  command = plan

  variables {
    gchostpay1_invoker = "invoker@telepay-test.iam.gserviceaccount.com"
  }

  assert {
    condition     = one(values(google_service_account_iam_member.order_token)).service_account_id == "projects/telepay-test/serviceAccounts/invoker@telepay-test.iam.gserviceaccount.com" && one(values(google_service_account_iam_member.order_token)).member == "serviceAccount:check" && one(values(google_service_account_iam_member.order_token)).role == "roles/iam.serviceAccountUser"
    error_message = "check_threshold may act as the invoker, and only as it."
  }
  assert {
    condition     = google_cloudfunctions2_function.main["check_threshold"].service_config[0].environment_variables["GCHOSTPAY1_INVOKER"] == "invoker@telepay-test.iam.gserviceaccount.com"
    error_message = "The invoker reaches the function."
  }
}

run "operators_add_versions_and_destroy_none" {
  command = plan

  variables {
    operators = ["group:payments@example.com"]
  }

  assert {
    condition     = toset([for grant in google_secret_manager_secret_iam_member.operator : "${grant.secret_id} ${grant.role}"]) == toset(["MICRO_BATCH_POLICY roles/secretmanager.secretVersionAdder", "MICRO_BATCH_POLICY roles/secretmanager.viewer", "MICRO_BATCH_THRESHOLD_USD roles/secretmanager.secretVersionAdder", "MICRO_BATCH_THRESHOLD_USD roles/secretmanager.viewer"])
    error_message = "Operators add versions of the two secrets that are theirs to change."
  }
  assert {
    condition     = toset([for grant in google_pubsub_topic_iam_member.operator : "${grant.member} ${grant.topic}"]) == toset(["group:payments@example.com micro-batch-trigger"])
    error_message = "Operators may trigger a check."
  }
  assert {
    condition     = toset([for grant in google_project_iam_member.operator : grant.role]) == toset(["roles/logging.viewer", "roles/monitoring.viewer", "projects/telepay-test/roles/microBatchOperator"])
    error_message = "Operators read logs and charts, and have the one role made for them."
  }
  assert {
    condition = alltrue([
      for permission in one(values(google_project_iam_custom_role.operator)).permissions :
      can(regex("^(cloudscheduler.jobs.(enable|get|list|pause|run)|cloudtasks.(queues|tasks).(get|list))$", permission))
    ])
    error_message = "Operators pause, resume and run the job; they rewrite nothing."
  }
}

run "a_deployer_acts_as_the_accounts_it_deploys_with" {
  command = plan

  variables {
    deployers = ["group:platform@example.com"]
  }

  assert {
    condition     = toset([for grant in google_service_account_iam_member.deployer : grant.service_account_id]) == toset([for account in google_service_account.main : account.name])
    error_message = "Who deploys without owning the project acts as all four accounts."
  }
  assert {
    condition     = one(values(google_service_account_iam_member.smoke_test)).service_account_id == "projects/telepay-test/serviceAccounts/gchostpay1@telepay-test.iam.gserviceaccount.com"
    error_message = "And as GCHostPay1, in whose name the smoke test calls."
  }
}

run "a_ci_deploys_from_one_environment_of_one_repository" {
  command = plan

  variables {
    ci = { environment = "production", repository = "telepay/micro-batch" }
  }

  assert {
    condition     = length(google_service_account_iam_member.deployer) == 4
    error_message = "The CI's deployer acts as the four accounts."
  }
}

run "a_ci_of_every_repository" {
  command         = plan
  expect_failures = [var.ci]

  variables {
    ci = { environment = "production", repository = "telepay/*" }
  }
}

run "a_function_that_logs_in_as_itself_reads_no_password" {
  command = plan

  variables {
    database_iam_login = true
  }

  assert {
    condition = toset([for grant in google_secret_manager_secret_iam_member.accessor : grant.secret_id if grant.member == "serviceAccount:swap"]) == toset([
      "CHANGENOW_API_KEY", "DATABASE_NAME_SECRET", "SUCCESS_URL_SIGNING_KEY",
    ])
    error_message = "The database's user and password are the migrations' then, and no function's."
  }
  assert {
    condition = toset([for grant in google_project_iam_member.cloud_sql : "${grant.member} ${grant.role}"]) == toset([
      "serviceAccount:check roles/cloudsql.client", "serviceAccount:check roles/cloudsql.instanceUser",
      "serviceAccount:swap roles/cloudsql.client", "serviceAccount:swap roles/cloudsql.instanceUser",
    ])
    error_message = "Both functions connect and log in, to the one instance."
  }
  assert {
    condition     = alltrue([for grant in google_project_iam_member.cloud_sql : strcontains(grant.condition[0].expression, "instances/telepaypsql")])
    error_message = "Each of these is narrowed to the one instance."
  }
}

run "a_job_inside_reaches_what_its_verbs_need" {
  command = plan

  override_resource {
    target          = google_service_account.main["operations"]
    override_during = plan
    values          = { member = "serviceAccount:operations", email = "operations", name = "operations" }
  }

  override_resource {
    target          = google_service_account.main["reconciliation"]
    override_during = plan
    values          = { member = "serviceAccount:reconciliation", email = "reconciliation", name = "reconciliation" }
  }

  variables {
    operations_job = {}
    reconciliation = {}
  }

  assert {
    condition     = toset([for grant in google_secret_manager_secret_iam_member.accessor : grant.secret_id if grant.member == "serviceAccount:operations"]) == toset(["DATABASE_NAME_SECRET", "DATABASE_PASSWORD_SECRET", "DATABASE_USER_SECRET"])
    error_message = "Verbs read the database: no signing key, no wallet, no key of ChangeNow's."
  }
  assert {
    condition = toset([for grant in google_cloud_tasks_queue_iam_member.operations : "${grant.name} ${grant.role}"]) == toset([
      "microbatch-response-queue roles/cloudtasks.enqueuer", "microbatch-response-queue roles/cloudtasks.taskDeleter",
      "microbatch-response-queue roles/cloudtasks.viewer",
    ])
    error_message = "The smoke test asks for health through the callback queue; nothing here can send an order."
  }
  assert {
    condition     = [for grant in google_pubsub_topic_iam_member.operations : "${grant.member} ${grant.topic}"] == ["serviceAccount:operations micro-batch-trigger"]
    error_message = "The smoke test triggers one check; the reconciliation triggers none."
  }
  assert {
    condition     = toset([for grant in google_storage_bucket_iam_member.build : "${grant.member} ${grant.role}"]) == toset([for who in ["build", "operations", "reconciliation"] : "serviceAccount:${who} roles/storage.objectViewer"])
    error_message = "Builds and jobs read the packages, and write none."
  }
}

run "a_job_that_steers_does_what_a_check_may" {
  command = plan

  override_resource {
    target          = google_service_account.main["operations"]
    override_during = plan
    values          = { member = "serviceAccount:operations", email = "operations", name = "operations" }
  }

  variables {
    gchostpay1_invoker = "invoker@telepay-test.iam.gserviceaccount.com"
    operations_job     = { steers = true }
  }

  assert {
    condition = toset([for grant in google_secret_manager_secret_iam_member.accessor : grant.secret_id if grant.member == "serviceAccount:operations"]) == toset(
      [for grant in google_secret_manager_secret_iam_member.accessor : grant.secret_id if grant.member == "serviceAccount:check"]
    )
    error_message = "It reads what check_threshold reads."
  }
  assert {
    condition     = toset([for grant in google_secret_manager_secret_iam_member.steering : "${grant.secret_id} ${grant.role}"]) == toset(["MICRO_BATCH_POLICY roles/secretmanager.secretVersionAdder", "MICRO_BATCH_THRESHOLD_USD roles/secretmanager.secretVersionAdder"])
    error_message = "It sets the two levers."
  }
  assert {
    condition = toset([for grant in google_cloud_tasks_queue_iam_member.operations : "${grant.name} ${grant.role}"]) == toset(flatten([
      for queue in ["gchostpay1-batch-queue", "microbatch-response-queue"] : [for role in ["enqueuer", "taskDeleter", "viewer"] : "${queue} roles/cloudtasks.${role}"]
    ]))
    error_message = "It finds an order, takes it out and sends it again."
  }
  assert {
    condition     = toset([for grant in google_service_account_iam_member.order_token : grant.member]) == toset(["serviceAccount:check", "serviceAccount:operations"])
    error_message = "In the name that GCHostPay1 lets in."
  }
}
