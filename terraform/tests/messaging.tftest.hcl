# Names, schedule and retries: what GCHostPay1 and the architecture document rely on.

mock_provider "google" {}

mock_provider "time" {}

run "names_are_those_the_neighbours_know" {
  command = plan

  assert {
    condition     = toset([for queue in google_cloud_tasks_queue.main : queue.name]) == toset(["gchostpay1-batch-queue", "microbatch-response-queue"])
    error_message = "The queues' names are fixed by GCHostPay1."
  }
  assert {
    condition     = google_cloud_scheduler_job.main.name == "micro-batch-conversion-job"
    error_message = "The scheduler job is called micro-batch-conversion-job."
  }
  assert {
    condition     = toset([for topic in google_pubsub_topic.main : topic.name]) == toset(["micro-batch-events", "micro-batch-trigger"])
    error_message = "Two topics: the trigger and the batch events."
  }
}

run "the_check_runs_every_quarter_of_an_hour" {
  command = plan

  assert {
    condition     = google_cloud_scheduler_job.main.schedule == "*/15 * * * *" && google_cloud_scheduler_job.main.time_zone == "Etc/UTC"
    error_message = "The schedule is every 15 minutes in UTC."
  }
  assert {
    condition     = google_cloud_scheduler_job.main.paused
    error_message = "Nothing runs until an operator says so."
  }
}

run "the_schedule_follows_its_variables" {
  command = plan

  variables {
    schedule  = "*/5 * * * *"
    time_zone = "Europe/Berlin"
    paused    = false
  }

  assert {
    condition = (
      google_cloud_scheduler_job.main.schedule == "*/5 * * * *"
      && google_cloud_scheduler_job.main.time_zone == "Europe/Berlin"
      && !google_cloud_scheduler_job.main.paused
    )
    error_message = "schedule, time_zone and paused reach the job."
  }
}

run "an_order_is_attempted_once" {
  command = plan

  assert {
    condition = (
      google_cloud_tasks_queue.main["gchostpay1-batch-queue"].retry_config[0].max_attempts == 1
      && google_cloud_tasks_queue.main["gchostpay1-batch-queue"].retry_config[0].max_retry_duration == "0s"
    )
    error_message = "The deployed GCHostPay1 pays an order twice that is delivered twice: one attempt, and no time beside it."
  }
  assert {
    condition = (
      google_cloud_tasks_queue.main["microbatch-response-queue"].retry_config[0].max_attempts == 10
      && google_cloud_tasks_queue.main["microbatch-response-queue"].retry_config[0].max_retry_duration == "86400s"
    )
    error_message = "A callback may come twice: ten attempts within 24 hours."
  }
}

run "tasks_are_retried_for_a_day_where_gchostpay1_checks" {
  command = plan

  variables {
    gchostpay1_checks_for_duplicates = true
  }

  assert {
    condition = alltrue([for queue in google_cloud_tasks_queue.main : (
      queue.rate_limits[0].max_concurrent_dispatches == 10
      && queue.retry_config[0].max_attempts == 10
      && queue.retry_config[0].max_retry_duration == "86400s"
    )])
    error_message = "10 concurrent dispatches, 10 attempts, 24 hours."
  }
  # Should ten attempts alone ever end a task: the waits before the 2nd to the 10th.
  assert {
    condition = sum([
      for attempt in range(9) : min(
        tonumber(trimsuffix(google_cloud_tasks_queue.main["microbatch-response-queue"].retry_config[0].min_backoff, "s")) * pow(2, attempt),
        tonumber(trimsuffix(google_cloud_tasks_queue.main["microbatch-response-queue"].retry_config[0].max_backoff, "s")),
      ) if attempt <= google_cloud_tasks_queue.main["microbatch-response-queue"].retry_config[0].max_doublings
    ]) >= 2 * 3600
    error_message = "Ten attempts of a callback must outlive two hours without ChangeNow."
  }
  # GCHostPay1 refuses an order older than 300 s.
  assert {
    condition = length([
      for attempt in range(10) : attempt
      if tonumber(trimsuffix(google_cloud_tasks_queue.main["gchostpay1-batch-queue"].retry_config[0].min_backoff, "s")) * (pow(2, attempt) - 1) < 300
    ]) >= 6
    error_message = "At least six attempts of an order must come while its token is valid."
  }
}

run "a_failed_check_is_delivered_again" {
  command = plan

  assert {
    condition     = google_cloudfunctions2_function.main["check_threshold"].event_trigger[0].retry_policy == "RETRY_POLICY_RETRY"
    error_message = "Without a retry policy a message whose check failed is lost."
  }
  assert {
    condition     = google_cloudfunctions2_function.main["check_threshold"].event_trigger[0].event_type == "google.cloud.pubsub.topic.v1.messagePublished"
    error_message = "check_threshold is triggered by the topic."
  }
  assert {
    condition     = google_cloudfunctions2_function.main["check_threshold"].service_config[0].timeout_seconds <= 540
    error_message = "An event function may run 540 s at most."
  }
}

run "the_functions_are_sized_as_agreed" {
  command = plan

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.main :
      function.service_config[0].available_memory == "512Mi" && function.service_config[0].min_instance_count == 0
    ])
    error_message = "512Mi, and no instance kept warm."
  }
  assert {
    condition     = google_cloudfunctions2_function.main["swap_executed"].service_config[0].max_instance_count == 10
    error_message = "swap_executed has ten instances at most, as many as its queue dispatches at once."
  }
}
