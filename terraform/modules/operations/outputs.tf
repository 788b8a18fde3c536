output "name" {
  description = "The job's full name."
  value       = "projects/${google_cloud_run_v2_job.main.project}/locations/${google_cloud_run_v2_job.main.location}/jobs/${google_cloud_run_v2_job.main.name}"
}
