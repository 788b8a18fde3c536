output "connection_name" {
  description = "project:region:instance, as the functions connect to it."
  value       = local.managed ? google_sql_database_instance.main[var.instance.name].connection_name : var.connection_name
}

output "instance" {
  description = "The instance's own name."
  value       = local.managed ? var.instance.name : reverse(local.parts)[0]
}

output "project" {
  description = "The project that the instance is in."
  value       = local.managed ? var.project_id : join(":", slice(local.parts, 0, length(local.parts) - 2))
}

output "users" {
  description = "The database users of the accounts that log in as themselves."
  value       = { for name, user in google_sql_user.runtime : name => user.name }
}
