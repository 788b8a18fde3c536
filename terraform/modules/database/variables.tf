variable "connection_name" {
  description = "project:region:instance of an instance that is used and not managed; null creates one."
  type        = string
}

variable "database_version" {
  description = "PostgreSQL of the instance created here."
  type        = string
  nullable    = false
}

variable "deletion_protection" {
  description = "Refuses to destroy the instance, in Terraform and at Google."
  type        = bool
  nullable    = false
}

variable "instance" {
  description = "The instance to create and its database; disk_size_gb in GiB."
  type = object({
    availability_type = string
    database          = string
    disk_size_gb      = number
    name              = string
    tier              = string
  })
  nullable = false
}

variable "kms_key" {
  description = "Id of the Cloud KMS key that encrypts the instance; null leaves that to Google."
  type        = string
}

variable "labels" {
  description = "Labels of the instance."
  type        = map(string)
  nullable    = false
}

variable "private_network" {
  description = "Self link of the network in which the instance gets its only address; null gives it a public one."
  type        = string
}

variable "project_id" {
  description = "The project of an instance created here."
  type        = string
  nullable    = false
}

variable "region" {
  description = "The region of an instance created here."
  type        = string
  nullable    = false
}

variable "runtime_users" {
  description = "Service accounts that log in as themselves, by what the configuration calls them."
  type        = map(string)
  nullable    = false
}
