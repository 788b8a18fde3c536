"""What is certain of a batch before an operator gives it back or orders it again."""
