# Under an organisation's policies: a key of one's own, data in one region, all traffic through the VPC.

project_id                 = "telepay-459221"
region                     = "europe-west4"
gchostpay1_url             = "https://gchostpay1-10-26-abc123-ew.a.run.app"
gchostpay1_service_account = "gchostpay1-10-26@telepay-459221.iam.gserviceaccount.com"
callback_authentication    = "OIDC"
paused                     = true

kms_key          = "projects/telepay-459221/locations/europe-west4/keyRings/payments/cryptoKeys/micro-batch"
secret_locations = ["europe-west4"]

cloud_sql_ip_type = "PRIVATE"
private_network   = "projects/telepay-459221/global/networks/payments"

# ChangeNow is then reached through a NAT of that network.
vpc_egress = {
  all_traffic = true
  network     = "projects/telepay-459221/global/networks/payments"
  subnetwork  = "projects/telepay-459221/regions/europe-west4/subnetworks/functions"
}

# Deployed from a CI, whose jobs of the environment production may apply; see continuous-deployment.yml.
ci = {
  environment = "production"
  repository  = "telepay/micro-batch"
}
