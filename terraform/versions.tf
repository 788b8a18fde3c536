terraform {
  # 1.7: import blocks take for_each; 1.9: validations look at other variables; 1.11: tests override values in a plan.
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.12"
    }
  }
}

provider "google" {
  project = var.project_id
  region  = var.region
}

data "google_project" "main" {
  project_id = var.project_id
}

locals {
  labels = merge(var.labels, {
    application = "micro-batch-conversion"
    managed_by  = "terraform"
  })
  project_number = data.google_project.main.number
}
