output "address" {
  description = "The fence's object, as check_threshold and the operators' commands are told it."
  value       = "gs://${google_storage_bucket.main.name}/fence"
}
