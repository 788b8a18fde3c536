# Where the service that this one replaces is installed: its database and secrets are used, its queues, the threshold
# and GCHostPay1's three secrets taken over. docs/deploy.md says when the old job is paused and deleted.

project_id                 = "telepay-459221"
gchostpay1_url             = "https://gchostpay1-10-26-abc123-uc.a.run.app"
gchostpay1_service_account = "gchostpay1-10-26@telepay-459221.iam.gserviceaccount.com"

# The GCHostPay1 of October sends no identity token, and pays an order twice that is delivered twice.
callback_authentication          = "SIGNATURE"
gchostpay1_checks_for_duplicates = false

paused = true

cloud_sql_connection_name = "telepay-459221:us-central1:telepaypsql"
existing_secrets = [
  "CHANGENOW_API_KEY",
  "DATABASE_NAME_SECRET",
  "DATABASE_PASSWORD_SECRET",
  "DATABASE_USER_SECRET",
  "HOST_WALLET_USDT_ADDRESS",
  "SUCCESS_URL_SIGNING_KEY",
]

adopt = {
  queues  = ["gchostpay1-batch-queue", "microbatch-response-queue"]
  secrets = ["GCHOSTPAY1_BATCH_QUEUE", "MICROBATCH_RESPONSE_QUEUE", "MICROBATCH_URL", "MICRO_BATCH_THRESHOLD_USD"]
}

alert_emails = ["payments-oncall@example.com"]
operators    = ["group:payments@example.com"]
