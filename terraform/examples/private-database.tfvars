# A database without a public address, reached by the functions through a subnetwork of the VPC. Migrations, smoke test
# and operators' commands run inside that network as well, in a job.

project_id                 = "telepay-459221"
gchostpay1_url             = "https://gchostpay1-10-26-abc123-uc.a.run.app"
gchostpay1_service_account = "gchostpay1-10-26@telepay-459221.iam.gserviceaccount.com"
callback_authentication    = "OIDC"
paused                     = true

operations_job = { steers = true }

# The functions have users of their own in the database, which own nothing and have no password.
database_iam_login = true

# The network has private services access.
cloud_sql_ip_type = "PRIVATE"
private_network   = "projects/telepay-459221/global/networks/payments"

vpc_egress = {
  network    = "projects/telepay-459221/global/networks/payments"
  subnetwork = "projects/telepay-459221/regions/us-central1/subnetworks/functions"
  tags       = ["micro-batch"]
}
