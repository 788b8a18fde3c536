# Production, where the database and the common secrets exist and nothing of this service does yet.

project_id                 = "telepay-459221"
gchostpay1_url             = "https://gchostpay1-10-26-abc123-uc.a.run.app"
gchostpay1_service_account = "gchostpay1-10-26@telepay-459221.iam.gserviceaccount.com"
gchostpay1_invoker         = "gchostpay1-invoker@telepay-459221.iam.gserviceaccount.com"

# OIDC needs a GCHostPay1 that sends an identity token with its callbacks; the one deployed today needs SIGNATURE.
callback_authentication = "OIDC"

# Nothing runs until an operator has gone through docs/deploy.md's checklist and sets this to false.
paused = true

# The instance that holds payout_accumulation. Without this line one is created.
cloud_sql_connection_name = "telepay-459221:us-central1:telepaypsql"

# Secrets that the other TelePay services already use; the rest is created empty.
existing_secrets = [
  "CHANGENOW_API_KEY",
  "DATABASE_NAME_SECRET",
  "DATABASE_PASSWORD_SECRET",
  "DATABASE_USER_SECRET",
  "SUCCESS_URL_SIGNING_KEY",
]

alert_emails = ["payments-oncall@example.com"]
operators    = ["group:payments@example.com"]
