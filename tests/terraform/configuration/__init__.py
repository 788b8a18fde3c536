"""What Terraform makes: the plan, its secrets, its environment, its life."""
