"""What can be made to go wrong in a running sandbox, and how it is ended."""
