output "deployer" {
  description = "The member that applies, for the accounts that it has to act as."
  value       = google_service_account.main["deployer"].member
}

output "identities" {
  description = "What a workflow needs to become one of them: provider and accounts."
  value = merge(
    { provider = google_iam_workload_identity_pool_provider.github.name },
    { for name, account in google_service_account.main : name => account.email },
  )
}
