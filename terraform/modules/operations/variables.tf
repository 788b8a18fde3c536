variable "archive_sha256" {
  description = "SHA-256 of the archive that the job unpacks."
  type        = string
  nullable    = false
}

variable "bucket" {
  description = "The bucket that the archive is in, as operations-SHA256.zip."
  type        = string
  nullable    = false
}

variable "connector" {
  description = "Id of a Serverless VPC Access connector; null for none."
  type        = string
}

variable "environment" {
  description = "What the verbs read from the environment."
  type        = map(string)
  nullable    = false
}

variable "image" {
  description = "The image, which has to bring Python and nothing else."
  type        = string
  nullable    = false
}

variable "kms_key" {
  description = "Id of the Cloud KMS key that encrypts the job; null leaves that to Google."
  type        = string
}

variable "labels" {
  description = "Labels of the job."
  type        = map(string)
  nullable    = false
}

variable "name" {
  description = "What the job is called, between micro-batch- and the suffix."
  type        = string
  nullable    = false
}

variable "network" {
  description = "Network, subnetwork and tags of direct egress into a VPC; null for none."
  type = object({
    all_traffic = bool
    network     = string
    subnetwork  = string
    tags        = list(string)
  })
}

variable "region" {
  description = "The region that the job runs in."
  type        = string
  nullable    = false
}

variable "schedule" {
  description = "When the job starts by itself, in the form of cron; null for never."
  type        = string
}

variable "secrets" {
  description = "The secrets that the verbs read, by the variable that carries them."
  type        = map(string)
  nullable    = false
}

variable "service_account" {
  description = "The account that the job runs as."
  type        = string
  nullable    = false
}

variable "suffix" {
  description = "What the names made here end in, with its hyphen; empty for the only installation of a project."
  type        = string
  nullable    = false
}

variable "time_zone" {
  description = "Time zone of the schedule."
  type        = string
  nullable    = false
}

variable "words" {
  description = "The verb that the job runs when it is given no other."
  type        = list(string)
  nullable    = false
}
