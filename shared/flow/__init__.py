"""What is decided and done, one verb a file: check, open, order, reconcile, settle, call back."""
