output "log_source" {
  description = "The filter of Cloud Logging that finds every line of both functions."
  value       = local.log_source
}
