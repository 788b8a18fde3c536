# Staging, in a project of its own: other accounts, other database, other wallet, another state.

project_id                 = "telepay-staging"
gchostpay1_url             = "https://gchostpay1-staging-abc123-uc.a.run.app"
gchostpay1_service_account = "gchostpay1@telepay-staging.iam.gserviceaccount.com"
callback_authentication    = "OIDC"
paused                     = true

# A small instance that may be thrown away with the environment.
database_instance = {
  availability_type = "ZONAL"
  tier              = "db-f1-micro"
}
deletion_protection = false

labels = { environment = "staging" }
