"""What people type: make targets, deploy verbs and the pages that tell of them."""
