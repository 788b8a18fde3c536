# Everything is made here: database, secrets, queues, topics. docs/deploy.md goes through it from the first command on.

project_id                 = "telepay-459221"
gchostpay1_url             = "https://gchostpay1-10-26-abc123-uc.a.run.app"
gchostpay1_service_account = "gchostpay1-10-26@telepay-459221.iam.gserviceaccount.com"

# OIDC needs a GCHostPay1 that sends an identity token with its callbacks; the one deployed today needs SIGNATURE.
callback_authentication = "OIDC"

# Nothing runs until an operator has gone through the checklist and sets this to false.
paused = true

alert_emails = ["payments-oncall@example.com"]
operators    = ["group:payments@example.com"]
