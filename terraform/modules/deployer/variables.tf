variable "environment" {
  description = "The repository's environment whose jobs may apply."
  type        = string
  nullable    = false
}

variable "project_id" {
  description = "The project that is deployed to."
  type        = string
  nullable    = false
}

variable "repository" {
  description = "The repository on GitHub, as owner/name."
  type        = string
  nullable    = false
}

variable "suffix" {
  description = "What the names made here end in, with its hyphen; empty for the only installation of a project."
  type        = string
  nullable    = false
}
