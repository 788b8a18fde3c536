locals {
  channels = concat(var.channels, [for channel in google_monitoring_notification_channel.email : channel.id])
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.emails

  display_name = "Micro-batch conversion: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }
  user_labels  = var.labels
}
