# Where the number of the newest batch whose order may be out is kept, away from the database: one that is restored from
# a backup has forgotten orders, and would pay their payments again (docs/decisions/0011).

resource "google_storage_bucket" "main" {
  # checkov:skip=CKV_GCP_62:Holds one number that is written with each order; who wrote it is in the object's own versions.
  name                        = var.bucket
  location                    = var.location
  force_destroy               = !var.deletion_protection
  labels                      = var.labels
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  # Every number that was ever written can be seen, for as long as a backup that is restored may be old. A retention
  # policy would forbid the next number for as long.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 90
      with_state                 = "ARCHIVED"
    }
  }

  # What is deleted for good by mistake, the bucket itself among it, is there to be restored for as long.
  soft_delete_policy {
    retention_duration_seconds = 90 * 86400
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

# No ready-made role is as small. To list is needed as well: without it an object that does not exist yet is answered
# 403 instead of 404; to delete, since writing over an object is creating and deleting.
resource "google_project_iam_custom_role" "main" {
  role_id     = "microBatchFence${replace(title(var.suffix), "-", "")}"
  title       = "Micro-batch fence${var.suffix}"
  description = "Reads and moves the fence."
  permissions = [
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
  ]
}

resource "google_storage_bucket_iam_member" "main" {
  for_each = var.members

  bucket = google_storage_bucket.main.name
  role   = google_project_iam_custom_role.main.name
  member = each.value
}
