variable "bucket" {
  description = "The name of the bucket."
  type        = string
  nullable    = false
}

variable "deletion_protection" {
  description = "Refuses to destroy the bucket while it holds the fence."
  type        = bool
  nullable    = false
}

variable "kms_key" {
  description = "Id of the Cloud KMS key that encrypts the bucket; null leaves that to Google."
  type        = string
}

variable "labels" {
  description = "Labels of the bucket."
  type        = map(string)
  nullable    = false
}

variable "location" {
  description = "The region that the bucket is in."
  type        = string
  nullable    = false
}

variable "members" {
  description = "Who reads and moves the fence, by what the configuration calls them."
  type        = map(string)
  nullable    = false
}

variable "suffix" {
  description = "What the names made here end in, with its hyphen; empty for the only installation of a project."
  type        = string
  nullable    = false
}
