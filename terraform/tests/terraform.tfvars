# What every test here begins with; a run says what it changes.
project_id                 = "telepay-test"
callback_authentication    = "OIDC"
gchostpay1_url             = "https://gchostpay1.example.com"
gchostpay1_service_account = "gchostpay1@telepay-test.iam.gserviceaccount.com"
cloud_sql_connection_name  = "telepay-test:us-central1:telepaypsql"
