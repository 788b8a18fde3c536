"""A Terraform plan before it is applied: reviewed by rules, approved by its hash."""
