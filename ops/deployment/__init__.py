"""What a deployment needs beside Terraform: archives, the plan's review, the smoke test, the rollback."""
