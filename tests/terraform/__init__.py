"""Terraform: the configuration as a whole, its plan, its alerts, and what deploys it."""
